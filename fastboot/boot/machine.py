"""Who asks: a machine's facts, as its firmware tells them.

The table of architectures is IANA's registry "Processor Architecture Types" (RFC 5970,
section 3.3), read as the firmware that is out there uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Arch:
    """What a client architecture means for the choice of a boot program.

    Attributes:
        words: Its name for people.
        platform: "bios", "efi", "u-boot", "raspberry-pi", or "other" where nothing
            here can boot it.
        cpu: What the program is built for: "i386", "x86_64", "arm", "arm64", ...
        http: Whether it is the architecture of a firmware that loads by HTTP.
    """

    words: str
    platform: str
    cpu: str
    http: bool = False


def _efi(words: str, cpu: str, *, http: bool = False) -> Arch:
    return Arch(f"UEFI {'HTTP ' if http else ''}{words}", "efi", cpu, http)


def _other(words: str, cpu: str, *, http: bool = False) -> Arch:
    return Arch(words, "other", cpu, http)


BIOS = Arch("BIOS", "bios", "i386")

RASPBERRY_PI = Arch("Raspberry Pi", "raspberry-pi", "arm64")
"""A Pi calls itself a BIOS in option 93; see `raspberry`."""

ARCHES: dict[int, Arch] = {
    0x00: BIOS,
    0x01: _other("NEC PC-98", "i386"),
    0x02: _other("Itanium", "ia64"),
    0x03: _other("DEC Alpha", "alpha"),
    0x04: _other("Arc x86", "i386"),
    0x05: _other("Intel Lean Client", "i386"),
    0x06: _efi("x86", "i386"),
    0x07: _efi("x86-64", "x86_64"),
    0x08: _other("UEFI Xscale", "arm"),
    # The registry says "EBC", byte code; firmware that sends it (ThinkPads, VMware,
    # old OVMF) is x86-64: RFC 4578 and its erratum swapped 7 and 9.
    0x09: _efi("x86-64", "x86_64"),
    0x0A: _efi("ARM", "arm"),
    0x0B: _efi("ARM64", "arm64"),
    0x0C: _other("PowerPC Open Firmware", "ppc"),
    0x0D: _other("PowerPC ePAPR", "ppc"),
    0x0E: _other("PowerPC OPAL", "ppc64"),
    0x0F: _efi("x86", "i386", http=True),
    0x10: _efi("x86-64", "x86_64", http=True),
    0x11: _efi("x86-64", "x86_64", http=True),  # "EBC", as 0x09
    0x12: _efi("ARM", "arm", http=True),
    0x13: _efi("ARM64", "arm64", http=True),
    0x14: Arch("BIOS HTTP", "bios", "i386", http=True),
    0x15: Arch("U-Boot ARM", "u-boot", "arm"),
    0x16: Arch("U-Boot ARM64", "u-boot", "arm64"),
    0x17: Arch("U-Boot HTTP ARM", "u-boot", "arm", http=True),
    0x18: Arch("U-Boot HTTP ARM64", "u-boot", "arm64", http=True),
    0x19: _efi("RISC-V 32", "riscv32"),
    0x1A: _efi("RISC-V 32", "riscv32", http=True),
    0x1B: _efi("RISC-V 64", "riscv64"),
    0x1C: _efi("RISC-V 64", "riscv64", http=True),
    0x1D: _efi("RISC-V 128", "riscv128"),
    0x1E: _efi("RISC-V 128", "riscv128", http=True),
    0x1F: _other("s390 basic", "s390x"),
    0x20: _other("s390 extended", "s390x"),
    0x21: _other("UEFI MIPS 32", "mips"),
    0x22: _other("UEFI MIPS 64", "mips64"),
    0x23: _other("UEFI Sunway 32", "sw32"),
    0x24: _other("UEFI Sunway 64", "sw64"),
    0x25: _efi("LoongArch 32", "loongarch32"),
    0x26: _efi("LoongArch 32", "loongarch32", http=True),
    0x27: _efi("LoongArch 64", "loongarch64"),
    0x28: _efi("LoongArch 64", "loongarch64", http=True),
    0x29: RASPBERRY_PI,  # "rpiboot"
    0xFFFF: _other("iPXE s390x", "s390x"),  # not registered; iPXE sends it
}
"""Every architecture that option 93 may name."""


def arch_of(codes: tuple[int, ...]) -> Arch:
    """The first architecture known among those a client listed.

    RFC 4578 allows several, the preferred first. A client that lists none is a BIOS:
    that is what they were before the option existed.

        >>> arch_of((0x1234, 7)).words
        'UEFI x86-64'
        >>> arch_of(()).words
        'BIOS'
    """
    for code in codes:
        if code in ARCHES:
            return ARCHES[code]
    return _other(f"architecture {codes[0]}", "unknown") if codes else BIOS


PLAYED = bytes.fromhex("026662")
"""The first bytes of the hardware addresses of machines that `fastboot doctor` plays:
locally administered (IEEE 802, section 8.2), so no maker's."""


def is_played(mac: str) -> bool:
    """Whether it is one of those: they boot nothing, and nothing is wrong with that.

    >>> is_played("02:66:62:00:00:01")
    True
    """
    return mac.startswith(PLAYED.hex(":"))


class Firmware(Enum):
    """What asks, and so in which way it wants to be told."""

    PXE = "PXE"
    """A boot ROM that loads by TFTP."""

    HTTP = "HTTP boot"
    """UEFI that loads by HTTP, from a URL."""

    IPXE = "iPXE"
    """iPXE, which takes a script."""

    RASPBERRY_PI = "Raspberry Pi"
    """A Raspberry Pi, which knows by itself what to ask for."""

    U_BOOT = "U-Boot"
    """U-Boot as it calls itself, which takes a name from whoever gives it an address."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that wants to boot from the network.

    Attributes:
        mac: Its hardware address, "52:54:00:12:34:56".
        codes: The architectures it listed (option 93).
        firmware: What asks.
        number: The 16 bytes of its SMBIOS UUID as firmware sends them, the first three
            fields little-endian; b"" where it has none of its own.
        ipxe_http: Whether it is an iPXE that can load by HTTP.
    """

    mac: str
    codes: tuple[int, ...] = ()
    firmware: Firmware = Firmware.PXE
    number: bytes = b""
    ipxe_http: bool = False

    @property
    def uuid(self) -> UUID | None:
        """The machine's UUID; None where it has none of its own."""
        return UUID(bytes_le=self.number) if self.number else None

    @property
    def arch(self) -> Arch:
        """The architecture to find a program for; see `arch_of`."""
        if self.firmware is Firmware.RASPBERRY_PI:
            return RASPBERRY_PI
        return arch_of(self.codes)

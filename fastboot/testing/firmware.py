"""How each firmware asks: its options, its way to load, what it decides by.

From the sources of EDK2, iPXE and U-Boot, and from what ROMs and Raspberry Pis are known
to send; the choice among offers is that of `fastboot.firmware`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from uuid import UUID

from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import BOOTREQUEST, BROADCAST_FLAG, UNSPECIFIED, Frame
from fastboot.firmware import edk2_http, edk2_pxe, ipxe, raspberry, rom
from fastboot.firmware.decision import Decision, Heard, Stop

from . import u_boot

Decide = Callable[[Sequence[Heard], Collection[IPv4Address]], Decision]

NUMBER = UUID("12345678-1234-5678-1234-56789abcdef0")
"""The SMBIOS UUID of the emulated PCs."""

_PI_NUMBER = bytes.fromhex("00 52506934 1131c000 32013456 2b1a3c0d")
"""Type, "RPi4", board revision, the end of the MAC, serial number."""

_IPXE_FEATURES = bytes.fromhex("b10580861010d3 eb03010000 130101 150101 170101 240101")
"""Sub-options of option 175: the card, the version, and HTTP, TFTP, DNS, EFI."""

TftpOptions = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One firmware.

    Attributes:
        vendor: Option 60.
        arch: Option 93.
        decide: What it does about what it heard.
        screen: What it shows where it stops.
        tftp: The options that it asks for with a file.
        probe: Whether it first asks for the size alone, and leaves.
        head: Whether it asks by HEAD before GET.
        agent: HTTP's User-Agent.
        more: Options of its own.
        number: Option 97; empty for none.
        mac: Its hardware address, where none is given.
        names: The names that it asks for by itself, the first that is there, by its MAC
            and its address.
        flags: BOOTP's flags.
    """

    vendor: bytes
    arch: int
    decide: Decide
    screen: Mapping[Stop, str]
    tftp: TftpOptions = ()
    probe: bool = False
    head: bool = False
    agent: str = ""
    more: tuple[tuple[int, bytes], ...] = ()
    number: bytes = b"\0" + NUMBER.bytes_le
    mac: str = "52:54:00:12:34:56"
    names: Callable[[bytes, IPv4Address], tuple[str, ...]] = lambda mac, address: ()
    flags: int = BROADCAST_FLAG

    def discover(self, mac: bytes, xid: int) -> Frame:
        """Its DISCOVER."""
        return self._ask(MessageType.DISCOVER, mac, xid, UNSPECIFIED, self.flags)

    def question(self, mac: bytes, xid: int, address: IPv4Address) -> Frame:
        """What it asks on port 4011, once it has an address."""
        return self._ask(MessageType.REQUEST, mac, xid, address, 0)

    def _ask(
        self, kind: MessageType, mac: bytes, xid: int, address: IPv4Address, flags: int
    ) -> Frame:
        options = [
            (int(Code.MESSAGE_TYPE), bytes((kind,))),
            (int(Code.MAX_MESSAGE_SIZE), (1472).to_bytes(2, "big")),
            (int(Code.CLIENT_INTERFACE), b"\1\3\0"),  # UNDI 3.0
            (int(Code.CLIENT_ARCHITECTURE), self.arch.to_bytes(2, "big")),
            (int(Code.VENDOR_CLASS), self.vendor),
            *self.more,
        ]
        if self.number:
            options.insert(2, (int(Code.CLIENT_MACHINE), self.number))
        return Frame(
            op=BOOTREQUEST,
            xid=xid,
            chaddr=mac,
            flags=flags,
            ciaddr=address,
            options=tuple(options),
        )


def _pi_names(mac: bytes, address: IPv4Address) -> tuple[str, ...]:
    return ("2b1a3c0d/start4.elf", "start4.elf")


KINDS: Mapping[str, Kind] = {
    "edk2-pxe": Kind(
        vendor=b"PXEClient:Arch:00007:UNDI:003000",
        arch=7,
        decide=edk2_pxe.decide,
        screen=edk2_pxe.SCREEN,
        tftp=((b"tsize", b"0"), (b"blksize", b"1468"), (b"windowsize", b"4")),
        probe=True,
    ),
    "edk2-http": Kind(
        vendor=b"HTTPClient:Arch:00016:UNDI:003000",
        arch=16,
        decide=edk2_http.decide,
        screen=edk2_http.SCREEN,
        head=True,
        agent="UefiHttpBoot/1.0",
    ),
    "ipxe": Kind(
        vendor=b"PXEClient:Arch:00007:UNDI:003010",
        arch=7,
        decide=ipxe.decide,
        screen=ipxe.SCREEN,
        tftp=((b"blksize", b"1432"), (b"tsize", b"0")),
        agent="iPXE/1.21.1+",
        more=((int(Code.USER_CLASS), b"iPXE"), (int(Code.IPXE), _IPXE_FEATURES)),
        flags=0,
    ),
    "bios": Kind(
        vendor=b"PXEClient:Arch:00000:UNDI:002001",
        arch=0,
        decide=rom.decide,
        screen=rom.SCREEN,
        tftp=((b"tsize", b"0"), (b"blksize", b"1456")),
        probe=True,
    ),
    "raspberry-pi": Kind(
        vendor=b"PXEClient:Arch:00000:UNDI:002001",
        arch=0,
        decide=raspberry.decide,
        screen=raspberry.SCREEN,
        tftp=((b"tsize", b"0"), (b"blksize", b"1468")),
        probe=True,
        number=_PI_NUMBER,
        mac="dc:a6:32:01:34:56",
        names=_pi_names,
    ),
    "u-boot": Kind(
        vendor=b"U-Boot.armv8",
        arch=22,
        decide=u_boot.decide,
        screen=u_boot.SCREEN,
        tftp=((b"timeout", b"5"), (b"tsize", b"0"), (b"blksize", b"1468")),
        number=b"",
        names=u_boot.names,
        flags=0,
    ),
}
"""The firmware that can be emulated, by name."""

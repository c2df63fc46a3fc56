"""The machines that the doctor plays: what each asks, and how it chooses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from fastboot.boot.machine import PLAYED
from fastboot.dhcp.options import Code, MessageType, Options
from fastboot.dhcp.packet import BOOTREQUEST, BROADCAST_FLAG, Frame
from fastboot.dhcp.pxe import HTTP_CLIENT, PXE_CLIENT, Feature
from fastboot.firmware import edk2_http, edk2_pxe, ipxe, raspberry, rom
from fastboot.firmware.decision import Firmware

_WANTED = bytes((1, 3, 6, 12, 15, 17, 43, 54, 60, 66, 67, 97, 175))
"""Option 55: what some of these machines ask for, and we want to see."""

_SIZE_MAX = 1472
"""Option 57, as EDK2 and iPXE send it."""

_IPXE_FEATURES = bytes((Feature.HTTP, 1, 1, Feature.TFTP, 1, 1, Feature.EFI, 1, 1))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of machine.

    Attributes:
        name: What it is called in flags and JSON.
        words: What people call it.
        architecture: Option 93.
        firmware: How it chooses among offers.
        http: Whether it is UEFI's HTTP boot.
        ipxe: Whether it is iPXE.
        usual: Whether it is asked about where nobody says otherwise.
    """

    name: str
    words: str
    architecture: int
    firmware: Firmware
    http: bool = False
    ipxe: bool = False
    usual: bool = False

    @property
    def uefi(self) -> bool:
        """Whether it is UEFI itself, and not what it loaded."""
        return self.firmware in (edk2_pxe, edk2_http) and not self.ipxe

    def discover(self, chaddr: bytes, xid: int) -> Frame:
        """Its DISCOVER, to be answered by broadcast (RFC 2131, section 4.1)."""
        return Frame(
            op=BOOTREQUEST,
            xid=xid,
            chaddr=chaddr,
            flags=BROADCAST_FLAG,
            options=self._options(MessageType.DISCOVER, chaddr),
        )

    def question(self, chaddr: bytes, xid: int, ciaddr: IPv4Address) -> Frame:
        """Its question on port 4011, from the address `ciaddr` (PXE 2.1, 2.2.5)."""
        asked = self.discover(chaddr, xid)
        options = self._options(MessageType.REQUEST, chaddr)
        return replace(asked, flags=0, ciaddr=ciaddr, options=options)

    def mac(self, random: bytes) -> bytes:
        """A hardware address for it, with three bytes of `random`; see `PLAYED`."""
        return PLAYED + random[:3]

    def _options(self, kind: MessageType, chaddr: bytes) -> Options:
        client = HTTP_CLIENT if self.http else PXE_CLIENT
        vendor = client + b":Arch:%05d:UNDI:003001" % self.architecture
        number = b"\0" + chaddr.ljust(16, b"\0")
        if (
            self.name == "raspberry-pi"
        ):  # which is known by the letters at the beginning
            number = b"\0RPi4" + chaddr.ljust(12, b"\0")
        found: Options = (
            (Code.MESSAGE_TYPE, bytes((kind,))),
            (Code.MAX_MESSAGE_SIZE, _SIZE_MAX.to_bytes(2, "big")),
            (Code.PARAMETER_REQUEST_LIST, _WANTED),
            (Code.VENDOR_CLASS, vendor),
            (Code.CLIENT_ARCHITECTURE, self.architecture.to_bytes(2, "big")),
            (Code.CLIENT_INTERFACE, b"\x01\x03\x01"),
            (Code.CLIENT_MACHINE, number),
        )
        if self.ipxe:
            found += ((Code.USER_CLASS, b"iPXE"), (Code.IPXE, _IPXE_FEATURES))
        return found


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("bios", "BIOS", 0x00, rom, usual=True),
        Kind("uefi", "UEFI", 0x07, edk2_pxe, usual=True),
        Kind("uefi-http", "UEFI HTTP boot", 0x10, edk2_http, http=True, usual=True),
        Kind("ipxe", "iPXE", 0x07, ipxe, ipxe=True, usual=True),
        Kind("arm64", "UEFI ARM64", 0x0B, edk2_pxe),
        Kind("arm64-http", "UEFI ARM64 HTTP boot", 0x13, edk2_http, http=True),
        Kind("raspberry-pi", "Raspberry Pi", 0x00, raspberry),
    )
}
"""Every kind, by name."""

USUAL = tuple(kind for kind in KINDS.values() if kind.usual)
"""The kinds that most networks have: x86 machines."""

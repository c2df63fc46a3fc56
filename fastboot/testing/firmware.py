"""How each firmware asks: its options, its way to load, what it decides by.

From the sources of EDK2, iPXE and U-Boot, and from what ROMs and Raspberry Pis are known
to send; the choice among offers is that of `fastboot.firmware`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from uuid import UUID

from fastboot.dhcp import pxe
from fastboot.dhcp.options import MessageType
from fastboot.dhcp.packet import BOOTREQUEST, BROADCAST_FLAG, Frame
from fastboot.firmware import edk2_http, edk2_pxe, ipxe, raspberry, rom
from fastboot.firmware.decision import Decision, Heard, Stop

from . import u_boot

Decide = Callable[[Sequence[Heard], Collection[IPv4Address]], Decision]

NUMBER = UUID("12345678-1234-5678-1234-56789abcdef0")
"""The SMBIOS UUID of the emulated PCs."""

_PI_NUMBER = bytes.fromhex("00 52506934 1131c000 32013456 2b1a3c0d")
"""Type, "RPi4", board revision, the end of the MAC, serial number."""

_IPXE_FEATURES = bytes.fromhex(
    "b105011af41000 eb03010000 170101 240101 130101 110101 270101 290101 150101 120101"
)
"""Sub-options of option 175: the card, the version, and that it has DNS, EFI, HTTP, iSCSI,
menus, NFS, TFTP and AoE."""

_EDK2 = (53, 57, 55, 97, 94, 93, 60)
_EDK2_TAKES = (53, 54, 50, 57, 55, 97, 94, 93, 60)
_EDK2_ASKS = (53, 55, 57, 60, 93, 94, 97)
_IPXE = (53, 57, 93, 94, 60, 77, 55, 175, 61, 97)
_ROM = (53, 55, 57, 97, 93, 94, 60)
_ROM_TAKES = (53, 50, 55, 54, 57, 97, 93, 94, 60)

TftpOptions = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One firmware.

    Attributes:
        vendor: Option 60.
        arch: Option 93.
        decide: What it does about what it heard.
        screen: What it shows where it stops.
        order: The options of its DISCOVER, by number, as they follow each other.
        takes: Those of its REQUEST for the address that it was offered.
        asks: Those of its question to a boot server; empty where it asks none.
        wants: Option 55, the options that it asks for.
        room: Option 57 in a REQUEST, the longest answer that it takes.
        undi: Option 94.
        more: Options that no other firmware has.
        number: Option 97.
        flags: BOOTP's flags, in a DISCOVER and in a question.
        probe: The options with which it asks by TFTP for the size alone, and leaves;
            none where it does not.
        tftp: Those with which it asks for the file.
        fields: The fields of its HTTP requests, the first first; "Host" is filled in.
        head: Whether it asks by HEAD before GET.
        mac: Its hardware address, where none is given.
        names: The names that it asks for by itself, by its MAC and its address.
    """

    vendor: bytes
    arch: int
    decide: Decide
    screen: Mapping[Stop, str]
    order: tuple[int, ...]
    takes: tuple[int, ...]
    asks: tuple[int, ...] = ()
    wants: bytes = b""
    room: int = 1472
    undi: bytes = b"\1\3\0"
    more: Mapping[int, bytes] = field(default_factory=dict)
    number: bytes = b"\0" + NUMBER.bytes_le
    flags: tuple[int, int] = (BROADCAST_FLAG, 0)
    probe: TftpOptions = ()
    tftp: TftpOptions = ()
    fields: tuple[tuple[str, str], ...] = ()
    head: bool = False
    mac: str = "52:54:00:12:34:56"
    names: Callable[[bytes, IPv4Address], tuple[str, ...]] = lambda mac, address: ()

    def discover(self, mac: bytes, xid: int) -> Frame:
        """Its DISCOVER."""
        said = {53: bytes((MessageType.DISCOVER,))}
        return self._frame(mac, xid, self.order, said, self.flags[0])

    def request(
        self, mac: bytes, xid: int, address: IPv4Address, server: IPv4Address
    ) -> Frame:
        """Its REQUEST for the address that a server offered."""
        said = {
            50: address.packed,
            53: bytes((MessageType.REQUEST,)),
            54: server.packed,
            57: self.room.to_bytes(2, "big"),
        }
        return self._frame(mac, xid, self.takes, said, self.flags[0])

    def question(
        self, mac: bytes, xid: int, address: IPv4Address, server: IPv4Address
    ) -> Frame:
        """What it asks a boot server, once it has an address."""
        said = {53: bytes((MessageType.REQUEST,)), 54: server.packed}
        if 54 in self.asks:
            said[60] = pxe.PXE_CLIENT  # iPXE names no architecture here
        frame = self._frame(mac, xid, self.asks, said, self.flags[1])
        return replace(frame, ciaddr=address)

    def _frame(
        self,
        mac: bytes,
        xid: int,
        order: tuple[int, ...],
        said: dict[int, bytes],
        flags: int,
    ) -> Frame:
        """A message with options in their order; `said`: those that are its own."""
        values = self._values(mac) | said
        options = tuple((code, values[code]) for code in order)
        return Frame(op=BOOTREQUEST, xid=xid, chaddr=mac, flags=flags, options=options)

    def _values(self, mac: bytes) -> dict[int, bytes]:
        return {
            55: self.wants,
            57: (1472).to_bytes(2, "big"),
            60: self.vendor,
            61: b"\1" + mac,
            93: self.arch.to_bytes(2, "big"),
            94: self.undi,
            97: self.number,
            **self.more,
        }


def _pi_names(mac: bytes, address: IPv4Address) -> tuple[str, ...]:
    return ("2b1a3c0d/start4.elf", "start4.elf")


KINDS: Mapping[str, Kind] = {
    "edk2-pxe": Kind(  # OVMF of Debian 12, as it was recorded
        vendor=b"PXEClient:Arch:00007:UNDI:003000",
        arch=7,
        decide=edk2_pxe.decide,
        screen=edk2_pxe.SCREEN,
        order=_EDK2,
        takes=_EDK2_TAKES,
        room=0xFF00,  # its driver's default, which PXE does not change here
        asks=_EDK2_ASKS,
        wants=bytes.fromhex(
            "0102030405060c0d0f111216171c28292a2b3233363a3b3c4243618081828384858687"
        ),
        probe=((b"tsize", b"0"), (b"blksize", b"1468"), (b"windowsize", b"4")),
        tftp=((b"blksize", b"1468"), (b"windowsize", b"4")),
    ),
    "edk2-http": Kind(  # the same
        vendor=b"HTTPClient:Arch:00016:UNDI:003000",
        arch=16,
        decide=edk2_http.decide,
        screen=edk2_http.SCREEN,
        order=_EDK2,
        takes=_EDK2_TAKES,
        wants=bytes.fromhex("0102030405060c0d0f111216171c28292a2b3233363a3b3ceb4361"),
        fields=(("Host", ""), ("Accept", "*/*"), ("User-Agent", "UefiHttpBoot/1.0")),
        head=True,
    ),
    "ipxe": Kind(  # Debian 12's snponly.efi, as it was recorded
        vendor=b"PXEClient:Arch:00007:UNDI:003010",
        arch=7,
        decide=ipxe.decide,
        screen=ipxe.SCREEN,
        order=_IPXE,
        takes=(*_IPXE, 54, 50),
        asks=(*_IPXE, 54),
        wants=bytes.fromhex("010306070c0f111a2b3c4243778081828384858687afcb"),
        undi=b"\1\3\x0a",
        more={77: b"iPXE", 175: _IPXE_FEATURES},
        flags=(0, BROADCAST_FLAG),
        tftp=((b"blksize", b"1432"), (b"tsize", b"0")),
        fields=(
            ("Connection", "keep-alive"),
            ("User-Agent", "iPXE/1.0.0+git-20190125.36a4c85-5.1"),
            ("Host", ""),
        ),
    ),
    "bios": Kind(  # by the PXE specification, and what such ROMs are known to ask for
        vendor=b"PXEClient:Arch:00000:UNDI:002001",
        arch=0,
        decide=rom.decide,
        screen=rom.SCREEN,
        order=_ROM,
        takes=_ROM_TAKES,
        asks=_ROM,
        wants=bytes.fromhex("0102030506 0b0c0d0f101112 2b363c43 8081828384858687"),
        undi=b"\1\2\1",
        probe=((b"tsize", b"0"),),
        tftp=((b"blksize", b"1456"),),
    ),
    "raspberry-pi": Kind(
        vendor=b"PXEClient:Arch:00000:UNDI:002001",
        arch=0,
        decide=raspberry.decide,
        screen=raspberry.SCREEN,
        order=(53, 55, 93, 94, 97, 60),
        takes=(53, 50, 54, 55, 93, 94, 97),  # without option 60: rpi-eeprom#82
        wants=bytes.fromhex("01032b3c4243 8081828384858687"),
        undi=b"\1\2\1",
        number=_PI_NUMBER,
        probe=((b"tsize", b"0"), (b"blksize", b"1024")),
        tftp=((b"tsize", b"0"), (b"blksize", b"1024")),
        mac="dc:a6:32:01:34:56",
        names=_pi_names,
    ),
    "u-boot": Kind(
        vendor=b"U-Boot.armv8",
        arch=22,
        decide=u_boot.decide,
        screen=u_boot.SCREEN,
        order=(53, 57, 93, 94, 60, 55),
        takes=(53, 57, 54, 50, 93, 94, 60, 55),
        wants=bytes.fromhex("0103060c0f1a 11"),
        undi=b"\1\0\0",
        flags=(0, 0),
        tftp=((b"timeout", b"5"), (b"tsize", b"0"), (b"blksize", b"1468")),
        names=u_boot.names,
    ),
}
"""The firmware that can be emulated, by name."""

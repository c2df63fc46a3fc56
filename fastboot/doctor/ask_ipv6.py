"""Asking a network as machines do that boot over IPv6: SOLICITs, and nothing after them.

No address is taken. What comes is what servers offer a machine at first; EDK2 asks a
proxy once more, on port 4011, which is told the same.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address

from fastboot.dhcp.foreign import hear
from fastboot.dhcp.pxe import HTTP_CLIENT, PXE_CLIENT
from fastboot.dhcp.v6.foreign import solicit
from fastboot.dhcp.v6.options import (
    Association,
    Code,
    encode_vendor_class,
    vendor_class,
)
from fastboot.dhcp.v6.packet import Kind as MessageKind
from fastboot.dhcp.v6.packet import Message, decode
from fastboot.dhcp.v6.sockets import AGENTS
from fastboot.errors import DecodeError, ListenError
from fastboot.interfaces import Interface
from fastboot.listen import Place, udp

from .facts import Advertised
from .machines import Kind

HEARD_MAX = 64
"""Offers kept: whoever floods a network is not listened to for ever."""

URL_MAX = 200
"""Characters of a URL that are told."""

_SERVER_PORT, _CLIENT_PORT = 547, 546

_WANTED = b"".join(
    code.to_bytes(2, "big")
    for code in (
        Code.BOOTFILE_URL,
        Code.BOOTFILE_PARAMETERS,
        Code.DNS_SERVERS,
        Code.VENDOR_CLASS,
    )
)
"""The options that EDK2 asks for (RFC 8415, section 21.7)."""

_UNDI = b"\x01\x03\x01"


@dataclass(frozen=True, slots=True)
class _Player:
    kind: Kind
    mac: bytes
    xid: int

    def question(self) -> bytes:
        """Its SOLICIT, as EDK2's."""
        client = HTTP_CLIENT if self.kind.http else PXE_CLIENT
        text = client + b":Arch:%05d:UNDI:003001" % self.kind.architecture
        bare = solicit(self.mac, self.xid)
        more = (
            (Code.OPTION_REQUEST, _WANTED),
            (Code.CLIENT_ARCHITECTURE, self.kind.architecture.to_bytes(2, "big")),
            (Code.CLIENT_INTERFACE, _UNDI),
            (Code.VENDOR_CLASS, encode_vendor_class(text)),
        )
        return Message(bare.kind, bare.xid, (*bare.options, *more)).encode()


def listen(
    interface: Interface, kinds: Iterable[Kind], wait: float
) -> tuple[Advertised, ...]:
    """What servers offer there over IPv6 to the UEFIs among these machines.

    Nothing where the interface has no IPv6 address but the link's own, where nobody
    may ask, or where a client of this machine has the port that servers answer to.

    Args:
        interface: Where to ask.
        kinds: The machines.
        wait: Seconds to listen.
    """
    cast = [
        _Player(kind, kind.mac(secrets.token_bytes(3)), secrets.randbits(24))
        for kind in kinds
        if kind.uefi
    ]
    usable = any(not address.is_link_local for address in interface.ipv6)
    if not (cast and usable and hasattr(socket, "SO_BINDTODEVICE")):
        return ()
    try:
        sock = udp(Place("::", interface.name), _CLIENT_PORT, "DHCPv6", reuse=True)
    except ListenError:
        return ()
    found: dict[Advertised, None] = {}

    def ask() -> None:
        for player in cast:
            try:
                to = (AGENTS, _SERVER_PORT, 0, interface.index)
                sock.sendto(player.question(), to)
            except OSError:
                pass  # the link is down, or has no address of its own yet

    def take(data: bytes, device: str, peer: str) -> None:
        for player in cast:
            offer = read(data, player.kind.name, player.xid, device, peer)
            if offer is not None and len(found) < HEARD_MAX:
                found[offer] = None

    with sock:
        hear({sock: interface.name}, ask, take, (wait, wait / 3))
    return tuple(found)


def read(
    data: bytes, machine: str, xid: int, device: str, peer: str
) -> Advertised | None:
    """What an offer says; None if this is none to that machine.

    Args:
        data: What came.
        machine: The name of the machine's kind.
        xid: Its transaction.
        device: The interface.
        peer: Who sent it.
    """
    try:
        message = decode(data)
        if not isinstance(message, Message) or message.xid != xid:
            return None
        if message.kind != MessageKind.ADVERTISE:
            return None
        value = message.option(Code.IA_NA)
        held = Association.decode(value).addresses if value is not None else ()
        said = message.option(Code.VENDOR_CLASS)
        vendor = vendor_class(said) if said is not None else None
        server = IPv6Address(peer)
    except (DecodeError, ValueError):
        return None
    url = message.option(Code.BOOTFILE_URL) or b""
    return Advertised(
        interface=device,
        machine=machine,
        server=server,
        address=held[0] if held else None,
        vendor=(vendor or b"").decode("ascii", "replace")[:URL_MAX],
        url=url.decode("ascii", "replace")[:URL_MAX],
    )

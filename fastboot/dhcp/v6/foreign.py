"""Looking for another DHCPv6 server, as a client would, before one more begins.

Two may give addresses on one link (RFC 8415, section 18.2.9), and a client takes either;
but who begins one there hardly wants to be the second.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable
from ipaddress import IPv6Address

from fastboot.dhcp.foreign import Foreign, hear
from fastboot.errors import DecodeError, ListenError
from fastboot.listen import Place, udp

from .options import Association, Code
from .packet import Kind, Message, decode
from .sockets import AGENTS

WAIT = 2.0
"""Seconds to listen. Servers answer at once (RFC 8415, section 18.3.9)."""

AGAIN = 1.0
"""Seconds after which it is asked once more (section 7.6, SOL_TIMEOUT)."""

_SERVER_PORT, _CLIENT_PORT = 547, 546

_DUID_LL = bytes((0, 3, 0, 1))  # of Ethernet (section 11.4)


def solicit(mac: bytes, xid: int) -> Message:
    """A client's SOLICIT for one address, which binds nobody to anything."""
    return Message(
        Kind.SOLICIT,
        xid,
        (
            (Code.CLIENT_ID, _DUID_LL + mac),
            (Code.ELAPSED_TIME, bytes(2)),
            (Code.IA_NA, Association(1).encode()),
        ),
    )


def read_advertise(data: bytes, xid: int, device: str, peer: str) -> Foreign | None:
    """The server that made an offer; None if this is no offer of an address to us."""
    try:
        message = decode(data)
        if not isinstance(message, Message) or message.xid != xid:
            return None
        value = message.option(Code.IA_NA)
        held = Association.decode(value).addresses if value is not None else ()
        server = IPv6Address(peer)
    except (DecodeError, ValueError):
        return None
    if message.kind != Kind.ADVERTISE or not held:
        return None
    return Foreign(device, server, held[0])


def look(devices: Iterable[tuple[str, int, bytes]]) -> Foreign | None:
    """The first other server that answers on one of these interfaces, if any does.

    Nobody is asked where the port of clients is not to be had: a client of this machine
    has it, and servers answer to no other.

    Args:
        devices: Names, indexes and hardware addresses.
    """
    if not hasattr(socket, "SO_BINDTODEVICE"):
        return None
    xid = secrets.randbits(24)
    asking: dict[socket.socket, str] = {}
    questions: dict[socket.socket, tuple[bytes, int]] = {}
    try:
        for name, index, mac in devices:
            try:
                sock = udp(Place("::", name), _CLIENT_PORT, "DHCPv6", reuse=True)
            except ListenError:
                continue
            asking[sock] = name
            questions[sock] = (solicit(mac, xid).encode(), index)

        def ask() -> None:
            for sock, (question, index) in questions.items():
                try:
                    sock.sendto(question, (AGENTS, _SERVER_PORT, 0, index))
                except OSError:
                    pass  # the link is not ready: so nobody there was given anything

        def read(data: bytes, device: str, peer: str) -> Foreign | None:
            return read_advertise(data, xid, device, peer)

        return hear(asking, ask, read, (WAIT, AGAIN)) if asking else None
    finally:
        for sock in asking:
            sock.close()

"""Which of our addresses a datagram came to, and sending the answer from there.

A boot ROM checks that the answer comes from the address it asked. On a socket bound to
every address the kernel tells the one that was asked in a control message, and takes
the one to answer from in another (ip(7): IP_PKTINFO; RFC 3542, section 6).
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from functools import lru_cache

from .listen import IP_PKTINFO

Ancillary = list[tuple[int, int, bytes]]
"""Control messages as `socket.recvmsg` gives and `socket.sendmsg` takes them."""

SPACE = 64
"""Bytes that hold either family's control message."""

_PKTINFO4 = struct.Struct("=i4s4s")  # ipi_ifindex, ipi_spec_dst, ipi_addr
_PKTINFO6 = struct.Struct("=16si")  # ipi6_addr, ipi6_ifindex
_IPV6_PKTINFO = getattr(socket, "IPV6_PKTINFO", 50)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a datagram came to.

    Attributes:
        index: The interface's index, 0 where unknown.
        local: Our address to answer from; "" where unknown.
        direct: Whether it was sent to `local` itself, not to a broadcast or multicast
            address.
    """

    index: int = 0
    local: str = ""
    direct: bool = True


def arrival(ancillary: Ancillary) -> Arrival:
    """What the control messages of a received datagram tell."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            return _arrival4(data[: _PKTINFO4.size])
        if level == socket.IPPROTO_IPV6 and kind == _IPV6_PKTINFO:
            to, index = _PKTINFO6.unpack(data[: _PKTINFO6.size])
            local = socket.inet_ntop(socket.AF_INET6, to)
            return Arrival(index, local, to[0] != 0xFF)
    return Arrival()


@lru_cache(1024)
def _arrival4(data: bytes) -> Arrival:
    """One for each address and interface of ours."""
    index, local, to = _PKTINFO4.unpack(data)
    return Arrival(index, socket.inet_ntoa(local), local == to)


def sent_from(local: str, index: int = 0) -> Ancillary:
    """The control message that makes a datagram leave from `local`.

    Args:
        local: An address of ours; "" leaves the choice to the kernel.
        index: The interface to leave by; 0 leaves the choice to the routing table.
    """
    if not local:
        return []
    if ":" in local:
        # A link-local address means nothing without its interface.
        to = socket.inet_pton(socket.AF_INET6, local)
        return [(socket.IPPROTO_IPV6, _IPV6_PKTINFO, _PKTINFO6.pack(to, index))]
    data = _PKTINFO4.pack(index, socket.inet_aton(local), bytes(4))
    return [(socket.IPPROTO_IP, IP_PKTINFO, data)]

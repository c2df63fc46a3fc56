"""DHCPv6's sockets, members of its groups on every link that is served."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress

from fastboot.errors import ListenError
from fastboot.listen import Place, udp

from .advert import HOPS, SOLICITATION

AGENTS = "ff02::1:2"
SERVERS = "ff05::1:3"
"""All_DHCP_Relay_Agents_and_Servers and All_DHCP_Servers (RFC 8415, section 7.1)."""

ROUTERS = "ff02::2"
NODES = "ff02::1"
"""Where solicitations go to and advertisements come from (RFC 4861, section 2.3)."""

_ICMP6_FILTER = 1  # linux/icmpv6.h
_FILTER = struct.Struct("@8I")
_HOPLIMIT = struct.Struct("@i")
_JOIN = struct.Struct("@16si")


def server_socket(place: Place, port: int) -> socket.socket:
    """A socket that takes DHCPv6 messages.

    Raises:
        ListenError: It cannot be opened; the text is for a person.
    """
    return udp(place, port, "DHCPv6", reuse=True)


def advertiser() -> socket.socket:
    """A socket that takes router solicitations, and nothing else.

    Raises:
        ListenError: It cannot be opened; the text is for a person.
    """
    try:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    except OSError as error:
        raise ListenError(
            f"router advertisements cannot be sent: {error.strerror}; run as root, or "
            "use --no-dhcp-advertise"
        ) from None
    sock.setblocking(False)
    passes = [0xFFFFFFFF] * 8  # a set bit keeps a type away
    passes[SOLICITATION >> 5] &= ~(1 << (SOLICITATION & 31)) & 0xFFFFFFFF
    sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, _FILTER.pack(*passes))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOPS)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, HOPS)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    return sock


def hop_limit(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The hop limit that a message came with; 0 where it is not told."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_HOPLIMIT:
            return int(_HOPLIMIT.unpack(data[: _HOPLIMIT.size])[0])
    return 0


class Groups:
    """Memberships of some sockets, on links that come and go.

    Args:
        members: Each socket, and the groups that it joins.
    """

    def __init__(self, members: Iterable[tuple[socket.socket, str]]) -> None:
        self._members = tuple(members)
        self._joined: set[int] = set()

    def follow(self, indexes: Iterable[int]) -> tuple[int, ...]:
        """Be a member on these links; those that are new come back.

        A link that is gone has taken its memberships with it.
        """
        now = set(indexes)
        new = tuple(sorted(now - self._joined))
        self._joined = now
        for index in new:
            for sock, group in self._members:
                value = _JOIN.pack(socket.inet_pton(socket.AF_INET6, group), index)
                with suppress(OSError):  # it went again, or has no multicast
                    self._join(sock, value)
        return new

    def _join(self, sock: socket.socket, value: bytes) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, value)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:  # still a member
                raise

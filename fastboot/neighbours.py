"""Who has an IP address on this link: the kernel's neighbour table (rtnetlink(7)).

A client that sends us anything has asked for our hardware address first, and the kernel
remembers who asked. Of a client behind a router only the router is on the link, so that
nothing is known; nor where the system is not Linux.
"""

from __future__ import annotations

import socket
import struct

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # ndmsg: family, index, state, flags, type
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type

_RTM_NEWNEIGH = 28
_RTM_GETNEIGH = 30
_NLM_F_REQUEST = 1
_NDA_DST = 1
_NDA_LLADDR = 2

_ANSWER_MAX = 4096
_MAC = 6


def hardware_address_of(address: str, index: int) -> bytes | None:
    """The MAC of a neighbour; None where it is not known.

    Args:
        address: Its IP address, without a scope.
        index: The interface on whose link it is.
    """
    if not index or not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC
        ) as sock:
            sock.setblocking(False)  # the kernel has answered when `send` returns
            sock.send(question(address, index))
            return answer(sock.recv(_ANSWER_MAX))
    except OSError:  # no such neighbour, or a sandbox without netlink
        return None


def question(address: str, index: int) -> bytes:
    """The message that asks for one neighbour."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    raw = socket.inet_pton(family, address.partition("%")[0])
    body = _NEIGHBOUR.pack(family, index, 0, 0, 0)
    body += _ATTRIBUTE.pack(_ATTRIBUTE.size + len(raw), _NDA_DST) + raw
    length = _HEADER.size + len(body)
    return _HEADER.pack(length, _RTM_GETNEIGH, _NLM_F_REQUEST, 1, 0) + body


def answer(data: bytes) -> bytes | None:
    """The MAC in the kernel's answer; None in any other message."""
    if len(data) < _HEADER.size + _NEIGHBOUR.size:
        return None
    if _HEADER.unpack_from(data)[1] != _RTM_NEWNEIGH:
        return None  # an error: there is no such neighbour
    at = _HEADER.size + _NEIGHBOUR.size
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if kind == _NDA_LLADDR and length == _ATTRIBUTE.size + _MAC:
            mac = data[at + _ATTRIBUTE.size : at + length]
            return mac if any(mac) else None  # loopback's
        at += max(_ATTRIBUTE.size, (length + 3) & ~3)  # aligned to four bytes
    return None

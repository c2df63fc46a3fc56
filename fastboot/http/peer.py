"""A connection's socket as long as it lasts, whoever's it is at the time."""

from __future__ import annotations

import socket
import struct
import sys

TCP_NOTSENT_LOWAT = 25
"""Of linux/tcp.h; Python's socket module names it since 3.12."""
_BYTES_ACKED = struct.Struct("=120xQ")  # of struct tcp_info, since Linux 4.1
UNSENT = 160 << 10
"""Bytes that the kernel may hold unsent for each of a crowd; see `unsent`."""

_RESET = struct.pack("ii", 1, 0)  # struct linger: close at once, with a reset


def server_of(sock: socket.socket) -> str:
    """The address of ours that the client reached; "" where it is gone already."""
    try:
        address: str = sock.getsockname()[0]
    except OSError:
        return ""
    return address


def prepare(sock: socket.socket, connections: int) -> None:
    """Set the socket of a new connection up.

    Args:
        sock: As it was accepted.
        connections: How many there are besides.

    Raises:
        OSError: The connection is gone already.
    """
    sock.setblocking(False)
    _set_options(sock, unsent(connections))


def prepare_door(sock: socket.socket) -> None:
    """Set a listening socket up; on Linux those that come from it have its options."""
    _set_options(sock, UNSENT)


def _set_options(sock: socket.socket, most: int) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform.startswith("linux"):
        sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, most)


def close(sock: socket.socket, *, reset: bool) -> None:
    """Give a socket back; with a reset, what the client has is not taken for all."""
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


def acknowledged(sock: socket.socket) -> int:
    """Bytes that the peer has acknowledged on a connection so far; 0 where it is not known.

    What is still with the kernel is no measure of a client: a slow one takes some of it
    for minutes before there is room for more.
    """
    if not sys.platform.startswith("linux"):
        return 0
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
    count: int = _BYTES_ACKED.unpack(info)[0] if len(info) == _BYTES_ACKED.size else 0
    return count


def words_of(error: OSError) -> str:
    """Why a socket or a file failed us, in the system's words."""
    return error.strerror or str(error)


def unsent(connections: int) -> int:
    """Bytes that the kernel may hold unsent for each of so many connections.

    By default a client that takes nothing pins two megabytes, and a thousand of them
    all the memory that TCP may have; here these pin 270 MB together, two thirds more
    than what is said. A tighter bound means more calls, which the first few are spared;
    and what is sent later costs twice what the first burst does, whose pages no other
    CPU has touched meanwhile: 0.1 against 0.05 CPU seconds for each GB that slow
    clients get.
    """
    if connections < 32:
        return 1 << 20
    if connections < 256:
        return 256 << 10
    return UNSENT if connections < 1500 else 64 << 10

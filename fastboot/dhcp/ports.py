"""DHCP's sockets: one for each port and device."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from fastboot.listen import Place, udp
from fastboot.poller import READ, Poller

from .addresses import EVERYWHERE

CLIENTS = "255.255.255.255"
"""Where servers answer clients without an address. A socket that is bound to it hears
broadcasts alone: answers to a DHCP client on this machine stay that client's."""


class Role(Enum):
    """What a port is for."""

    DISCOVERS = "discovers"
    """Port 67, where clients look for any server."""

    QUESTIONS = "questions"
    """Port 4011, where they ask the boot server."""

    OFFERS = "offers"
    """Port 68, where other servers' offers can be overheard."""


@dataclass(slots=True)
class Port:
    """A socket, and what it was opened for.

    Attributes:
        sock: The socket, bound and non-blocking.
        role: What it is for.
        number: The port.
    """

    sock: socket.socket
    role: Role
    number: int


class Ports:
    """The sockets of one engine, watched by its poller."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._ports: dict[int, Port] = {}

    def __iter__(self) -> Iterator[Port]:
        return iter(tuple(self._ports.values()))

    def __len__(self) -> int:
        return len(self._ports)

    def get(self, fd: int) -> Port | None:
        """The port with this descriptor; None where it was closed."""
        return self._ports.get(fd)

    def open(self, role: Role, number: int, place: Place) -> None:
        """Open a port on a place's device, or on all.

        Raises:
            ListenError: It cannot be opened; the text is for a person.
        """
        address = CLIENTS if role is Role.OFFERS else EVERYWHERE
        sock = udp(replace(place, address=address), number, "DHCP", reuse=True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if role is Role.OFFERS:
            _hear_others_only(sock)
        bound = sock.getsockname()[1]
        self._ports[sock.fileno()] = Port(sock, role, bound)
        self._poller.watch(sock.fileno(), READ)

    def close(self) -> None:
        """Give the sockets back; a second call does nothing."""
        for fd, port in self._ports.items():
            self._poller.forget(fd)
            port.sock.close()
        self._ports.clear()


def _hear_others_only(sock: socket.socket) -> None:
    """Make the kernel drop our own offers, which come back to us as broadcasts do.

    A filter (socket(7), SO_ATTACH_FILTER) sees a datagram from its UDP header on. Ours
    give no address: yiaddr, 16 bytes into the message, is zero. So it is in another
    proxy's, which the kernel did not make itself (packet(7), PACKET_LOOPBACK).
    """
    code = b"".join(
        _INSTRUCTION.pack(*fields)
        for fields in (
            (0x20, 0, 0, 8 + 16),  # load the word there; a shorter datagram is dropped
            (0x15, 0, 2, 0),  # if it is not zero, pass over the next two
            (0x20, 0, 0, _PACKET_TYPE),  # load how it came
            (0x15, 1, 0, _PACKET_LOOPBACK),  # if it is our own, pass over the next
            (0x06, 0, 0, 0xFFFF_FFFF),  # take it whole
            (0x06, 0, 0, 0),  # take nothing
        )
    )
    room = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(code) // _INSTRUCTION.size, ctypes.addressof(room))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError:
        pass  # no Linux: they are looked at and let go


_INSTRUCTION = struct.Struct("=HBBI")  # code, jt, jf, k of linux/filter.h
_PACKET_TYPE = 0xFFFF_F000 + 4  # SKF_AD_OFF and SKF_AD_PKTTYPE of linux/filter.h
_PACKET_LOOPBACK = 5  # linux/if_packet.h
_SO_ATTACH_FILTER = 26

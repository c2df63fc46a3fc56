"""DHCP's sockets, one for each port and device, which follow their devices.

A socket is bound to a device's index, which a new device of the same name does not
have: where one comes in another's place (a card that is plugged in again, a bridge that
is made anew), the socket is opened anew.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from fastboot.errors import ListenError
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
        device: The device that it is bound to; None for all.
        index: That device's index when it was opened; 0 without one.
    """

    sock: socket.socket
    role: Role
    number: int
    device: str | None
    index: int


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

    def open(self, role: Role, number: int, device: str | None) -> None:
        """Open a port.

        Raises:
            ListenError: It cannot be opened; the text is for a person.
        """
        # Before the socket: a device that is replaced in between is found out later.
        index = _index(device) if device is not None else 0
        address = CLIENTS if role is Role.OFFERS else EVERYWHERE
        sock = udp(Place(address, device), number, "DHCP", reuse=True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if role is Role.OFFERS:
            _hear_addresses_only(sock)
        bound = sock.getsockname()[1]
        self._ports[sock.fileno()] = Port(sock, role, bound, device, index)
        self._poller.watch(sock.fileno(), READ)

    def follow(self) -> bool:
        """Open anew the sockets whose device went and came back as another one.

        The old socket stays until the new one is there.

        Returns:
            Whether all are as they should be; where not, ask again in a moment.
        """
        settled = True
        for fd, port in tuple(self._ports.items()):
            if port.device is None or _index(port.device) in (0, port.index):
                continue
            try:
                self.open(port.role, port.number, port.device)
            except ListenError:
                settled = False  # gone again, or another program has the port
                continue
            self._shut(fd)
        return settled

    def close(self) -> None:
        """Give the sockets back; a second call does nothing."""
        for fd in tuple(self._ports):
            self._shut(fd)

    def _shut(self, fd: int) -> None:
        self._poller.forget(fd)
        self._ports.pop(fd).sock.close()


def _index(device: str) -> int:
    """The index of a device; 0 where there is none of that name."""
    try:
        return socket.if_nametoindex(device)
    except OSError:
        return 0


def _hear_addresses_only(sock: socket.socket) -> None:
    """Make the kernel drop what gives no address: our own offers come back to us.

    A filter (socket(7), SO_ATTACH_FILTER) sees a datagram from its UDP header on; it
    loads yiaddr, which is 16 bytes into the message, and takes nothing if that is zero.
    """
    code = b"".join(
        _INSTRUCTION.pack(*fields)
        for fields in (
            (0x20, 0, 0, 8 + 16),  # load the word there; a shorter datagram is dropped
            (0x15, 0, 1, 0),  # if it is not zero, pass over the next
            (0x06, 0, 0, 0),  # take nothing
            (0x06, 0, 0, 0xFFFF_FFFF),  # take it whole
        )
    )
    room = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(code) // _INSTRUCTION.size, ctypes.addressof(room))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError:
        pass  # no Linux: they are looked at and let go


_INSTRUCTION = struct.Struct("=HBBI")  # code, jt, jf, k of linux/filter.h
_SO_ATTACH_FILTER = 26

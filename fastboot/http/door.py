"""Where connections come in and get their places: the listening sockets of an engine."""

from __future__ import annotations

import errno
import math
import socket
from collections.abc import Callable, Iterator, Sequence

from fastboot.listen import Place, tcp
from fastboot.poller import READ, Poller

from .peer import prepare, prepare_door
from .places import Places, Seat

ACCEPTS = 64
"""Connections accepted from one port in one turn."""

PAUSE = 0.5
"""Seconds until the next accept after one failed for want of descriptors or memory."""

SHORTAGE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What accepting fails with for want of descriptors or memory."""


class Door:
    """Listening sockets.

    Args:
        poller: Where they are watched.
        port: The port to open at each place; 0 for any.
        places: Where to listen.
        room: Who may have a connection.
        protocol: What is spoken there, for the error's text.

    Attributes:
        room: As given.
        wrap: Makes another socket of a new connection's, as TLS does; None: it stays
            what it is. The compiled front, which has no sockets, is not for such doors.
        accepted: Connections that came in.
        turned_away: Those of them that there was no room for.
        next: When accepting goes on after a pause; inf: there is none.

    Raises:
        ListenError: A port cannot be opened.
    """

    def __init__(
        self,
        poller: Poller,
        port: int,
        places: Sequence[Place],
        room: Places,
        protocol: str = "HTTP",
    ) -> None:
        self._poller = poller
        self.room = room
        self.wrap: Callable[[socket.socket], socket.socket] | None = None
        self.accepted = self.turned_away = 0
        self._listeners: dict[int, socket.socket] = {}
        self.next = math.inf
        try:
            for place in places:
                sock = tcp(place, port, protocol)
                prepare_door(sock)
                self._listeners[sock.fileno()] = sock
                poller.watch(sock.fileno(), READ)
        except BaseException:
            self.close()
            raise

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that are open."""
        return tuple(sock.getsockname()[:2] for sock in self._listeners.values())

    def __contains__(self, fd: int) -> bool:
        """Whether a descriptor is one of the listening sockets."""
        return fd in self._listeners

    def accept(self, fd: int, now: float) -> Iterator[tuple[socket.socket, str, bool]]:
        """The connections that wait at one of the sockets, watched for READ.

        Returns:
            Each one's socket and its peer's address, and whether it is only to be told
            that there is no room. Whoever takes it has the room `leave` in the end.
        """
        for _ in range(ACCEPTS):
            try:
                sock, (client, *_) = self._listeners[fd].accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in SHORTAGE:
                    self.pause(now)
                    return
                continue  # that client has gone already (accept(2), "Error handling")
            seat = self.seat(client)
            if seat is Seat.NONE:
                sock.close()
                continue
            try:
                if self.wrap:
                    sock = self.wrap(sock)
                prepare(sock, len(self.room))
                self._poller.watch(sock.fileno(), READ)
            except OSError:
                sock.close()  # reset before we came to it, or epoll has no room
                self.room.leave(client)
                continue
            yield sock, client, seat is Seat.TOLD

    def seat(self, client: str) -> Seat:
        """Count a connection that was accepted, and ask the room for its place."""
        self.accepted += 1
        seat = self.room.take(client)
        self.turned_away += seat is not Seat.SERVED
        return seat

    def pause(self, now: float) -> None:
        """Accept nothing for a while; the sockets would stay readable, and this spin."""
        self._watch(0)
        self.next = now + PAUSE

    def tick(self, now: float) -> None:
        """Time has passed: go on accepting after a pause."""
        if now >= self.next:
            self._watch(READ)
            self.next = math.inf

    def close(self) -> None:
        """Take no more connections; a second call does nothing."""
        for fd, sock in self._listeners.items():
            self._poller.forget(fd)
            sock.close()
        self._listeners.clear()
        self.next = math.inf

    def _watch(self, interest: int) -> None:
        for fd in self._listeners:
            self._poller.change(fd, interest)

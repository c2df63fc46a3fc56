"""Where connections come in: the listening sockets of an engine."""

from __future__ import annotations

import errno
import math
import socket
from collections.abc import Iterator, Sequence

from fastboot.listen import Place, tcp
from fastboot.poller import READ, Poller

ACCEPTS = 64
"""Connections accepted from one port in one turn."""

PAUSE = 0.5
"""Seconds until the next accept after one failed for want of descriptors or memory."""

_SHORTAGE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Door:
    """Listening sockets.

    Args:
        poller: Where they are watched.
        port: The port to open at each place; 0 for any.
        places: Where to listen.
        protocol: What is spoken there, for the error's text.

    Attributes:
        next: When accepting goes on after a pause; inf: there is none.

    Raises:
        ListenError: A port cannot be opened.
    """

    def __init__(
        self, poller: Poller, port: int, places: Sequence[Place], protocol: str = "HTTP"
    ) -> None:
        self._poller = poller
        self._listeners: dict[int, socket.socket] = {}
        self.next = math.inf
        try:
            for place in places:
                sock = tcp(place, port, protocol)
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

    def accept(self, fd: int, now: float) -> Iterator[tuple[socket.socket, str]]:
        """The connections that wait at one of the sockets, and their peers' addresses."""
        for _ in range(ACCEPTS):
            try:
                sock, address = self._listeners[fd].accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _SHORTAGE:
                    # The port would stay readable: look away, or this spins.
                    self._watch(0)
                    self.next = now + PAUSE
                    return
                continue  # that client has gone already (accept(2), "Error handling")
            yield sock, address[0]

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

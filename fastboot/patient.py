"""Descriptors that may wait a little for their turn, so that many have it at once.

A thousand slow clients have room for more fifteen hundred times a second. Who is woken
for each falls asleep and wakes as often, and comes to the socket while the other end
still holds its lock. A moment later is as good for them, and dozens have their turn.
"""

from __future__ import annotations

import select

from .alarm import Alarm

PATIENCE = 0.05
"""Seconds until the first that has room is told of, and all others that have it."""


class Patient:
    """Descriptors that are watched for room to write, with patience.

    Args:
        epoll: Where `fds` are to be watched; `heed` says what to do when one is ready.

    Attributes:
        fd: An epoll descriptor with all that wait. Who adds to it by itself looks by
            itself which of them have room.
        fds: What is to be given to `heed`.
    """

    def __init__(self, epoll: select.epoll) -> None:
        self._outer = epoll
        self._inner = select.epoll()
        self._alarm = Alarm()
        self._waiting: set[int] = set()
        self.fd = self._inner.fileno()
        self.fds = (self.fd, self._alarm.fd)
        epoll.register(self.fd, select.EPOLLIN | select.EPOLLONESHOT)
        epoll.register(self._alarm.fd, select.EPOLLIN)

    def __contains__(self, fd: int) -> bool:
        """Whether a descriptor was added here."""
        return fd in self._waiting

    def add(self, fd: int) -> None:
        """Begin to watch a descriptor."""
        self._inner.register(fd, select.EPOLLOUT)
        self._waiting.add(fd)

    def remove(self, fd: int) -> None:
        """Watch it no more."""
        self._inner.unregister(fd)
        self._waiting.remove(fd)

    def heed(self, fd: int) -> bool:
        """One of `fds` is ready; whether it is time to look at all of them."""
        if fd == self.fd:
            self._alarm.set_in(PATIENCE)
            return False
        self._alarm.hear()
        self._outer.modify(self.fd, select.EPOLLIN | select.EPOLLONESHOT)
        return True

    def ready(self) -> list[int]:
        """Those that were added and have room."""
        found = self._inner.poll(0, max(1, len(self._waiting)))
        return [fd for fd, _ in found]

    def close(self) -> None:
        """Give its descriptors back."""
        self._inner.close()
        self._alarm.close()

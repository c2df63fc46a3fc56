"""The front's connections: their table, their timers, what they wait for.

Its twin is `fastboot/_ext/http_links.pyx`.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from fastboot.patient import PATIENCE
from fastboot.poller import LATER, READ, WRITE, Poller
from fastboot.timers import Timers

from .kept import Known
from .peer import close
from .places import Places

SLOW = 0.25
"""Seconds without room after which a client may wait with others for more: as much as it
took by then, or half of that, is on its way still, so that it does not run dry."""


@dataclass(slots=True)
class Waiting:
    """A connection, and the answer that is under way on it."""

    sock: socket.socket
    client: str
    requests: int
    known: Known | None = None  # what is being sent
    head: bytes = b""  # what is left of the answer's head
    offset: int = 0
    left: int = 0
    length: int = 0
    began: float = 0.0
    waits_since: float = 0.0  # for room, or when the answer began
    unrenewed: int = 0  # bytes sent since the client was last given its time
    acked: int = 0  # what it had acknowledged by then
    renewed: float = 0.0  # when that was
    rest: bytes = b""  # requests that were sent behind it: only where there is one
    interest: int = READ
    busy: bool = False  # as it is counted
    cold: bool = False  # a part of the file is being read for it
    cold_at: int = 0  # where in the file
    warmed: bool = False  # it has just been, and is sent without another look

    def begin(
        self, known: Known, head: bytes, first: int, length: int, now: float
    ) -> None:
        """Have an answer under way, nothing of which was sent."""
        self.known, self.head = known, head
        self.offset, self.left, self.length = first, length, length
        self.began = self.waits_since = now

    @property
    def sent(self) -> int:
        """Bytes of the content that were sent."""
        return self.length - self.left

    def waits(self, now: float, *, full: bool) -> int:
        """What its socket is to be watched for until it goes on; at once unless `full`.

        Who took long to make room has a good part of what is on its way still before
        it, and may wait for the others.
        """
        waited, self.waits_since = now - self.waits_since, now
        if self.cold:
            return 0
        least = 2 * PATIENCE if self.interest == LATER else SLOW
        return LATER if full and waited >= least else WRITE

    def went(self, count: int) -> None:
        """So many bytes were sent, of the head and what follows it."""
        body = max(0, count - len(self.head))
        self.head = self.head[count:]
        self.offset += body
        self.left -= body


class Links:
    """Connections, by descriptor.

    Args:
        poller: Where they are watched.
        room: Told of each that is closed here.

    Attributes:
        table: The connections.
        timers: When each has waited too long.
        busy: Those that are answered, or wait for it.
        now: Seconds on the clock of whoever they belong to, which tells it.
    """

    def __init__(self, poller: Poller, room: Places) -> None:
        self._poller = poller
        self._room = room
        self.table: dict[int, Waiting] = {}
        self.timers: Timers[int] = Timers()
        self.busy = 0
        self.now = 0.0

    def watch_for(self, fd: int, link: Waiting, interest: int) -> None:
        """Have a connection's socket watched for something else, or for the same."""
        if link.interest != interest:
            self._poller.change(fd, interest)
            link.interest = interest

    def hand_up(self, fd: int, link: Waiting) -> None:
        """Watch a connection no more; its owner asks for it with `Front.take`."""
        self.watch_for(fd, link, READ)
        self.timers.forget(fd)

    def look_at(self, link: Waiting, *, busy: bool) -> None:
        """Count those that are busy anew."""
        self.busy += busy - link.busy
        link.busy = busy

    def remove(self, fd: int) -> Waiting:
        """Know a connection no more; its socket stays open."""
        link = self.table.pop(fd)
        self.timers.forget(fd)
        self.look_at(link, busy=False)
        return link

    def end(self, fd: int, *, reset: bool) -> None:
        """Close a connection; by a reset what the client has is not taken for all."""
        link = self.remove(fd)
        self._poller.forget(fd)
        self._room.leave(link.client)
        close(link.sock, reset=reset)

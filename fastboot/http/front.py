"""Who meets the requests first: answers those that are known, hands the others up.

Between two requests a connection is the front's: it waits here without a machine of its
own. A request that a recipe is kept for is answered at once; any other bytes, the end
of the connection and the end of patience are handed up, and the connection with them,
until it is given back. It exists twice with this interface: here, and compiled
(`fastboot/_ext/http_front.pyx`).
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable

from fastboot._ext import twin
from fastboot.config import HttpConfig
from fastboot.errors import ContentChanged
from fastboot.poller import LATER, READ, WRITE, Poller
from fastboot.timers import Timers
from fastboot.tree import Blob

from .dates import write_date
from .door import Door
from .kept import Kept, Known
from .limits import ANSWER_COST, NOTEWORTHY, RECEIVE, RENEWALS, SHARE
from .outlet import Waiting, send, send_at_once
from .peer import acknowledged, close
from .places import Places
from .recall import Recipe
from .turn import NEWS_DELAY, Turn


class Front:
    """The front in Python.

    Args:
        poller: Where its connections and everything else is watched.
        config: The timeouts and limits.
        clock: Seconds that only grow.
        wall_clock: Seconds since the epoch, for Date.
        room: Who has a connection; told of each that ends here.
    """

    def __init__(
        self,
        poller: Poller,
        config: HttpConfig,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        room: Places,
    ) -> None:
        self._poller = poller
        self._room = room
        self._config = config
        self._requests_max = config.max_requests - 1  # the last is not the front's
        self._least = max(1, int(config.min_rate * config.stall_timeout))
        self._pause = config.stall_timeout / RENEWALS
        self._clock = clock
        self._wall_clock = wall_clock
        self._links: dict[int, Waiting] = {}
        self._timers: Timers[int] = Timers()
        self._kept = Kept()
        self._second, self._date = -1, b""  # the same as HTTP writes it
        self._look_at_clocks()
        self._draining = False
        self._turn = Turn()
        self.answering = self.requests = self.sent_bytes = 0

    @property
    def next(self) -> float:
        """When `poll` has something to do even if nothing comes; inf: never."""
        return self._timers.next or math.inf

    @property
    def connections(self) -> int:
        """How many it has."""
        return len(self._links)

    def admit(self, door: Door, fd: int, deadline: float) -> list[int]:
        """Accept the connections that wait at one of a door's sockets.

        Args:
            door: Asked for their places, and told where accepting fails.
            fd: The socket's descriptor.
            deadline: When their first request must have come.

        Returns:
            Those that are to be told that there is no room; they are handed up.
        """
        told = []
        for sock, client, away in door.accept(fd, self._now):
            self.watch(sock, client, deadline, 0)
            told += [sock.fileno()] if away else []
        return told

    def watch(
        self, sock: socket.socket, client: str, deadline: float, requests: int
    ) -> None:
        """Take a connection on which nothing is under way; it is watched for READ.

        Args:
            sock: Its socket, non-blocking.
            client: The address at its other end.
            deadline: When it has waited too long.
            requests: How many were answered on it.
        """
        self._links[sock.fileno()] = Waiting(sock, client, requests)
        self._timers.set(sock.fileno(), deadline)

    def take(self, fd: int) -> tuple[socket.socket, str, int]:
        """Give up what was handed up: socket, client, and how often it has asked."""
        link = self._links.pop(fd)
        self._timers.forget(fd)
        return link.sock, link.client, link.requests

    def retry(self, fd: int, data: bytes) -> bool:
        """Answer what was handed up, as others that asked just before it were."""
        link = self._links[fd]
        found = self._find(data, link)
        if found:
            self._begin(link, *found)
            self._await_room(fd, link, full=False)
        return found is not None

    def poll(self, timeout: float | None) -> Turn:
        """Do what is due; wait for it `timeout` seconds at most (None: for ever).

        It goes on, within that time, as long as there is nothing for others to do.
        """
        turn = self._turn = Turn()
        self._look_at_clocks()
        until = math.inf if timeout is None else self._now + timeout
        while True:
            due = min(until, self.next)
            patience = None if due == math.inf else max(0.0, due - self._now)
            ready = self._poller.wait(patience)
            self._look_at_clocks()
            self._serve(ready)
            self._expire()
            done = not ready or self._poller.called or turn.is_pressing
            if done or self._now >= until:
                return turn
            if turn.sent:
                until = min(until, self._now + NEWS_DELAY)

    def _serve(self, ready: list[tuple[int, int]]) -> None:
        """Do what descriptors are ready for."""
        for fd, what in ready:
            link = self._links.get(fd)
            if link is None:
                self._turn.ready.append((fd, what))
            elif link.cold:
                self._cut(fd, link, "the client is gone")
            elif link.known or link.rest:
                self._guarded(fd, link, b"")
            else:
                self._read(fd, link)

    def _expire(self) -> None:
        """Do what the time has come for."""
        for fd in self._timers.due(self._now):
            link = self._links.get(fd)
            if link is None:
                continue
            if link.known:
                self._lose_patience(fd, link)
            else:
                self._hand_up(fd, link)
                self._turn.late.append(fd)

    def _look_at_clocks(self) -> None:
        self._now, second = self._clock(), int(self._wall_clock())
        if second != self._second:
            self._second, self._date = second, write_date(second).encode()

    def resume(self, fd: int) -> None:
        """Go on with an answer that had to be read first, if it is still to be sent."""
        link = self._links.get(fd)
        if link and link.cold:
            link.cold, link.warmed, link.interest = False, True, WRITE
            self._poller.change(fd, WRITE)

    def drain(self) -> list[int]:
        """Answer nothing more; the connections that wait, which are handed up.

        Those with an answer under way follow when it is sent, with no bytes to read
        but those that came behind.
        """
        self._draining = True
        waiting = [fd for fd, at in self._links.items() if not (at.known or at.rest)]
        for fd in waiting:
            self._hand_up(fd, self._links[fd])
        return waiting

    def stop(self, reason: str) -> Turn:
        """End every connection; what is under way is cut off."""
        turn = self._turn = Turn()
        for fd, link in list(self._links.items()):
            if link.known:
                self._cut(fd, link, reason)
            else:
                self._end(fd, link, reset=False)
        self.forget()
        return turn

    def remember(self, recipe: Recipe, blob: Blob) -> None:
        """Answer by this recipe from now on, as long as its file is the same.

        Args:
            recipe: How to answer.
            blob: The file; the front holds it open by a descriptor of its own.
        """
        self._kept.keep(recipe, blob)

    def forget(self) -> None:
        """Forget every recipe; what is under way goes on."""
        self._kept.forget()

    def under_way(self) -> list[tuple[str, str, int, int, float]]:
        """Answers on their way: client, name, bytes, bytes sent, and since when."""
        return [
            (link.client, link.known.recipe.name, link.length, link.sent, link.began)
            for link in self._links.values()
            if link.known
        ]

    def sweep(self) -> int:
        """Forget recipes whose file is not the same any more; how many are left."""
        return self._kept.sweep()

    def _hand_up(self, fd: int, link: Waiting) -> None:
        """Watch a connection no more; its owner asks for it with `take`."""
        self._watch_for(fd, link, READ)
        self._timers.forget(fd)

    def _read(self, fd: int, link: Waiting) -> None:
        try:
            data = link.sock.recv(RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # as good as an end: nothing is under way
        self._heed(fd, link, data)

    def _heed(self, fd: int, link: Waiting, data: bytes) -> None:
        if not data:
            self._end(fd, link, reset=False)
        # Mostly it is one request, and its answer goes at once.
        elif (found := self._find(data, link)) is None:
            self._guarded(fd, link, data)
        elif not self._answer(fd, link, *found):
            self._guarded(fd, link, b"")

    def _pass(self, fd: int, link: Waiting, data: bytes) -> None:
        self._hand_up(fd, link)
        self._turn.came.append((fd, data))

    def _guarded(self, fd: int, link: Waiting, data: bytes) -> None:
        """Go on with a connection; the peer or the file may end it."""
        try:
            self._advance(fd, link, data)
        except ContentChanged as error:
            self._cut(fd, link, str(error))
        except OSError as error:
            self._cut(fd, link, error.strerror or str(error))

    def _advance(self, fd: int, link: Waiting, data: bytes) -> None:
        """Send what is under way, then answer `data` and what was sent behind it."""
        data = link.rest + data
        link.rest = b""
        share = SHARE
        while True:
            if link.known:
                share -= self._send(link, share)
                if link.left or link.head:
                    link.rest = data
                    return self._await_room(fd, link, full=share > 0)
                self._complete(fd, link)
                share -= ANSWER_COST
            if not data:
                break
            if share <= 0:
                link.rest = data
                return self._await_room(fd, link, full=False)
            end = data.find(b"\r\n\r\n") + 4
            found = None if end < 4 else self._find(data[:end], link)
            if found is None:
                return self._pass(fd, link, data)
            self._begin(link, *found)
            data = data[end:]
        if self._draining:
            self._hand_up(fd, link)
            self._turn.late.append(fd)
        else:
            self._watch_for(fd, link, READ)
        return None

    def _watch_for(self, fd: int, link: Waiting, interest: int) -> None:
        if link.interest != interest:
            self._poller.change(fd, interest)
            link.interest = interest

    def _await_room(self, fd: int, link: Waiting, *, full: bool) -> None:
        """Go on when the socket takes more: at once unless it is `full`."""
        before, interest = link.interest, link.waits(self._now, full=full)
        self._watch_for(fd, link, interest)
        if before != interest and LATER not in (before, interest):
            self._renew(link)

    def _find(self, head: bytes, link: Waiting) -> tuple[Known, int, int] | None:
        """How to answer a head that a good recipe is kept for; see `Kept.find`."""
        if self._draining or link.requests >= self._requests_max:
            return None
        found = self._kept.find(head)
        if found is not None:
            link.requests += 1
            self.requests += 1
        return found

    def _begin(
        self, link: Waiting, known: Known, first: int, length: int, head: bytes = b""
    ) -> None:
        """Have an answer under way, nothing of which was sent."""
        self._kept.hold(known.file)
        self.answering += 1
        head = head or known.recipe.head(self._date, first, length)
        link.begin(known, head, first, length, self._now)

    def _answer(
        self, fd: int, link: Waiting, known: Known, first: int, length: int
    ) -> bool:
        """Send an answer at once if it is short; whether it is complete.

        Of one that is, nothing has to be remembered, which saves a seventh of its price.
        """
        head = known.recipe.head(self._date, first, length)
        count = send_at_once(link.sock, known.file.blob, head, first, length)
        if count == len(head) + length:
            self.sent_bytes += count
            if length == known.recipe.size:
                self._turn.sent.append((link.client, known.recipe, length, 0.0))
            self._timers.set(fd, self._now + self._config.idle_timeout)
            return True
        self._begin(link, known, first, length, head)
        link.went(count)
        self._taken(link, count)
        return False

    def _send(self, link: Waiting, share: int) -> int:
        sent = send(link, share)
        if link.cold:
            assert link.known  # it is what is cold
            file = link.known.file.blob.fd
            assert file is not None  # it is a file's
            self._turn.cold.append((link.sock.fileno(), file, link.cold_at))
        self._taken(link, sent)
        return sent

    def _taken(self, link: Waiting, count: int) -> None:
        self.sent_bytes += count
        link.unrenewed += count
        due = link.renewed + self._pause
        if link.left and link.unrenewed >= self._least and self._now >= due:
            self._renew(link)

    def _renew(self, link: Waiting) -> None:
        """Give the client the time again that it has to take so many bytes."""
        link.unrenewed = 0
        if link.left:
            link.acked = acknowledged(link.sock)
        link.renewed = self._now
        deadline = self._now + self._config.stall_timeout
        self._timers.set(link.sock.fileno(), deadline)

    def _lose_patience(self, fd: int, link: Waiting) -> None:
        """The time is over; but there is room only once half the kernel's is free."""
        if acknowledged(link.sock) - link.acked >= self._least:
            return self._renew(link)
        seconds = self._config.stall_timeout
        return self._cut(fd, link, f"the client took too little for {seconds:g} s")

    def _complete(self, fd: int, link: Waiting) -> None:
        known, now = link.known, self._now
        assert known  # the caller looked
        if link.length == known.recipe.size or link.length >= NOTEWORTHY:
            seconds = now - link.began
            self._turn.sent.append((link.client, known.recipe, link.length, seconds))
        self._finish(link)
        self._timers.set(fd, now + self._config.idle_timeout)

    def _finish(self, link: Waiting) -> None:
        """The answer under way is over, one way or the other."""
        assert link.known  # the caller looked
        self._kept.release(link.known.file)
        link.known = None
        self.answering -= 1

    def _cut(self, fd: int, link: Waiting, reason: str) -> None:
        """End a connection whose answer cannot be completed."""
        assert link.known  # the caller looked
        row = fd, link.client, link.known.recipe, link.length, link.sent
        self._turn.cut.append((*row, self._clock() - link.began, reason))
        if link.cold:
            self._turn.cold = [row for row in self._turn.cold if row[0] != fd]
        self._finish(link)
        self._end(fd, link, reset=True)

    def _end(self, fd: int, link: Waiting, *, reset: bool) -> None:
        del self._links[fd]
        self._timers.forget(fd)
        self._poller.forget(fd)
        self._room.leave(link.client)
        close(link.sock, reset=reset)


def best() -> type[Front]:
    """The compiled front where it was built, else the one in Python."""
    compiled = twin("http_front")
    return compiled.Front if compiled else Front

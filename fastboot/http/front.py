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
from fastboot.poller import WRITE, Poller
from fastboot.tree import Blob

from .answers import Answers, Verdict
from .door import Door
from .limits import NO_STORAGE, RECEIVE, TOO_LITTLE
from .peer import words_of
from .places import Places
from .recall import Recipe
from .turn import NEWS_DELAY, Turn
from .waiting import Links, Waiting


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
        self._clock = clock
        self._links = Links(poller, room)
        self._answers = Answers(self._links, config, wall_clock)
        self._turn = Turn()
        self._look_at_clocks()

    @property
    def next(self) -> float:
        """When `poll` has something to do even if nothing comes; inf: never."""
        return self._links.timers.next or math.inf

    @property
    def connections(self) -> int:
        """How many it has."""
        return len(self._links.table)

    @property
    def answering(self) -> int:
        """Connections that are answered, or wait for it."""
        return self._links.busy

    @property
    def requests(self) -> int:
        """Requests that it has answered, or is answering."""
        return self._answers.requests

    @property
    def sent_bytes(self) -> int:
        """Bytes that it has sent, of heads and bodies."""
        return self._answers.sent_bytes

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
        for sock, client, away in door.accept(fd, self._links.now):
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
        self._links.table[sock.fileno()] = Waiting(sock, client, requests)
        self._links.timers.set(sock.fileno(), deadline)

    def take(self, fd: int) -> tuple[socket.socket, str, int]:
        """Give up what was handed up: socket, client, and how often it has asked."""
        link = self._links.remove(fd)
        return link.sock, link.client, link.requests

    def retry(self, fd: int, data: bytes) -> bool:
        """Answer what was handed up, as others that asked just before it were."""
        link = self._links.table[fd]
        found = self._answers.find(data, link)
        if found:
            self._answers.begin(link, *found)
            self._answers.await_room(fd, link, full=False)
        return found is not None

    def poll(self, timeout: float | None) -> Turn:
        """Do what is due; wait for it `timeout` seconds at most (None: for ever).

        It goes on, within that time, as long as there is nothing for others to do.
        """
        turn = self._turn = Turn()
        self._look_at_clocks()
        until = math.inf if timeout is None else self._links.now + timeout
        while True:
            due = min(until, self.next)
            patience = None if due == math.inf else max(0.0, due - self._links.now)
            ready = self._poller.wait(patience)
            self._look_at_clocks()
            self._serve(ready)
            self._expire()
            done = not ready or self._poller.called or turn.is_pressing
            if done or self._links.now >= until:
                turn.sent = self._answers.take_sent()
                return turn
            if self._answers.has_news:
                until = min(until, self._links.now + NEWS_DELAY)

    def _serve(self, ready: list[tuple[int, int]]) -> None:
        """Do what descriptors are ready for."""
        for fd, what in ready:
            link = self._links.table.get(fd)
            if link is None:
                self._turn.ready.append((fd, what))
            elif link.cold:
                self._cut(fd, link, "the client is gone")
            elif link.known:
                self._guarded(fd, link, b"")
            else:
                self._read(fd, link)

    def _expire(self) -> None:
        """Do what the time has come for."""
        for fd in self._links.timers.due(self._links.now):
            link = self._links.table.get(fd)
            if link is None:
                continue
            if link.known is None:
                self._late(fd, link)
            elif self._answers.expire(link):
                reason = NO_STORAGE if link.cold else TOO_LITTLE
                self._cut(fd, link, reason.format(self._answers.stall_timeout))

    def _look_at_clocks(self) -> None:
        self._links.now = self._clock()
        self._answers.look_at_clock()

    def resume(self, fd: int) -> None:
        """Go on with an answer that had to be read first, if it is still to be sent."""
        link = self._links.table.get(fd)
        if link and link.cold:
            link.cold, link.warmed = False, True
            self._links.watch_for(fd, link, WRITE)
            self._answers.renew(link)

    def drain(self) -> list[int]:
        """Answer nothing more; the connections that wait, which are handed up.

        Those with an answer under way follow when it is sent, with no bytes to read
        but those that came behind.
        """
        self._answers.draining = True
        table = self._links.table
        waiting = [fd for fd, link in table.items() if not link.known]
        for fd in waiting:
            self._links.hand_up(fd, table[fd])
        return waiting

    def stop(self, reason: str) -> Turn:
        """End every connection; what is under way is cut off."""
        turn = self._turn = Turn()
        for fd, link in list(self._links.table.items()):
            if link.known:
                self._cut(fd, link, reason)
            else:
                self._links.end(fd, reset=False)
        turn.sent = self._answers.take_sent()
        self.forget()
        return turn

    def remember(self, recipe: Recipe, blob: Blob) -> None:
        """Answer by this recipe from now on, as long as its file is the same.

        Args:
            recipe: How to answer.
            blob: The file; the front holds it open by a descriptor of its own.
        """
        self._answers.kept.keep(recipe, blob)

    def forget(self) -> None:
        """Forget every recipe; what is under way goes on."""
        self._answers.kept.forget()

    def under_way(self) -> list[tuple[str, str, int, int, float]]:
        """Answers on their way: client, name, bytes, bytes sent, and since when."""
        return [
            (link.client, link.known.recipe.name, link.length, link.sent, link.began)
            for link in self._links.table.values()
            if link.known
        ]

    def sweep(self) -> int:
        """Forget recipes whose file is not the same any more; how many are left."""
        return self._answers.kept.sweep()

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
            self._links.end(fd, reset=False)
        # Mostly it is one request, and its answer goes at once.
        elif (found := self._answers.find(data, link)) is None:
            self._guarded(fd, link, data)
        elif not self._answers.complete_at_once(fd, link, *found):
            self._guarded(fd, link, b"")

    def _guarded(self, fd: int, link: Waiting, data: bytes) -> None:
        """Go on with a connection; the peer or the file may end it."""
        try:
            verdict = self._answers.advance(fd, link, data)
        except ContentChanged as error:
            self._cut(fd, link, str(error))
        except OSError as error:
            self._cut(fd, link, words_of(error))
        else:
            self._settle(fd, link, verdict)

    def _settle(self, fd: int, link: Waiting, verdict: Verdict) -> None:
        """Hand up what an advance leaves to others."""
        if verdict is Verdict.COLD:
            assert link.known  # it is what is cold
            file = link.known.file.blob.fd
            assert file is not None  # it is a file's
            self._turn.cold.append((fd, file, link.cold_at))
        elif verdict is Verdict.UNKNOWN:
            self._links.hand_up(fd, link)
            self._turn.came.append((fd, link.rest))
            link.rest = b""
        elif verdict is Verdict.DRAINED:
            self._late(fd, link)

    def _late(self, fd: int, link: Waiting) -> None:
        self._links.hand_up(fd, link)
        self._turn.late.append(fd)

    def _cut(self, fd: int, link: Waiting, reason: str) -> None:
        """End a connection whose answer cannot be completed."""
        assert link.known  # the caller looked
        row = fd, link.client, link.known.recipe, link.length, link.sent
        self._turn.cut.append((*row, self._clock() - link.began, reason))
        if link.cold:
            self._turn.cold = [row for row in self._turn.cold if row[0] != fd]
        self._answers.finish(link)
        self._links.end(fd, reset=True)


def best() -> type[Front]:
    """The compiled front where it was built, else the one in Python."""
    compiled = twin("http_front")
    return compiled.Front if compiled else Front

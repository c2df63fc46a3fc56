"""What the front answers, and how far each answer has come.

Its twin is `fastboot/_ext/http_answers.pyx`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from fastboot.config import HttpConfig
from fastboot.poller import LATER, READ, WRITE

from .dates import write_date
from .kept import Kept, Known
from .limits import ANSWER_COST, NOTEWORTHY, RENEWALS, SHARE
from .outlet import send, send_at_once
from .peer import acknowledged
from .recall import Recipe
from .waiting import Links, Waiting


class Verdict(Enum):
    """What a connection is left with."""

    WAITS = auto()  # for room, or for the next request
    COLD = auto()  # for a part of the file, which is to be read aside
    UNKNOWN = auto()  # what is in `rest` is for somebody else to answer
    DRAINED = auto()  # nothing is under way, and nothing more is to be answered


class Answers:
    """Answers requests that recipes are kept for.

    Args:
        links: Whose requests they are.
        config: The timeouts and limits.
        wall_clock: Seconds since the epoch, for Date.

    Attributes:
        stall_timeout: Seconds that a client has to take so many bytes.
        kept: The recipes.
        send: How what is under way leaves; see `fastboot.http.outlet.send`.
        draining: Whether nothing more is to be answered.
        requests: Requests that were answered, or are being.
        sent_bytes: Bytes that were sent, of heads and bodies.
    """

    def __init__(
        self, links: Links, config: HttpConfig, wall_clock: Callable[[], float]
    ) -> None:
        self._links = links
        self._wall_clock = wall_clock
        self._second, self._date = -1, b""  # the same as HTTP writes it
        self._requests_max = config.max_requests - 1  # the last is not the front's
        self._idle_timeout = config.idle_timeout
        self.stall_timeout = config.stall_timeout
        self._least = max(1, int(config.min_rate * config.stall_timeout))
        self._pause = config.stall_timeout / RENEWALS
        self._sent: list[tuple[str, Recipe, int, float]] = []
        self.kept = Kept()
        self.send: Callable[[Waiting, int], int] = send
        self.draining = False
        self.requests = self.sent_bytes = 0

    def look_at_clock(self) -> None:
        """See what the date is."""
        second = int(self._wall_clock())
        if second != self._second:
            self._second, self._date = second, write_date(second).encode()

    @property
    def has_news(self) -> bool:
        """Whether an answer is complete that was not told of yet."""
        return bool(self._sent)

    def take_sent(self) -> list[tuple[str, Recipe, int, float]]:
        """The answers that are complete, as `fastboot.http.turn.Turn.sent` has them."""
        sent, self._sent = self._sent, []
        return sent

    def find(self, head: bytes, link: Waiting) -> tuple[Known, int, int] | None:
        """How to answer a head that a good recipe is kept for; see `Kept.find`."""
        if self.draining or link.requests >= self._requests_max:
            return None
        found = self.kept.find(head)
        if found is not None:
            link.requests += 1
            self.requests += 1
        return found

    def begin(
        self, link: Waiting, known: Known, first: int, length: int, head: bytes = b""
    ) -> None:
        """Have an answer under way, nothing of which was sent."""
        self.kept.hold(known.file)
        self._links.look_at(link, busy=True)
        head = head or known.recipe.head(self._date, first, length)
        link.begin(known, head, first, length, self._links.now)

    def complete_at_once(
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
                self._sent.append((link.client, known.recipe, length, 0.0))
            self._links.timers.set(fd, self._links.now + self._idle_timeout)
            return True
        self.begin(link, known, first, length, head)
        link.went(count)
        self._taken(link, count)
        return False

    def advance(self, fd: int, link: Waiting, data: bytes) -> Verdict:
        """Send what is under way, then answer `data` and what was sent behind it.

        Raises:
            ContentChanged: The file is not what it was when the answer began.
            OSError: The connection has ended, or the file cannot be read.
        """
        data = link.rest + data
        link.rest = b""
        verdict = self._go_on(fd, link, data)
        self._links.look_at(link, busy=bool(link.known or link.rest))
        return verdict

    def _go_on(self, fd: int, link: Waiting, data: bytes) -> Verdict:
        share = SHARE
        while True:
            if link.known:
                share -= self._send(link, share)
                if link.left or link.head:
                    link.rest = data
                    self.await_room(fd, link, full=share > 0)
                    return Verdict.COLD if link.cold else Verdict.WAITS
                self._complete(link)
                share -= ANSWER_COST
            if not data:
                if self.draining:
                    return Verdict.DRAINED
                self._links.watch_for(fd, link, READ)
                self._links.timers.set(fd, self._links.now + self._idle_timeout)
                return Verdict.WAITS
            end = data.find(b"\r\n\r\n") + 4
            found = None if end < 4 else self.find(data[:end], link)
            if found is None:
                link.rest = data
                return Verdict.UNKNOWN
            # Also where its turn is over: what waits for room is an answer, always.
            self.begin(link, *found)
            data = data[end:]
            if share <= 0:
                link.rest = data
                self.await_room(fd, link, full=False)
                return Verdict.WAITS

    def await_room(self, fd: int, link: Waiting, *, full: bool) -> None:
        """Go on when the socket takes more: at once unless it is `full`."""
        before, interest = link.interest, link.waits(self._links.now, full=full)
        self._links.watch_for(fd, link, interest)
        # Who asks ahead waits once for all its answers: the rate is the connection's.
        if before != interest and not {before, interest} <= {WRITE, LATER}:
            self.renew(link)

    def expire(self, link: Waiting) -> bool:
        """Whether a client whose time is over took too little, or waits for its file.

        Room is reported only once half of what the kernel holds is free.
        """
        if link.cold or acknowledged(link.sock) - link.acked < self._least:
            return True
        self.renew(link)
        return False

    def renew(self, link: Waiting) -> None:
        """Give a client the time again that it has to take so many bytes."""
        link.unrenewed = 0
        link.acked = acknowledged(link.sock)
        now = link.renewed = self._links.now
        self._links.timers.set(link.sock.fileno(), now + self.stall_timeout)

    def finish(self, link: Waiting) -> None:
        """The answer under way is over, one way or the other."""
        assert link.known  # the caller looked
        self.kept.release(link.known.file)
        link.known = None

    def _send(self, link: Waiting, share: int) -> int:
        sent = self.send(link, share)
        self._taken(link, sent)
        return sent

    def _taken(self, link: Waiting, count: int) -> None:
        self.sent_bytes += count
        link.unrenewed += count
        due = link.renewed + self._pause
        if link.left and link.unrenewed >= self._least and self._links.now >= due:
            self.renew(link)

    def _complete(self, link: Waiting) -> None:
        known = link.known
        assert known  # the caller looked
        if link.length == known.recipe.size or link.length >= NOTEWORTHY:
            seconds = self._links.now - link.began
            self._sent.append((link.client, known.recipe, link.length, seconds))
        self.finish(link)

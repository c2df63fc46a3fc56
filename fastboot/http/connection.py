"""One connection, without its socket: requests in, what to send out (RFC 9112).

    WAITING ──first byte──► READING ──head complete──► ANSWERING ──all sent──► WAITING
       │                       │     └─► ASKING ─answered─►┤
       │                       │                           │ "close"
       └──idle_timeout─────────┴──refused, late (408)──────┴────► LINGERING ──► CLOSED

ASKING is where a tree answers later, and where a stream's next piece is awaited.
WATCHING is between two pieces of a feed, which has no end.

One answer is under way at a time: requests that were pipelined behind it wait in the
buffer, and whoever owns the socket reads nothing until `sent` was called.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from fastboot.config import HttpConfig
from fastboot.errors import ContentChanged
from fastboot.events import Emit
from fastboot.eventual import give_up
from fastboot.tree import Blob, Client

from .actions import Action, Await, Close, Send, Shutdown
from .body import Body, Transfer
from .limits import LINGER, MAX_LINE, NO_STORAGE, TOO_LITTLE, BadRequest
from .message import RequestHead, decode
from .phase import Phase
from .reply import Replies
from .respond import Response, asker


class Connection:
    """The machine of one connection.

    `receive`, `end`, `sent`, `fail`, `tick` and `drain` return what to do, in order.
    Times are seconds on the caller's monotonic clock.

    Args:
        config: The timeouts.
        open_blob: A tree's `open`. The blob is closed when its answer has ended.
        emit: Told about each transfer (`Finished`, `Failed`), each HEAD (`Probed`),
            each refusal (`RequestRefused`) and all that was no request (`Dropped`). A
            part of a file that is smaller than `NOTEWORTHY` and not the whole is no
            transfer, whether it completes or not.
        wall_clock: Seconds since the epoch, for Date.
        client: The peer's address.
        server: The address of ours that it reached.
        now: When it was accepted.
        requests: How many were answered on it before, by somebody else.
        draining: Whether it ends after the next answer.
        protocol: "http" or "https", for what is reported.
        do: Has what nobody waits for awaited: the end of a stream that is left.

    Attributes:
        client: As given.
        requests: How many were taken.
    """

    def __init__(
        self,
        config: HttpConfig,
        open_blob: Callable[[str, Client], Blob | Awaitable[Blob]],
        emit: Emit,
        wall_clock: Callable[[], float],
        *,
        client: str,
        server: str,
        now: float,
        requests: int = 0,
        draining: bool = False,
        protocol: str = "http",
        do: Callable[[Awaitable[Blob]], object] = give_up,
    ) -> None:
        self._config = config
        self._open = open_blob
        self._replies = Replies(protocol, client, emit, wall_clock)
        self._body = Body(protocol, client, emit, do)
        self.client, self._server = client, server
        self._buffer = bytearray()
        self._asked: RequestHead | None = None  # while the tree works out its answer
        self._close = False  # after the answer under way
        self._draining = draining  # after any answer
        # What a client has to take within `stall_timeout`, or the rest of its answer:
        # one that takes a byte now and then would keep its place for ever.
        self._least = max(1, int(config.min_rate * config.stall_timeout))
        self._unrenewed = 0  # bytes taken since the stall deadline was moved
        self.requests = requests
        self._phase = Phase.WAITING
        # Whoever connects has something to ask; patience is for between requests.
        self.deadline = now + config.head_timeout

    @property
    def answering(self) -> bool:
        """Whether an answer is under way: read nothing, call `sent` when it is out."""
        return self._phase is Phase.ANSWERING

    @property
    def asking(self) -> bool:
        """Whether the tree's answer is awaited: read nothing until `answered`."""
        return self._phase is Phase.ASKING

    @property
    def resting(self) -> bool:
        """Whether nothing of a request is there, and one may come."""
        return self._phase is Phase.WAITING

    @property
    def busy(self) -> bool:
        """Whether a request is being read or answered."""
        return self._phase in (Phase.READING, Phase.ASKING, Phase.ANSWERING)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self._phase is Phase.CLOSED

    @property
    def transfer(self) -> Transfer | None:
        """The content under way; None where there is none."""
        return self._body.transfer

    def receive(self, data: bytes, now: float) -> list[Action]:
        """Bytes from the peer; not to be called while `answering`."""
        if self._phase not in (Phase.WAITING, Phase.READING):
            return []  # what comes after the last answer is no request any more
        self._buffer += data
        if self._phase is Phase.WAITING:
            self._await_head(now)
        elif b"\n" not in data and len(self._buffer) <= MAX_LINE:
            return []  # no line was completed: many small pieces cost no more than one
        return self._next(now)

    def end(self) -> list[Action]:
        """The peer sends no more; not to be called while `answering`.

        What it asked for before was answered by then.
        """
        if self._phase is Phase.READING:
            self._replies.drop("the connection ended within a request's head")
        return self._end(reset=False)

    def taken(self, count: int, now: float, *, content: bool) -> None:
        """`count` bytes were handed over, of a `SendFile` if `content`."""
        if content:
            self._body.taken(count)
        self._unrenewed += count
        if self._unrenewed >= self._least:
            self.renew(now)

    def renew(self, now: float) -> None:
        """Give the client all of its time: what was waited for is there, or another's."""
        self._unrenewed, self.deadline = 0, now + self._config.stall_timeout

    def sent(self, now: float) -> list[Action]:
        """All of the answer was handed over."""
        if self._phase is not Phase.ANSWERING:
            return []
        if self._body.is_stream:
            return self._ask_for_more()
        if self._body.is_feed:
            return self._look(now)
        self._body.complete(now)
        if self._close or (self._draining and not self._buffer):
            return self._linger(now)
        if not self._buffer:
            self._phase = Phase.WAITING
            self.deadline = now + self._config.idle_timeout
            return []
        self._await_head(now)
        return self._next(now)

    def shut(self, now: float) -> None:
        """The peer was told that nothing more comes, and has a moment to say as much."""
        self.deadline = now + LINGER

    def fail(self, reason: str, now: float) -> list[Action]:
        """The answer cannot be completed, or the peer is gone."""
        self._body.fail(reason, now)
        return self._end(reset=True)

    def tick(
        self, now: float, acknowledged: int = 0, *, cold: bool = False
    ) -> list[Action]:
        """Time has passed: end what took longer than `deadline`.

        `acknowledged` bytes reached the client since that was set, as far as is known;
        if `cold`, not the client is waited for but a part of the file.
        """
        if now < self.deadline:
            return []
        match self._phase:
            case Phase.WAITING:
                return self._linger(now)
            case Phase.WATCHING:
                return self._look(now)
            case Phase.READING:
                seconds = self._config.head_timeout
                return self._reject(408, f"no whole head within {seconds:g} s", now)
            case Phase.ANSWERING if acknowledged >= self._least and not cold:
                self.renew(now)
                return []
            case Phase.ANSWERING:
                reason = NO_STORAGE if cold else TOO_LITTLE
                return self.fail(reason.format(self._config.stall_timeout), now)
            case _:
                return self._end(reset=False)

    def turn_away(self, now: float) -> list[Action]:
        """Answer 503 before anything is asked; iPXE then comes back by itself."""
        return self._begin(self._replies.turn_away(), now)

    def drain(self, now: float) -> list[Action]:
        """Take no further request: end now, or after the answer under way."""
        self._draining = True
        at_rest = self._phase in (Phase.WAITING, Phase.WATCHING)
        return self._linger(now) if at_rest else []

    def _await_head(self, now: float) -> None:
        self._phase = Phase.READING
        self.deadline = now + self._config.head_timeout

    def _next(self, now: float) -> list[Action]:
        """Answer the request that the buffer begins with, once it is whole."""
        try:
            decoded = decode(self._buffer)
        except BadRequest as error:
            return self._reject(error.status, str(error), now)
        if decoded is None:
            return []
        head, size = decoded
        del self._buffer[:size]
        self.requests += 1
        if self.requests >= self._config.max_requests:
            self._draining = True
        return self._answer(head, now)

    def _answer(self, head: RequestHead, now: float) -> list[Action]:
        client = asker(head, self.client, self._server)
        try:
            answer = self._open(head.path, client)
        except Exception as error:  # noqa: BLE001 (a tree's mistake is an answer too)
            return self._answer_with(head, error, now)
        if isinstance(answer, Blob):
            return self._answer_with(head, answer, now)
        self._phase = Phase.ASKING
        self._asked = head
        self.deadline = math.inf  # whoever works out answers has a patience of its own
        return [Await(answer)]

    def answered(self, answer: Blob | Exception, now: float) -> list[Action]:
        """What an `Await` came to: content, or what was raised."""
        if self._body.is_stream and self._phase is Phase.ASKING:
            return self._send_more(answer, now)
        head, self._asked = self._asked, None
        if head is None or self._phase is not Phase.ASKING:
            if isinstance(answer, Blob):
                answer.close()
            return []
        return self._answer_with(head, answer, now)

    def _ask_for_more(self) -> list[Action]:
        """The next piece of a stream; the one before is with the client by now."""
        self._phase = Phase.ASKING
        self.deadline = math.inf
        return [self._body.ask()]

    def _send_more(self, piece: Blob | Exception, now: float) -> list[Action]:
        try:
            data = self._body.take(piece)
        except ContentChanged as error:
            return self.fail(str(error), now)
        if not data:
            return self._ask_for_more()
        self._phase = Phase.ANSWERING
        self.deadline = now + self._config.stall_timeout
        return [Send(data)]

    def _answer_with(
        self, head: RequestHead, answer: Blob | Exception, now: float
    ) -> list[Action]:
        response = self._replies.reply(head, answer, close=self._draining)
        if isinstance(answer, Blob):
            self._body.begin(head, answer, response, now)
        return self._begin(response, now)

    def _begin(self, response: Response, now: float) -> list[Action]:
        self._phase = Phase.ANSWERING
        self._close = response.close
        self._unrenewed = 0
        self.deadline = now + self._config.stall_timeout
        return [Send(response.head), *self._body.actions(response)]

    def _reject(self, status: int, reason: str, now: float) -> list[Action]:
        """Answer what is no request, and close."""
        is_head = self._buffer[:7].lstrip(b"\r\n").startswith(b"HEAD ")
        return self._begin(
            self._replies.reject(status, reason, without_body=is_head), now
        )

    def _look(self, now: float) -> list[Action]:
        """Send what is new of a feed, if anything is: asked once a second."""
        data = None if self._draining else self._body.news(now)
        if data is None:
            return self._linger(now)
        self._phase = Phase.ANSWERING if data else Phase.WATCHING
        stalls_at = now + self._config.stall_timeout
        self.deadline = stalls_at if data else self._body.look_at
        return [Send(data)] if data else []

    def _linger(self, now: float) -> list[Action]:
        self._body.release()
        self._buffer.clear()
        self._phase = Phase.LINGERING
        self.deadline = now + self._config.stall_timeout  # until it finds room
        return [Shutdown()]

    def _end(self, *, reset: bool) -> list[Action]:
        self._body.release()
        self._buffer.clear()
        self._phase = Phase.CLOSED
        self.deadline = math.inf
        return [Close(reset)]

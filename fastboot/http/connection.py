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

from fastboot import events
from fastboot.config import HttpConfig
from fastboot.errors import (
    ContentChanged,
    FastbootError,
    NotFound,
    Refused,
    Unavailable,
)
from fastboot.events import Emit
from fastboot.eventual import give_up
from fastboot.tree import Blob, Client

from .actions import Action, Await, Close, Send, SendFile, Shutdown
from .limits import EVERY, LINGER, MAX_LINE, NOTEWORTHY, RETRY, BadRequest
from .message import RequestHead, decode
from .phase import Phase, Transfer
from .ranges import Span
from .respond import REASONS, Response, asker, follow, refuse, respond
from .stream import Stream


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
        transfer: The content under way; None where there is none.
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
        self._protocol, self._do = protocol, do
        self._config = config
        self._open = open_blob
        self._emit = emit
        self._wall_clock = wall_clock
        self.client, self._server = client, server
        self._buffer = bytearray()
        self._asked: RequestHead | None = None  # while the tree works out its answer
        self._blob: Blob | None = None
        self._stream: Stream | None = None
        self._look_at = now  # when a feed is asked again
        self.transfer: Transfer | None = None
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
            self._drop("the connection ended within a request's head")
        return self._end(reset=False)

    def taken(self, count: int, now: float, *, content: bool) -> None:
        """`count` bytes were handed over, of a `SendFile` if `content`."""
        if content and self.transfer:
            self.transfer.sent += count
        self._unrenewed += count
        if self._unrenewed >= self._least:
            self._unrenewed = 0
            self.deadline = now + self._config.stall_timeout

    def sent(self, now: float) -> list[Action]:
        """All of the answer was handed over."""
        if self._phase is not Phase.ANSWERING:
            return []
        if self._stream and not self._stream.ended:
            return self._ask_for_more()
        if self._blob and self._blob.feed:
            return self._look(now)
        transfer, who = self.transfer, (self._protocol, self.client)
        self._release()
        if transfer and transfer.noteworthy:
            took = now - transfer.began
            self._emit(events.Finished(*who, transfer.name, transfer.size, took))
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
        transfer = self.transfer
        if transfer and transfer.noteworthy:
            who, took = (self._protocol, self.client), now - transfer.began
            self._emit(events.Failed(*who, transfer.name, transfer.sent, took, reason))
        return self._end(reset=True)

    def tick(self, now: float, acknowledged: int = 0) -> list[Action]:
        """Time has passed: end what took longer than `deadline`.

        `acknowledged` bytes reached the client since that was set, as far as is known.
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
            case Phase.ANSWERING if acknowledged >= self._least:
                self._unrenewed, self.deadline = 0, now + self._config.stall_timeout
                return []
            case Phase.ANSWERING:
                seconds = self._config.stall_timeout
                return self.fail(f"the client took too little for {seconds:g} s", now)
            case _:
                return self._end(reset=False)

    def turn_away(self, now: float) -> list[Action]:
        """Answer 503 before anything is asked; iPXE then comes back by itself."""
        self._drop("too many connections")
        return self._begin(refuse(503, self._wall_clock(), *RETRY), now)

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
        if self._stream and self._phase is Phase.ASKING:
            return self._send_more(answer, now)
        head, self._asked = self._asked, None
        if head is None or self._phase is not Phase.ASKING:
            if isinstance(answer, Blob):
                answer.close()
            return []
        return self._answer_with(head, answer, now)

    def _ask_for_more(self) -> list[Action]:
        """The next piece of a stream; the one before is with the client by now."""
        assert self._stream is not None  # the caller looked
        self._phase = Phase.ASKING
        self.deadline = math.inf
        return [self._stream.ask()]

    def _send_more(self, piece: Blob | Exception, now: float) -> list[Action]:
        if not isinstance(piece, Blob):
            if not isinstance(piece, FastbootError):
                self._emit(events.Fault(self._protocol, piece))
            return self.fail(f"the stream broke off: {piece}", now)
        assert self._stream is not None  # `answered` looked
        try:
            data = self._stream.take(piece)
        except ContentChanged as error:
            return self.fail(str(error), now)
        if not data:
            return self._ask_for_more()
        if self.transfer:
            self.transfer.sent += len(data)
        self._phase = Phase.ANSWERING
        self.deadline = now + self._config.stall_timeout
        return [Send(data)]

    def _answer_with(
        self, head: RequestHead, answer: Blob | Exception, now: float
    ) -> list[Action]:
        match answer:
            case Blob():
                return self._send_blob(head, answer, now)
            case NotFound():
                return self._deny(404, head, str(answer), now)
            case Refused(told=told):
                return self._deny(403, head, str(answer), now, told=told)
            case Unavailable():
                return self._deny(503, head, str(answer), now)
        self._emit(events.Fault(self._protocol, answer))
        reason = "the server failed to work out an answer"
        return self._deny(500, head, reason, now)

    def _send_blob(self, head: RequestHead, blob: Blob, now: float) -> list[Action]:
        if blob.feed is not None:
            actions = self._begin(follow(blob, self._wall_clock()), now)
            self._blob = blob
            if head.method == "HEAD":
                self._release()
            return actions
        self._blob = blob
        response = respond(head, blob, self._wall_clock(), close=self._draining)
        if response.status >= 400:
            self._refused(head, REASONS[response.status])
        elif head.method == "HEAD" and response.status == 200:
            self._emit(events.Probed(self._protocol, self.client, head.path, blob.size))
        size = sum(part.length for part in response.body if isinstance(part, Span))
        if size:
            noteworthy = size == blob.size or size >= NOTEWORTHY
            self.transfer = Transfer(head.path, size, noteworthy, now)
        return self._begin(response, now)

    def _begin(self, response: Response, now: float) -> list[Action]:
        self._phase = Phase.ANSWERING
        self._close = response.close
        self._unrenewed = 0
        self.deadline = now + self._config.stall_timeout
        actions: list[Action] = [Send(response.head)]
        for part in response.body:
            if isinstance(part, bytes):
                actions.append(Send(part))
            else:
                assert self._blob is not None  # spans are of what was opened
                if self._blob.pieces is not None:  # asked for once the head is out
                    self._stream = Stream(self._blob.pieces, part.length, self._do)
                    break
                actions.append(SendFile(self._blob, part.offset, part.length))
        if not self.transfer:
            self._release()
        return actions

    def _deny(
        self,
        status: int,
        head: RequestHead,
        reason: str,
        now: float,
        *,
        told: bool = False,
    ) -> list[Action]:
        """Answer a request whose path has no content; seldom is the peer told why."""
        self._refused(head, reason)
        response = refuse(
            status,
            self._wall_clock(),
            *(RETRY if status == 503 else ()),
            without_body=head.method == "HEAD",
            close=self._draining or not head.keep_alive,
            why=reason if told else "",
        )
        return self._begin(response, now)

    def _reject(self, status: int, reason: str, now: float) -> list[Action]:
        """Answer what is no request, and close."""
        self._drop(reason)
        head = self._buffer[:7].lstrip(b"\r\n").startswith(b"HEAD ")
        return self._begin(refuse(status, self._wall_clock(), without_body=head), now)

    def _refused(self, head: RequestHead, reason: str) -> None:
        who = (self._protocol, self.client)
        self._emit(events.RequestRefused(*who, head.path, reason))

    def _drop(self, reason: str) -> None:
        self._emit(events.Dropped(self._protocol, self.client, reason))

    def _look(self, now: float) -> list[Action]:
        """Send what is new of a feed, if anything is: asked once a second."""
        assert self._blob is not None  # the caller looked
        assert self._blob.feed is not None
        data: bytes | None = None if self._draining else b""
        if data is not None and now >= self._look_at:
            data, self._look_at = self._blob.feed(), now + EVERY
        if data is None:
            return self._linger(now)
        self._phase = Phase.ANSWERING if data else Phase.WATCHING
        self.deadline = now + self._config.stall_timeout if data else self._look_at
        return [Send(data)] if data else []

    def _linger(self, now: float) -> list[Action]:
        self._release()
        self._buffer.clear()
        self._phase = Phase.LINGERING
        self.deadline = now + self._config.stall_timeout  # until it finds room
        return [Shutdown()]

    def _end(self, *, reset: bool) -> list[Action]:
        self._release()
        self._buffer.clear()
        self._phase = Phase.CLOSED
        self.deadline = math.inf
        return [Close(reset)]

    def _release(self) -> None:
        blob, self._blob, self.transfer = self._blob, None, None
        if blob and blob.pieces is not None:
            (self._stream or Stream(blob.pieces, 0, self._do)).leave()
        self._stream = None
        if blob:
            blob.close()

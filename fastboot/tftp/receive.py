"""One file on its way from one client: the receiver's machine, like the sender's.

    start(now)          -> datagrams      the OACK, or ACK 0
    receive(data, now)  -> datagrams      what the client sent; an ACK ends a window
    tick(now)           -> datagrams      call when `deadline` is reached
    finished, outcome                     how it ended

Rules, and where they come from:
1. A window is acknowledged by its last block, the file by its last (RFC 7440,
   section 4). Without the option a window is one block (RFC 1350).
2. A gap is reported at once: an ACK of the last block that came in order, once, and the
   window counts from there (RFC 7440, section 4). Once more when the timer says so.
3. A block that came before tells that an ACK was lost: the last one is repeated, for a
   larger window only once and not within it, so that two ACKs never make two windows
   of the same blocks. Nothing that says nothing new puts the timer off.
4. The last ACK says that the file is safe, so it waits until it is. So does every ACK
   while the disk does not keep up: the client is held back, not the server.
5. Whoever repeats the last block has lost the last ACK and gets it again for a while
   (RFC 1350, section 6): see `Farewells`.
6. A client that has sent nothing gets one packet, three times at most.
7. The timer follows the round trip (RFC 6298), but is slower than the sender's: it knows
   what is missing, and a sender's repetition asks for an answer anyway.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from fastboot.errors import (
    DecodeError,
    TreeError,
    Unavailable,
)

from .blocks import NetasciiText
from .options import Negotiated
from .packet import Ack, Data, Error, ErrorCode, OptionAck, decode, refusal
from .transfer import UNCONFIRMED_SENDS, Outcome, RoundTrip, wire_number

WAIT_MIN = 0.4
"""Shortest wait for a block, seconds: twice a sender's shortest time-out."""

LOOK_FIRST = 0.001
"""Seconds until a disk that is waited for is looked at again, at first."""

LOOK_MAX = 0.1
"""The same at the most: it doubles each time."""

DALLY = 15.0
"""Seconds that a last ACK is remembered: three tries of a client that waits 5 s, as
tftp-hpa and atftp do."""

DALLY_PAUSE = 0.1
"""Seconds between two answers to the same client: of a window that is repeated one
block is answered."""

FAREWELLS_MAX = 256
"""Last ACKs remembered, the latest ones."""


class Content(Protocol):
    """Where a receiver puts what comes; see `fastboot.uploads.Upload`."""

    kept: bool
    problem: TreeError | None

    @property
    def ready(self) -> bool:
        """Whether more may be written."""
        ...

    def write(self, data: bytes) -> None:
        """Add bytes at the end; never waits."""

    def keep(self) -> None:
        """Give it its name, once all is written; `kept` tells when."""


class Receiver:
    """The receiving side of one write request, or of a read request.

    Args:
        content: Where the file goes.
        negotiated: The options that hold.
        patience: Seconds without progress after which it ends.
        netascii: Whether line ends are converted.
        proved: Whether the peer has proved its address already. A server has that
            answers a client's read request, who therefore need not keep rule 6.

    Attributes:
        gaps: How often a block was missing, as those behind it told.
    """

    def __init__(
        self,
        content: Content,
        negotiated: Negotiated,
        patience: float = 60.0,
        *,
        netascii: bool = False,
        proved: bool = False,
    ) -> None:
        self._content = content
        self._negotiated = negotiated
        self._patience = patience
        self._text = NetasciiText() if netascii else None
        self._period = 65536 - negotiated.rollover  # of numbers after 65535
        self._expected = 1  # the number of the next block, without end
        self._window_from = 1  # the first block of the window that is coming in
        self._sends_left = None if proved else UNCONFIRMED_SENDS  # of the first packet
        self._reported_gap = False
        self._repeated_ack = False
        self._saving = False  # the last block came
        self._held = False  # an ACK waits for the disk
        self._round_trip = RoundTrip(negotiated.timeout)
        self._acked_at: float | None = None  # for the first time, and nothing came yet
        self._look = LOOK_FIRST
        self._give_up = 0.0
        self.acknowledged = 0
        self.confirmed = False
        self.gaps = 0
        self.outcome: Outcome | None = None
        self.reason = ""
        self.deadline: float | None = None
        self.retransmissions = 0

    @property
    def finished(self) -> bool:
        """Whether it is over; `outcome` says how, `reason` adds words."""
        return self.outcome is not None

    @property
    def last_ack(self) -> Ack:
        """The acknowledgement of all that came in order."""
        return Ack(wire_number(self._expected - 1, self._period))

    def start(self, now: float) -> list[bytes]:
        """The first packet: the OACK where options were granted, else ACK 0."""
        self._give_up = now + self._patience
        return self._send_first(now)

    def repeat(self, now: float) -> list[bytes]:
        """The first packet again, to a client that repeats its request."""
        if self.confirmed or self.finished or self._sends_left == 0:
            return []
        return self._send_first(now)

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """Take a datagram from the client."""
        if self.finished:
            return []
        try:
            packet = decode(data)
        except DecodeError:
            return []
        match packet:
            case Data(block, payload):
                return self._take(block, payload, now)
            case Error(code, message) if not self._saving:
                text = message[:200].decode("utf-8", "replace")
                return self._finish(Outcome.ABORTED, f"error {code}: {text}")
            case _:
                return []  # nothing else comes from a writer (RFC 1350, section 4)

    def tick(self, now: float) -> list[bytes]:
        """Do what is due; call it when `deadline` is reached."""
        if self.deadline is None or now < self.deadline:
            return []
        if self._saving or self._held:
            return self._look_at_content(now)
        if now >= self._give_up:
            return self._finish(Outcome.STALLED)
        if not self.confirmed:
            if self._sends_left == 0:
                return self._finish(Outcome.UNANSWERED)
            self._round_trip.back_off()
            return self._send_first(now)
        self._round_trip.back_off()
        self._reported_gap = self._repeated_ack = False
        self.deadline = now + self._wait
        return self._acknowledge_again()

    def close(self, reason: str) -> list[bytes]:
        """End it from our side; what is returned tells the client."""
        if self.finished:
            return []
        self._finish(Outcome.CLOSED, reason)
        return [Error(ErrorCode.NOT_DEFINED, reason.encode()).encode()]

    @property
    def _wait(self) -> float:
        """Seconds until the last acknowledgement is repeated."""
        return max(self._round_trip.timeout(confirmed=self.confirmed), WAIT_MIN)

    def _send_first(self, now: float) -> list[bytes]:
        if self._sends_left is not None:
            self._sends_left -= 1
        self._acked_at = None  # a client may take its time before it begins
        self.deadline = now + self._wait
        answer = self._negotiated.answer
        return [(OptionAck(answer) if answer else Ack(0)).encode()]

    def _take(self, block: int, payload: bytes, now: float) -> list[bytes]:
        if self._saving or self._held:
            return []  # it is told as soon as the disk is ready
        ahead = self._ahead(block)
        if ahead >= 0x8000:
            return self._came_before()
        if ahead:
            return self._came_early(ahead)
        if len(payload) > self._negotiated.blksize:
            text = "a block that is longer than agreed"
            self._finish(Outcome.ABORTED, text)
            return [Error(ErrorCode.ILLEGAL_OPERATION, text.encode()).encode()]
        return self._came_in_order(payload, now)

    def _ahead(self, wire: int) -> int:
        """How many blocks a number lies after the next one; many: it lies before."""
        if wire == 0 and self._period == 65535:
            return 0x8000  # no block has that number
        return (wire - wire_number(self._expected, self._period)) % self._period

    def _came_in_order(self, payload: bytes, now: float) -> list[bytes]:
        is_last = len(payload) < self._negotiated.blksize
        self._advance(1, len(payload), now)
        if self._text:
            payload = self._text.decode(payload, last=is_last)
        self._content.write(payload)
        if is_last:
            self._content.keep()
            self._saving = True
            return self._look_at_content(now)
        if self._content.problem:
            return self._fail(self._content.problem)
        if self._expected - self._window_from < self._negotiated.windowsize:
            return []
        self._held = not self._content.ready
        return self._look_at_content(now) if self._held else self._acknowledge(now)

    def _advance(self, blocks: int, size: int, now: float) -> None:
        """Count blocks of so many bytes, which came in order."""
        self._expected += blocks
        self.acknowledged += size
        self.confirmed = True
        self._give_up = now + self._patience
        if self._acked_at is not None:
            self._round_trip.measure(now - self._acked_at)
            self._acked_at = None
        self._round_trip.reset()
        self._reported_gap = self._repeated_ack = False
        self.deadline = now + self._wait

    def _came_before(self) -> list[bytes]:
        self.retransmissions += 1
        within = self._expected != self._window_from
        if not self.confirmed or within or self._repeated_ack:
            return []
        # Stop and wait needs an answer to each, or client and server wait in turns.
        self._repeated_ack = self._negotiated.windowsize > 1
        return self._acknowledge_again()

    def _came_early(self, ahead: int) -> list[bytes]:
        if ahead >= self._negotiated.windowsize or self._reported_gap:
            return []
        self._reported_gap = True
        self.gaps += 1
        return self._acknowledge_again()

    def _acknowledge(self, now: float) -> list[bytes]:
        self._acked_at = now
        self._window_from = self._expected
        return [self.last_ack.encode()]

    def _acknowledge_again(self) -> list[bytes]:
        """The same, but what comes may be an answer to an earlier one (Karn)."""
        self._acked_at = None
        self._window_from = self._expected
        return [self.last_ack.encode()]

    def _look_at_content(self, now: float) -> list[bytes]:
        """Acknowledge what the disk has, or come back to see."""
        if self._content.problem:
            return self._fail(self._content.problem)
        if self._saving and self._content.kept:
            self._finish(Outcome.DONE, "the file is kept")
            return [self.last_ack.encode()]
        if self._held and self._content.ready:
            self._held = False
            self._look = LOOK_FIRST
            self._give_up = now + self._patience
            self.deadline = now + self._wait
            return self._acknowledge(now)
        if now >= self._give_up:
            return self._fail(Unavailable("the disk does not answer"))
        self.deadline = now + self._look
        self._look = min(self._look * 2, LOOK_MAX)
        return []

    def _fail(self, problem: TreeError) -> list[bytes]:
        self._finish(Outcome.UNWRITABLE, str(problem))
        return [refusal(problem).encode()]

    def _finish(self, outcome: Outcome, reason: str = "") -> list[bytes]:
        self.outcome = outcome
        self.reason = reason or outcome.value
        self.deadline = None
        return []


K = TypeVar("K", bound=Hashable)


class Farewells(Generic[K]):
    """The last ACKs of transfers that are over, for clients that have lost theirs.

    >>> farewells = Farewells()
    >>> farewells.remember("client", Ack(7), now=0.0)
    >>> farewells.answer("client", Data(7, b"end").encode(), now=5.0).block
    7
    """

    def __init__(self) -> None:
        self._last: OrderedDict[K, tuple[Ack, float, float]] = OrderedDict()

    def remember(self, key: K, ack: Ack, now: float) -> None:
        """A transfer is over; this was its last ACK."""
        self._last.pop(key, None)
        self._last[key] = (ack, now + DALLY, now)
        if len(self._last) > FAREWELLS_MAX:
            self._last.popitem(last=False)

    def answer(self, key: K, data: bytes, now: float) -> Ack | None:
        """The last ACK, where a datagram asks for it again."""
        if key not in self._last or data[:2] != b"\0\3":
            return None
        ack, until, answered = self._last[key]
        if now >= until or now - answered < DALLY_PAUSE:
            return None
        self._last[key] = (ack, until, now)
        return ack

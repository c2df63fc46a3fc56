"""One file on its way to one client: the sender's machine, without sockets or clocks.

    start(now)          -> datagrams      the OACK, or block 1
    receive(data, now)  -> datagrams      what the client sent; usually the next window
    tick(now)           -> datagrams      call when `deadline` is reached
    finished, outcome                     how it ended

The OACK is counted as block 0, so that one rule serves all: what was sent and not
acknowledged is sent again when its time is up.

Rules, and where they come from:
1. A window goes out at once and is followed by nothing until its last block is
   acknowledged (RFC 7440, section 4). Without the option a window is one block.
2. An ACK in the middle of a window tells of a gap: a full new window follows the block
   acknowledged (RFC 7440, section 4).
3. An ACK that says nothing new never repeats a window of one block (RFC 1123, section
   4.2.3.1). With larger windows it tells that the window's first block was lost, but
   only once a window, and only when a round trip has passed since the window left:
   edk2 sends one such ACK for each block that followed the gap.
4. Nothing that says nothing new puts the timer off.
5. The timer follows the round trip (RFC 6298) and doubles with each retransmission;
   retransmitted windows are not measured (Karn). A `timeout` that the client asked for
   is the longest it gets: U-Boot asks for 5 s, but need not wait so long for a block
   that was lost on a link of a millisecond.
6. When a window's time is up, its last block alone is sent again (as TCP does: RFC 8985,
   section 7). Mostly an ACK was lost or the window's end, and a client that reports
   gaps answers to that block whatever it was. The whole window would be in vain, and
   edk2, which answers to each block of it, would have every window twice from then on.
   If nothing comes the window is sent again whole, then half of it, a quarter, and so
   on down to a block: a link that loses so much cannot take more, and whoever forged an
   ACK in somebody's name gets three windows for it and a block, and no more.
7. A client that has acknowledged nothing gets one packet, three times at most.
8. Blocks count without end; on the wire 65535 is followed by 0, or by 1 where that was
   negotiated (tftp-hpa's `rollover`).
9. With `msftwindow` each ACK says how many blocks the next window has.
10. What is not in memory is waited for, as long as a client is that does not answer:
   `Cold` says so to whoever asked for packets, and `resume` goes on. The round trip is
   measured from then.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fastboot.cold import Cold, Part
from fastboot.errors import ContentChanged, DecodeError

from .blocks import Blocks
from .options import WINDOW_MAX, Negotiated
from .packet import Ack, Data, Error, ErrorCode, OptionAck, decode

RTO_FIRST = 1.0
"""Seconds until the first retransmission, before a round trip was measured
(RFC 6298, section 2.1)."""

RTO_MIN = 0.2
"""Shortest time-out, seconds, as Linux has for TCP: clients pause to write to flash."""

RTO_MAX = 2.0
"""Longest time-out, seconds: a client gives up after some tries of its own, and where a
fifth of all packets is lost many tries have to fit into `patience`. That a link is not
flooded meanwhile, rule 6 sees to."""

UNCONFIRMED_SENDS = 3
"""Times that the first packet is sent to a client that never answered: its address may
be forged, and somebody else's."""

UNCONFIRMED_RTO_MAX = 2.0
"""Longest time-out meanwhile, so that such a transfer is gone after 5 s."""

TOO_SLOW = "the disk took too long"
"""Why a transfer ended that waited for its file until nobody could wait any more."""


class Outcome(Enum):
    """How a transfer ended."""

    DONE = "the client has the whole file"
    PROBED = "the client wanted to know the size"
    UNANSWERED = "the client never answered"
    STALLED = "the client stopped answering"
    ABORTED = "the client ended it"
    UNREADABLE = "the file could not be read"
    CLOSED = "the server ended it"
    UNWRITABLE = "the file could not be kept"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a transfer is held to.

    Attributes:
        negotiated: The options that hold.
        size: The content's bytes, for the account.
        patience: Seconds without progress after which it ends.
    """

    negotiated: Negotiated
    size: int
    patience: float = 60.0


def wire_number(block: int, period: int) -> int:
    """A block's number on the wire, where numbers after 65535 repeat with `period`.

    >>> wire_number(65536, period=65536), wire_number(65536, period=65535)
    (0, 1)
    """
    if block < 65536:
        return block
    return (block - 65536) % period + 65536 - period


class Sender:
    """The sending side of one read request, or of a write request.

    Args:
        blocks: Where the blocks come from.
        terms: What it is held to.
        proved: Whether the peer has proved its address already. A server has that
            answers a write request, to whom a whole window may go at once, not rule 7.
    """

    def __init__(self, blocks: Blocks, terms: Terms, *, proved: bool = False) -> None:
        self._blocks = blocks
        self._terms = terms
        self._blksize = terms.negotiated.blksize
        self._window = terms.negotiated.windowsize
        # Numbers after 65535 repeat with this period.
        self._period = 65536 - terms.negotiated.rollover
        self._acked = -1 if terms.negotiated.answer else 0  # everything up to here
        self._highest = self._acked  # ever sent
        self._last: int | None = None  # the final block, once it was read
        self._confirmed = proved
        self._sends = 0  # of the window that is out
        self._window_at = 0.0
        self._repeated_for_ack = False
        self._probed = False  # with the window's last block
        self._cold: Cold | None = None  # what is waited for
        self._give_up = 0.0
        self._round_trip = RoundTrip(terms.negotiated.timeout)
        self.outcome: Outcome | None = None
        self.reason = ""
        self.deadline: float | None = None
        self.retransmissions = 0

    @property
    def finished(self) -> bool:
        """Whether it is over; `outcome` says how, `reason` adds words."""
        return self.outcome is not None

    @property
    def confirmed(self) -> bool:
        """Whether the client has acknowledged anything."""
        return self._confirmed

    @property
    def sent_all(self) -> bool:
        """Whether the last block went out, whoever has it."""
        return self._last is not None

    @property
    def acknowledged(self) -> int:
        """Bytes of the file that the client has."""
        if self.outcome is Outcome.DONE:
            return self._terms.size
        return min(max(0, self._acked) * self._blksize, self._terms.size)

    def start(self, now: float) -> list[bytes]:
        """The first packet: the OACK where options were granted, else block 1."""
        self._give_up = now + self._terms.patience
        return self._send_window(now)

    def repeat(self, now: float) -> list[bytes]:
        """The first packet again, to a client that repeats its request."""
        if self._confirmed or self.finished or self._sends >= UNCONFIRMED_SENDS:
            return []
        return self._send_window(now)

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """Take a datagram from the client."""
        if self.finished:
            return []
        try:
            packet = decode(data)
        except DecodeError:
            return []
        match packet:
            case Ack(block, wanted):
                return self._acknowledge(block, wanted, now)
            case Error(code, message):
                return self._aborted(code, message)
            case _:
                return []  # nothing else comes from a reader (RFC 1350, section 4)

    def tick(self, now: float) -> list[bytes]:
        """Send again what is due; call it when `deadline` is reached."""
        if self.deadline is None or now < self.deadline:
            return []
        if not self._confirmed and self._sends >= UNCONFIRMED_SENDS:
            return self._finish(Outcome.UNANSWERED)
        if now >= self._give_up:
            if self._cold:
                return self._unreadable(TOO_SLOW)
            return self._finish(Outcome.STALLED)
        self._round_trip.back_off()
        if not self._confirmed or self._probed:
            return self._send_window(now)
        self._probed = True
        return self._send_window(now, last_alone=True)

    def resume(self, part: Part | OSError, now: float) -> list[bytes]:
        """Go on with what was read, or end where it cannot be."""
        cold, self._cold = self._cold, None
        if cold is None or self.finished:
            return []
        try:
            if isinstance(part, OSError):
                raise part
            self._blocks.take(cold, part)
        except (ContentChanged, OSError) as error:
            return self._unreadable(str(error))
        return self._send_window(now)

    def close(self, reason: str) -> list[bytes]:
        """End it from our side; what is returned tells the client."""
        if self.finished:
            return []
        self._finish(Outcome.CLOSED, reason)
        return [Error(ErrorCode.NOT_DEFINED, reason.encode()).encode()]

    def _acknowledge(self, wire: int, wanted: int, now: float) -> list[bytes]:
        ahead = self._ahead(wire)
        if ahead == 0:
            return self._acknowledged_again(now)
        if ahead > self._highest - self._acked:
            return []  # late, from an older window, or of a block never sent
        if self._sends == 1:
            self._round_trip.measure(now - self._window_at)
        self._round_trip.reset()
        self._acked += ahead
        self._confirmed = True
        self._give_up = now + self._terms.patience
        self._sends = 0
        self._repeated_for_ack = False
        self._probed = False
        if wanted and self._terms.negotiated.msftwindow:
            self._window = wanted
        if self._acked == self._last:
            return self._finish(Outcome.DONE)
        return self._send_window(now)

    def _ahead(self, wire: int) -> int:
        """How many blocks an ACK's number lies after the last one acknowledged."""
        if self._acked < 65536 - WINDOW_MAX:
            return (wire - self._acked) & 0xFFFF  # nothing was counted over yet
        if self._period == 65535 and wire == 0:
            return self._period  # no block has that number
        return (wire - self._acked) % self._period

    def _number(self, block: int) -> int:
        """A block's number on the wire."""
        return wire_number(block, self._period)

    def _acknowledged_again(self, now: float) -> list[bytes]:
        if self._window == 1 or self._repeated_for_ack or not self._confirmed:
            return []
        if now - self._window_at < self._round_trip.smoothed:
            return []
        self._repeated_for_ack = True
        return self._send_window(now)

    def _aborted(self, code: int, message: bytes) -> list[bytes]:
        # A boot ROM asks for the size, then leaves with ERROR 8 (edk2) or 0 (iPXE,
        # PXE ROMs) and comes back for the file.
        leaving = code in (ErrorCode.NOT_DEFINED, ErrorCode.OPTION_REFUSED)
        if leaving and self._terms.negotiated.probe and self._acked <= 0:
            return self._finish(Outcome.PROBED)
        text = message[:200].decode("utf-8", "replace")
        return self._finish(Outcome.ABORTED, f"error {code}: {text}")

    def _send_window(self, now: float, *, last_alone: bool = False) -> list[bytes]:
        if self._cold:
            return []
        first = self._acked + 1
        try:
            packets = self._packets(first)
        except Cold as cold:
            self._cold = cold
            self.deadline = self._give_up
            raise
        except (ContentChanged, OSError) as error:
            return self._unreadable(str(error))
        last = first + len(packets) - 1
        if last_alone:
            first, packets = last, packets[-1:]
        again = min(last, self._highest) - first + 1
        self.retransmissions += max(0, again)
        self._highest = max(self._highest, last)
        self._sends += 1
        if not last_alone:  # what comes for it need not wait for a round trip
            self._window_at = now
        self.deadline = now + self._round_trip.timeout(confirmed=self._confirmed)
        return packets

    def _packets(self, first: int) -> list[bytes]:
        if first == 0:
            return [OptionAck(self._terms.negotiated.answer).encode()]
        blocks = self._blocks.window(first, self._count())
        if len(blocks[-1]) < self._blksize:
            self._last = first + len(blocks) - 1
        return [
            Data(self._number(number), block).encode()
            for number, block in enumerate(blocks, first)
        ]

    def _count(self) -> int:
        """Blocks to send: a window, less of it each time that it was of no use."""
        if not self._confirmed:
            return 1
        in_vain = self._sends - 1 - self._probed
        return max(1, self._window >> max(0, in_vain))

    def _unreadable(self, reason: str) -> list[bytes]:
        self._finish(Outcome.UNREADABLE, reason)
        text = b"the file changed or cannot be read"
        return [Error(ErrorCode.NOT_DEFINED, text).encode()]

    def _finish(self, outcome: Outcome, reason: str = "") -> list[bytes]:
        self.outcome = outcome
        self.reason = reason or outcome.value
        self.deadline = None
        return []


class RoundTrip:
    """The retransmission time-out of RFC 6298.

    Args:
        asked: Seconds that the peer asked for, which bound it; None: it did not.
    """

    def __init__(self, asked: float | None) -> None:
        # A shorter one than the first time-out would let a request from a forged
        # address have many answers a second; the round trip makes it shorter anyway.
        self._longest = RTO_MAX if asked is None else max(asked, RTO_FIRST)
        self._variation = 0.0
        self._factor = 1.0
        self.smoothed = 0.0  # seconds; 0 until something was measured

    def measure(self, sample: float) -> None:
        """Take note of a round trip of so many seconds."""
        if self.smoothed:
            self._variation += (abs(sample - self.smoothed) - self._variation) / 4
            self.smoothed += (sample - self.smoothed) / 8
        else:
            self.smoothed = sample
            self._variation = sample / 2

    def timeout(self, *, confirmed: bool) -> float:
        """Seconds to wait, for a peer that has answered something or nothing."""
        if not confirmed:
            return min(RTO_FIRST * self._factor, UNCONFIRMED_RTO_MAX)
        measured = self.smoothed + 4 * self._variation if self.smoothed else RTO_FIRST
        return min(max(measured, RTO_MIN) * self._factor, self._longest)

    def back_off(self) -> None:
        """Wait twice as long from now on."""
        self._factor = min(self._factor * 2, 1024.0)

    def reset(self) -> None:
        """Something came: wait as long as at first."""
        self._factor = 1.0

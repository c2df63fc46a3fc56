# cython: language_level=3
"""Twin of `fastboot.tftp.transfer.Sender`: the same rules in C, without Python objects.

The machine is a struct, and what it wants sent is a burst of block numbers. Whoever
asked it sends them and says so with `machine_sent`. `Sender` puts Python's interface
around it, so that both can be held against each other datagram by datagram.

Rules 8 and 9, for which few clients ask, are left to the Python machine; rule 10 is the
carrier's here.
"""

from fastboot.errors import ContentChanged
from fastboot.tftp.packet import Data, Error, ErrorCode, OptionAck
from fastboot.tftp.transfer import (
    RTO_FIRST,
    RTO_MAX,
    RTO_MIN,
    UNCONFIRMED_RTO_MAX,
    UNCONFIRMED_SENDS,
    Outcome,
)

cdef double _RTO_FIRST = RTO_FIRST
cdef double _RTO_MAX = RTO_MAX
cdef double _RTO_MIN = RTO_MIN
cdef double _UNCONFIRMED_RTO_MAX = UNCONFIRMED_RTO_MAX
cdef int _UNCONFIRMED_SENDS = UNCONFIRMED_SENDS

OUTCOMES = (None, *Outcome)


cdef void machine_init(
    Machine* m, int64_t size, int64_t last, int blksize, int window,
    bint oack, bint probe, double timeout, double patience
) noexcept nogil:
    m.size = size
    m.last = last
    m.blksize = blksize
    m.window = window
    m.probe = probe
    m.patience = patience
    m.longest = max(timeout, _RTO_FIRST) if timeout > 0 else _RTO_MAX
    m.acked = -1 if oack else 0
    m.sent = m.acked
    m.highest = m.acked
    m.retransmissions = 0
    m.confirmed = False
    m.repeated_for_ack = False
    m.probed = False
    m.sends = 0
    m.outcome = RUNNING
    m.window_at = 0.0
    m.give_up = 0.0
    m.deadline = -1.0
    m.smoothed = 0.0
    m.variation = 0.0
    m.factor = 1.0


cdef Burst _nothing() noexcept nogil:
    cdef Burst burst
    burst.first = 0
    burst.count = 0
    burst.last_alone = False
    return burst


cdef Burst _window(Machine* m) noexcept nogil:
    cdef Burst burst
    cdef int in_vain = m.sends - 1 - m.probed
    burst.first = m.acked + 1
    burst.count = 1
    burst.last_alone = False
    if burst.first > 0 and m.confirmed:
        burst.count = m.window
        if in_vain > 0:
            burst.count = max(1, m.window >> min(in_vain, 31))
        if m.last and burst.first + burst.count - 1 > m.last:
            burst.count = m.last - burst.first + 1
    return burst


cdef double _timeout(Machine* m) noexcept nogil:
    cdef double measured
    if not m.confirmed:
        return min(_RTO_FIRST * m.factor, _UNCONFIRMED_RTO_MAX)
    measured = m.smoothed + 4 * m.variation if m.smoothed else _RTO_FIRST
    return min(max(measured, _RTO_MIN) * m.factor, m.longest)


cdef void _measure(Machine* m, double sample) noexcept nogil:
    cdef double off
    if m.smoothed:
        off = sample - m.smoothed
        m.variation += ((off if off >= 0 else -off) - m.variation) / 4
        m.smoothed += off / 8
    else:
        m.smoothed = sample
        m.variation = sample / 2


cdef Burst machine_start(Machine* m, double now) noexcept nogil:
    m.give_up = now + m.patience
    return _window(m)


cdef Burst machine_repeat(Machine* m) noexcept nogil:
    if m.confirmed or m.outcome or m.sends >= _UNCONFIRMED_SENDS:
        return _nothing()
    return _window(m)


cdef Burst machine_acknowledge(Machine* m, int wire, double now) noexcept nogil:
    cdef int64_t ahead = (wire - m.acked) & 0xFFFF
    if m.outcome:
        return _nothing()
    if ahead == 0:
        if m.window == 1 or m.repeated_for_ack or not m.confirmed:
            return _nothing()
        if now - m.window_at < m.smoothed:
            return _nothing()
        m.repeated_for_ack = True
        return _window(m)
    if ahead > m.highest - m.acked:
        return _nothing()  # late, from an older window, or of a block never sent
    if m.sends == 1:
        _measure(m, now - m.window_at)
    m.factor = 1.0
    m.acked += ahead
    m.confirmed = True
    m.give_up = now + m.patience
    m.sends = 0
    m.repeated_for_ack = False
    m.probed = False
    if m.last and m.acked == m.last:
        machine_finish(m, DONE)
        return _nothing()
    return _window(m)


cdef Burst machine_tick(Machine* m, double now) noexcept nogil:
    cdef Burst burst
    if m.deadline < 0 or now < m.deadline:
        return _nothing()
    if not m.confirmed and m.sends >= _UNCONFIRMED_SENDS:
        machine_finish(m, UNANSWERED)
        return _nothing()
    if now >= m.give_up:
        machine_finish(m, STALLED)
        return _nothing()
    m.factor = min(m.factor * 2, 1024.0)
    if not m.confirmed or m.probed:
        return _window(m)
    m.probed = True
    burst = _window(m)
    burst.first += burst.count - 1
    burst.count = 1
    burst.last_alone = True
    return burst


cdef void machine_sent(Machine* m, Burst burst, double now) noexcept nogil:
    cdef int64_t again
    m.sent = burst.first + burst.count - 1
    again = min(m.sent, m.highest) - burst.first + 1
    if again > 0:
        m.retransmissions += again
    if m.sent > m.highest:
        m.highest = m.sent
    m.sends += 1
    if not burst.last_alone:
        m.window_at = now
    m.deadline = now + _timeout(m)


cdef void machine_resumed(Machine* m, double now) noexcept nogil:
    """What was taken for sent leaves only now: its file had to be read first."""
    m.window_at = now
    m.deadline = now + _timeout(m)


cdef void machine_aborted(Machine* m, int code) noexcept nogil:
    # A boot ROM asks for the size, then leaves with ERROR 8 (edk2) or 0 (iPXE).
    if (code == 0 or code == 8) and m.probe and m.acked <= 0:
        machine_finish(m, PROBED)
    else:
        machine_finish(m, ABORTED)


cdef void machine_finish(Machine* m, int outcome) noexcept nogil:
    m.outcome = outcome
    m.deadline = -1.0


cdef int64_t machine_acknowledged(Machine* m) noexcept nogil:
    if m.outcome == DONE:
        return m.size
    return min(max(0, m.acked) * m.blksize, m.size)


cdef class Sender:
    """The machine with the interface of `fastboot.tftp.transfer.Sender`."""

    cdef Machine _machine
    cdef object _blocks
    cdef object _answer
    cdef readonly str reason

    def __init__(self, blocks, terms):
        cdef object negotiated = terms.negotiated
        self._blocks = blocks
        self._answer = negotiated.answer
        self.reason = ""
        machine_init(
            &self._machine,
            terms.size,
            0,
            negotiated.blksize,
            negotiated.windowsize,
            bool(negotiated.answer),
            negotiated.probe,
            negotiated.timeout or 0.0,
            terms.patience,
        )

    @property
    def outcome(self):
        return OUTCOMES[self._machine.outcome]

    @property
    def finished(self):
        return self._machine.outcome != RUNNING

    @property
    def confirmed(self):
        return bool(self._machine.confirmed)

    @property
    def acknowledged(self):
        return machine_acknowledged(&self._machine)

    @property
    def retransmissions(self):
        return self._machine.retransmissions

    @property
    def deadline(self):
        return None if self._machine.deadline < 0 else self._machine.deadline

    def start(self, double now):
        return self._send(machine_start(&self._machine, now), now)

    def repeat(self, double now):
        return self._send(machine_repeat(&self._machine), now)

    def receive(self, bytes data, double now):
        cdef Burst burst = _nothing()
        if self._machine.outcome or len(data) < 4 or data[0] != 0:
            return []
        number = int.from_bytes(data[2:4])
        if data[1] == 4:
            burst = machine_acknowledge(&self._machine, number, now)
            if self._machine.outcome:
                self.reason = self.outcome.value
        elif data[1] == 5:
            machine_aborted(&self._machine, number)
            self.reason = aborted(&self._machine, number, data)
        return self._send(burst, now)

    def tick(self, double now):
        cdef Burst burst = machine_tick(&self._machine, now)
        if self._machine.outcome and not self.reason:
            self.reason = self.outcome.value
        return self._send(burst, now)

    def close(self, str reason):
        if self._machine.outcome:
            return []
        machine_finish(&self._machine, CLOSED)
        self.reason = reason
        return [Error(ErrorCode.NOT_DEFINED, reason.encode()).encode()]

    cdef list _send(self, Burst burst, double now):
        if burst.count == 0:
            return []
        try:
            packets = self._packets(&burst)
        except (ContentChanged, OSError) as error:
            machine_finish(&self._machine, UNREADABLE)
            self.reason = str(error)
            text = b"the file changed or cannot be read"
            return [Error(ErrorCode.NOT_DEFINED, text).encode()]
        machine_sent(&self._machine, burst, now)
        return packets

    cdef list _packets(self, Burst* burst):
        if burst.first == 0:
            return [OptionAck(self._answer).encode()]
        first = self._machine.acked + 1
        blocks = self._blocks.window(first, burst.first + burst.count - first)
        if len(blocks[-1]) < self._machine.blksize:
            self._machine.last = first + len(blocks) - 1
        packets = [
            Data(number & 0xFFFF, block).encode()
            for number, block in enumerate(blocks, first)
        ]
        if burst.last_alone:
            return packets[-1:]
        burst.count = len(blocks)
        return packets


cdef str aborted(Machine* m, int code, bytes data):
    """The reason of a transfer that its client ended."""
    if m.outcome == PROBED:
        return Outcome.PROBED.value
    text = data[4:].split(b"\0", 1)[0][:200].decode("utf-8", "replace")
    return f"error {code}: {text}"

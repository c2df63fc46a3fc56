"""A TFTP reader and a wire between it and a sender, in simulated time.

The reader follows RFC 7440: it acknowledges the last block of a window, and at a gap
the last block that came in order. Styles differ where real clients do.
"""

import heapq
import itertools

from fastboot.tftp.packet import Ack, Data, Error, OptionAck, decode

LATENCY = 0.001
"""Seconds from one end to the other."""


class Reader:
    """The client's side of a read request.

    style: "once" reports a gap once, as RFC 7440 means it; "every" reports it for each
    block that follows, as edk2 does; "silent" waits for its timer, as U-Boot does.
    wishes: with `msftwindow`, windows to ask for with one ACK after the other.
    """

    def __init__(
        self,
        blksize=512,
        window=1,
        *,
        oack=True,
        style="once",
        timeout=1.0,
        rollover=0,
        wishes=(),
    ):
        self.blksize = blksize
        self.window = window
        self.style = style
        self.timeout = timeout
        self.rollover = rollover
        self.wishes = itertools.cycle(wishes) if wishes else None
        self.expected = 0 if oack else 1
        self.in_window = 0
        self.reported = None
        self.payload = []
        self.done = False
        self.error = None
        self.deadline = timeout

    def receive(self, raw, now):
        packet = decode(raw)
        self.deadline = now + self.timeout
        match packet:
            case OptionAck():
                if self.expected <= 1 and not self.payload:
                    self.expected = 1
                    return self._ack(0)
                return []
            case Data(block, payload):
                return self._data(block, payload)
            case Error(code, message):
                self.error = (code, message)
                return []

    def _number(self, block):
        """What follows 65535 is 0, or 1 where that was negotiated."""
        while block > 65535:
            block -= 65536 - self.rollover
        return block

    def _ack(self, block):
        """Acknowledge a block, and with `msftwindow` say how many are to follow."""
        if self.wishes:
            self.window = next(self.wishes)
            return [Ack(self._number(block), self.window).encode()]
        return [Ack(self._number(block)).encode()]

    def _data(self, block, payload):
        if self.done:
            return self._ack(self.expected - 1)
        if self.expected == 0 or block != self._number(self.expected):
            return self._gap(block)
        self.payload.append(payload)
        self.expected += 1
        self.in_window += 1
        self.reported = None
        self.done = len(payload) < self.blksize
        if self.done or self.in_window == self.window:
            self.in_window = 0
            return self._ack(self.expected - 1)
        return []

    def _gap(self, block):
        if self.expected == 0 or self.style == "silent":
            return []
        behind = (self.expected - block) & 0xFFFF
        if 0 < behind < 0x8000 and self.window == 1:
            return [Ack(block).encode()]  # the acknowledgement was lost; as it came
        if self.style == "once" and self.reported == self.expected:
            return []
        self.reported = self.expected
        self.in_window = 0
        return self._ack(self.expected - 1)

    def tick(self, now):
        self.deadline = now + self.timeout
        if self.expected == 0 or (self.expected == 1 and not self.payload):
            return []  # a real one repeats its request: the engine's business
        self.in_window = 0
        return self._ack(self.expected - 1)


class Writer:
    """The client's side of a write request: sends a window, waits for its ACK.

    style: "strict" takes only ACKs of what is on its way, as RFC 1123 wants it; "eager"
    sends its block again at any other ACK, as curl does (window of one).
    """

    def __init__(self, data, blksize=512, window=1, *, style="strict", timeout=1.5):
        whole = range(0, len(data) + 1, blksize)
        self.blocks = [data[at : at + blksize] for at in whole]
        self.window = window
        self.style = style
        self.timeout = timeout
        self.acked = -1  # the answer to the request counts as block 0
        self.sent = []  # the numbers of the blocks, as they left
        self.done = False
        self.error = None
        self.deadline = timeout

    def receive(self, raw, now):
        if self.done:
            return []
        match decode(raw):
            case OptionAck():
                return self._acknowledged(0, now) if self.acked < 0 else []
            case Ack(wire):
                ahead = (wire - self.acked) & 0xFFFF
                if 0 < ahead <= self.window or (self.acked < 0 and wire == 0):
                    return self._acknowledged(self.acked + ahead, now)
                if self.style == "eager" and self.acked >= 0:
                    return self._burst()
                return []
            case Error(code, message):
                self.error = (code, message)
                self.done = True
                return []

    def _acknowledged(self, block, now):
        self.acked = block
        self.deadline = now + self.timeout
        self.done = block == len(self.blocks)
        return self._burst()

    def _burst(self):
        numbers = range(self.acked + 1, self.acked + self.window + 1)
        burst = [number for number in numbers if number <= len(self.blocks)]
        self.sent += burst
        return [Data(n & 0xFFFF, self.blocks[n - 1]).encode() for n in burst]

    def tick(self, now):
        self.deadline = now + self.timeout
        # Before any answer a real one repeats its request: the engine's business.
        return self._burst() if self.acked >= 0 and not self.done else []


class Wire:
    """Carries datagrams between a sender and a reader, and counts them from 0.

    faults: what befalls the n-th datagram: "lose", "duplicate" or "delay" (by 1.5 s).
    """

    def __init__(self, sender, reader, faults=None, *, fate=None):
        self.sender = sender
        self.reader = reader
        self.fate = fate or (faults or {}).get
        self.sent = []  # what the sender sent, as it left
        self._queue = []
        self._order = itertools.count()
        self._numbers = itertools.count()

    def _put(self, raws, to, now):
        for raw in raws:
            if to is self.reader:
                self.sent.append(raw)
            fate = self.fate(next(self._numbers))
            if fate == "lose":
                continue
            delay = 1.5 if fate == "delay" else LATENCY
            for _ in range(2 if fate == "duplicate" else 1):
                item = (now + delay, next(self._order), to, raw)
                heapq.heappush(self._queue, item)

    def run(self, until=120.0):
        now = 0.0
        self._put(self.sender.start(now), self.reader, now)
        while now < until and not (self.sender.finished and not self._queue):
            timers = [self.reader.deadline]
            if self.sender.deadline is not None:
                timers.append(self.sender.deadline)
            arriving = self._queue[0][0] if self._queue else float("inf")
            now = min(arriving, *timers)
            if now == arriving:
                _, _, to, raw = heapq.heappop(self._queue)
                back = self.sender if to is self.reader else self.reader
                self._put(to.receive(raw, now), back, now)
            elif now == self.sender.deadline:
                self._put(self.sender.tick(now), self.reader, now)
            else:
                self._put(self.reader.tick(now), self.sender, now)
            if self.sender.finished and self.reader.done:
                break
        return now

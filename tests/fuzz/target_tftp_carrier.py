"""The compiled data path beside the one in Python, over real sockets, in any history.

Clients ask, acknowledge, talk nonsense, come back; time passes, transfers are ended,
files are cut short. Every block must be the block of that number, all must be over in
the end, and where no timer went off each client must get the same from both.
"""

from __future__ import annotations

import os
import random
import select
import socket
import tempfile
from itertools import zip_longest
from typing import Any

from fastboot._ext import tftp_carrier
from fastboot.errors import DecodeError
from fastboot.listen import Place
from fastboot.tftp import carrier as python
from fastboot.tftp.carrier import Broken, Ended, Request
from fastboot.tftp.job import Job
from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Ack, Data, decode
from fastboot.tftp.transfer import Terms
from fastboot.tree import Blob

from .history import History

CONTENT = random.Random(5).randbytes(300_000)
SIZES = (5000, 0, 1, 8, 511, 512, 513, 70_000, 300_000)
BLKSIZES = (512, 8, 9, 1428, 1432, 8192)
WINDOWS = (1, 2, 4, 16, 64)
OPTIONS = ((b"tsize", b"5000"),)
CLIENTS = 4
STEPS_MAX = 60

ASK, ACKNOWLEDGE, POLL, WAIT, RAW, KNOCK, FAIL, END, REPEAT, CUT = range(10)
"""What may happen; see `_Play`."""

SEEDS = (
    bytes((0, 0, 0, 0, 0, 0, 1, 2)) + bytes((1, 0, 0, 2)) * 12,
    bytes((1, 0, 0, 7, 3, 4, 1, 0, 1, 7, 3, 4, 1, 0, 2, 7, 3, 4, 1, 2, 1, 0, 0, 1, 1))
    + bytes((0, 2, 1, 0, 0, 1, 1, 0, 1, 2, 0, 2)) * 6,
    bytes((0, 0, 0, 5, 1, 2, 3, 2, 3, 200, 2, 8, 0, 7, 0, 2, 6, 0, 5, 2, 9, 0, 2)),
    bytes((2, 0, 4, 8, 5, 4, 7, 2, 9, 4, 1, 4, 0, 2, 1, 4, 0, 2)),
)

WORDS = (
    bytes((ACKNOWLEDGE, 0, 0, POLL)),
    bytes((ACKNOWLEDGE, 1, 0, ACKNOWLEDGE, 2, 0, POLL)),
    bytes((ASK, 1, 7, 3, 4, 1, POLL)),
    bytes((WAIT, 40, POLL)),
    b"\x00\x05\x00\x08",
    b"\x00\x04\x00\x01",
)


def run(data: bytes) -> None:
    """Play a history on both data paths and compare what each client got."""
    transcripts, timed = [], False
    for kind in (python.Carrier, tftp_carrier.Carrier):
        play = _Play(kind, History(data))
        try:
            transcripts.append(play.all())
            timed = play.waited
        finally:
            play.close()
    if timed:
        return  # the timer wheel is a little coarser; the senders are compared elsewhere
    for number, (one, other) in enumerate(zip(*transcripts, strict=True)):
        for n, (mine, theirs) in enumerate(zip_longest(one, other)):
            assert mine == theirs, f"client {number}, {n}: {mine!r} and {theirs!r}"


class _Play:
    """A history on one data path."""

    def __init__(self, kind: Any, history: History) -> None:
        self.history = history
        self.now = 100.0
        cache = history.choice((1 << 24, 0, 100_000))
        self.carrier = kind(lambda: self.now, cache)
        self.carrier.open(Place("127.0.0.1"), 0)
        self.port = self.carrier.listening[0][1]
        self.clients = [_Client() for _ in range(CLIENTS)]
        self.by_peer = {client.peer: client for client in self.clients}
        self.by_fd = {client.sock.fileno(): client for client in self.clients}
        self.ready = select.epoll()
        for fd in self.by_fd:
            self.ready.register(fd, select.EPOLLIN)
        self.lines: dict[int, Any] = {}
        self.waited = False

    def all(self) -> list[Any]:
        """Everything that happens; what each client saw of it."""
        steps = 0
        while self.history and steps < STEPS_MAX:
            steps += 1
            self.step(self.history.number() % 10)
        self.poll()
        for line in list(self.lines.values()):
            self.heed(self.carrier.end(line, "the end", tell=True))
        self.poll()
        assert self.carrier.active == 0
        assert self.carrier.unconfirmed == 0
        return [client.seen for client in self.clients]

    def step(self, what: int) -> None:
        history = self.history
        client = history.choice(self.clients) if what not in (POLL, WAIT) else None
        if client is None:
            self.waited |= what == WAIT
            self.now += history.number() / 20 if what == WAIT else 0.001
            self.poll()
        elif what == ASK:
            client.wish = self.wish()
            self.knock(client, b"\0\1file\0octet\0")
        elif what == ACKNOWLEDGE:
            back = history.choice((0, 0, 0, 1, 2, 64, 0xFFFF, 0x8000))
            client.send(Ack((client.last - back) & 0xFFFF).encode(), client.tid)
        elif what == RAW:
            client.send(history.bytes(40), client.tid)
        elif what == KNOCK:
            self.knock(client, history.bytes(40))
        elif what == FAIL:
            client.send(b"\0\5\0" + bytes([history.number() % 10]) + b"x\0", client.tid)
        elif client.number in self.lines:
            line = self.lines[client.number]
            if what == END:
                self.heed(self.carrier.end(line, "enough", tell=True))
            elif what == REPEAT:
                self.heed(self.carrier.repeat(line))
            elif client.file is not None:
                client.altered = client.ever_altered = True
                os.truncate(client.file.fileno(), history.choice((0, 1, 600, 60_000)))

    def knock(self, client: _Client, data: bytes) -> None:
        """Send to the well-known port, in a turn of its own.

        What else comes in the same turn is read before it or after it, as it happens.
        """
        self.poll()
        client.send(data, self.port)
        self.poll()

    def wish(self) -> tuple[int, Negotiated, bool, bool]:
        """What a client will be given: size, terms, netascii, from a file or not."""
        history = self.history
        size = history.choice(SIZES)
        negotiated = Negotiated(
            blksize=history.choice(BLKSIZES),
            windowsize=history.choice(WINDOWS),
            answer=history.choice((OPTIONS, ())),
            rollover=history.choice((0, 0, 0, 1)),
        )
        kind = history.number()
        return size, negotiated, kind & 3 == 3, bool(kind & 4)

    def poll(self) -> None:
        for _ in range(2):
            self.heed(self.carrier.poll(0))
        for fd, _ in self.ready.poll(0):
            self.by_fd[fd].receive()

    def heed(self, happened: list[Any]) -> None:
        # What is over comes first, as the engine has it.
        for item in sorted(happened, key=lambda item: not isinstance(item, Ended)):
            if isinstance(item, Broken):
                raise item.error
            if isinstance(item, Ended):
                client = self.by_peer[item.line[1]]
                del self.lines[client.number]
                client.over(item)
            elif isinstance(item, Request):
                self.begin(item)

    def begin(self, request: Request) -> None:
        client = self.by_peer[request.line[1]]
        if client.wish is None or client.number in self.lines:
            return
        size, negotiated, netascii, from_file = client.wish
        blob = client.open(size, negotiated, netascii=netascii, from_file=from_file)
        terms = Terms(negotiated, size)
        self.lines[client.number] = request.line
        job = Job(blob, terms, netascii, request.came, 1500)
        self.heed(self.carrier.begin(request.line, job))

    def close(self) -> None:
        self.carrier.close()
        self.ready.close()
        for client in self.clients:
            client.close()


class _Client:
    """A client: what it wants, what it got, and whether that is right."""

    _count = 0

    def __init__(self) -> None:
        _Client._count += 1
        self.number = _Client._count
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.peer = self.sock.getsockname()
        self.wish: tuple[int, Negotiated, bool, bool] | None = None
        self.file: Any = None
        self.blob: Blob | None = None
        self.expected = b""
        self.blksize = 512
        self.altered = False
        self.ever_altered = False
        self.tid = 9
        self.last = 0
        self.got: list[Any] = []
        self.ended: list[tuple[Any, ...]] = []

    @property
    def seen(self) -> list[Any]:
        """What can be compared: how soon a changed file is noticed may differ."""
        return [] if self.ever_altered else self.got + self.ended

    def open(
        self, size: int, negotiated: Negotiated, *, netascii: bool, from_file: bool
    ) -> Blob:
        """The content, as a file or as bytes."""
        self.expected = content = CONTENT[:size]
        if netascii:
            self.expected = content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
        self.blksize = negotiated.blksize
        self.altered = False
        if from_file:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the blob)
            self.file.write(content)
            self.file.flush()
            self.blob = Blob.from_fd(os.dup(self.file.fileno()))
        else:
            self.blob = Blob.from_bytes(content)
        return self.blob

    def send(self, data: bytes, port: int) -> None:
        self.sock.sendto(data, ("127.0.0.1", port))

    def receive(self) -> None:
        while True:
            try:
                raw, tid = self.sock.recvfrom(65536)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self.tid = tid[1]
            self.got.append(raw)
            try:
                packet = decode(raw)
            except DecodeError:
                raise AssertionError(f"no packet: {raw[:40]!r}") from None
            if isinstance(packet, Data):
                self.last = packet.block
                self.check(packet)

    def check(self, packet: Data) -> None:
        """Whether a block is the one of its number; no file here has 65536."""
        if self.altered or len(self.expected) // self.blksize >= 65535:
            return
        at = (packet.block - 1) * self.blksize
        assert packet.payload == self.expected[at : at + self.blksize], packet.block

    def over(self, ended: Ended) -> None:
        self.ended.append(
            (
                ended.outcome,
                ended.reason,
                ended.acknowledged,
                ended.retransmissions,
            )
        )
        self.close_content()

    def close_content(self) -> None:
        if self.blob is not None:
            self.blob.close()
        if self.file is not None:
            self.file.close()
        self.blob = self.file = None

    def close(self) -> None:
        self.close_content()
        self.sock.close()

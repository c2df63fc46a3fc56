"""A crowd of HTTP clients, well-behaved and not, that does the same for the same seed.

What each does is a generator, which yields what it waits for: READ, WRITE, or a time to
wake up. One that behaves must get exactly its bytes; what it gets instead is a finding.
"""

from __future__ import annotations

import os
import random
import re
import selectors
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

from changing import Wish

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
PATIENCE = 60.0
"""Seconds until a client counts as forgotten by the server."""

RESET = struct.pack("ii", 1, 0)
END = b"\r\n\r\n"

BAD = (
    b"\0\0\0\0\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /small HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
    b"GET /small HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n" * 40,
)


class Left(Exception):
    """The server has ended the connection."""


@dataclass
class Client:
    """One connection, and what is to happen on it.

    Attributes:
        crowd: Whose it is.
        sock: Its socket.
        got: What it has received and not looked at.
        until: When it counts as forgotten.
        what: What it does, for who reads of a finding.
        asked: Names of the files it has asked for.
        under_way: Whether the head of an answer is there, and not yet the rest.
        closes: Whether the server said that an answer is the last.
    """

    crowd: Crowd
    rng: random.Random
    sock: socket.socket = None
    got: bytearray = field(default_factory=bytearray)
    until: float = 0.0
    what: str = ""
    asked: set[str] = field(default_factory=set)
    under_way: bool = False
    closes: bool = False

    def run(self):
        """Connect and do something; what it yields, it waits for."""
        often = {self.behave: 12, self.dawdle: 1, self.break_off: 8}
        often |= {self.half_ask: 3, self.say_nonsense: 2, self.say_nothing: 1}
        way = self.rng.choices(*zip(*often.items(), strict=True))[0]
        self.what = way.__name__
        self.sock = socket.socket()
        self.sock.setblocking(False)
        if self.rng.randrange(3) == 0 or self.what == "dawdle":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        try:
            self.sock.bind((f"127.0.0.{self.rng.randrange(1, 5)}", 0))
            self.sock.connect_ex(self.crowd.address)
            yield WRITE
            error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self.crowd.left(self, OSError(error, os.strerror(error)))
            else:
                yield from way()
        except (Left, ConnectionError) as error:
            self.crowd.left(self, error)
        finally:
            self.sock.close()

    def __post_init__(self):
        self.until = time.monotonic() + PATIENCE

    # What clients do

    def behave(self):
        """Ask for some files, one after another or at once, and have them all."""
        rng = self.rng
        wishes = [self.wish() for _ in range(rng.choice((1, 1, 2, 3, 9, 40)))]
        together = rng.randrange(3)
        if together:
            # So much is kept by each side that nobody waits for the other.
            yield from self.say(b"".join(wish.request() for wish in wishes))
            if together == 2:
                self.sock.shutdown(socket.SHUT_WR)
        for wish in wishes:
            if not together:
                yield from self.say(wish.request())
            if not (yield from self.hear_answer(wish)):
                break
        self.crowd.counts["well"] += 1

    def dawdle(self):
        """Take a file so slowly that the server has others wait with us."""
        wish = Wish("big")
        yield from self.say(wish.request())
        for _ in range(self.rng.randrange(4)):
            yield time.monotonic() + 0.3
            yield from self.more(32 << 10)
        if self.rng.randrange(3):
            yield from self.hear_answer(wish)
        else:
            self.reset()

    def break_off(self):
        """Ask, hear a little, and go: by a reset or without a word."""
        wishes = [self.wish() for _ in range(self.rng.randrange(1, 5))]
        yield from self.say(b"".join(wish.request() for wish in wishes))
        for _ in range(self.rng.randrange(4)):
            yield time.monotonic() + self.rng.random() / 100
            try:
                self.sock.recv(self.rng.choice((1, 100, 5000, 1 << 20)))
            except BlockingIOError:
                pass
        if self.rng.randrange(4):
            self.reset()

    def half_ask(self):
        """Begin a request, maybe behind others, and go."""
        wishes = [self.wish() for _ in range(self.rng.randrange(3))]
        data = b"".join(wish.request() for wish in wishes)
        head = self.wish().request()
        yield from self.say(data + head[: self.rng.randrange(len(head))])
        if self.rng.randrange(2):
            for wish in wishes:
                if not (yield from self.hear_answer(wish)):
                    return
        if self.rng.randrange(2):
            self.reset()

    def say_nonsense(self):
        """Say what is no request; it is answered so, and that is all."""
        yield from self.say(self.rng.choice(BAD))
        head = yield from self.hear_head()
        if not 400 <= int(head[9:12]) <= 505:
            self.crowd.find(self, f"nonsense has the answer {head[:20]!r}")
        while True:
            yield from self.more()

    def say_nothing(self):
        """Be there for a while."""
        yield time.monotonic() + self.rng.random() / 5
        if self.rng.randrange(2):
            self.reset()

    def wish(self):
        """Something to ask for."""
        rng, folder = self.rng, self.crowd.folder
        name = rng.choice((*folder.contents, *folder.fixed, "none", "small", "tiny"))
        self.asked.add(name)
        wish = Wish(name, rng.choice(("GET", "GET", "GET", "GET", "HEAD")))
        if rng.randrange(3) == 0 and wish.method == "GET":
            size = len(folder.contents.get(name, [b""])[0])
            first = rng.randrange(size + 2)
            wish.part = first, first + rng.choice((0, 1, 4095, 65535, 10**9, 10**17))
        if rng.randrange(6) == 0:
            wish.fields = b"X-Seed: %d\r\n" % rng.randrange(10**6)
        return wish

    # What that takes

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.sock.close()

    def say(self, data):
        """Send it, in pieces or at once."""
        at, rng = 0, self.rng
        pieces = rng.randrange(3) == 0
        while at < len(data):
            piece = data[at : at + (rng.randrange(1, 200) if pieces else len(data))]
            try:
                at += self.sock.send(piece)
            except BlockingIOError:
                yield WRITE
                continue
            if pieces and rng.randrange(4) == 0:
                yield time.monotonic() + rng.random() / 100

    def more(self, most=1 << 18):
        """Receive something more."""
        while True:
            try:
                data = self.sock.recv(most)
            except BlockingIOError:
                yield READ
                continue
            if not data:
                raise Left
            self.got += data
            return

    def hear_head(self):
        while END not in self.got:
            yield from self.more()
        head, _, rest = bytes(self.got).partition(END)
        self.got[:] = rest
        return head

    def hear_answer(self, wish):
        """Receive one answer and look at it; whether another may follow."""
        head = yield from self.hear_head()
        status = int(head[9:12])
        size = int(re.search(rb"\r\nContent-Length: (\d+)", head)[1])
        size = 0 if wish.method == "HEAD" else size
        self.what = f"{wish.method} {wish.name} {wish.part}, {status}, {size} bytes"
        self.under_way = True
        most = self.rng.choice((1000, 1 << 16, 1 << 20)) if size < 1 << 20 else 1 << 20
        while len(self.got) < size:
            yield from self.more(most)
        self.under_way = False
        body = bytes(self.got[:size])
        del self.got[:size]
        mistake = wish.mistake(self.crowd.folder, status, head, body)
        closes = b"\r\nConnection: close" in head
        if mistake and not (status == 503 and self.crowd.may_refuse):
            self.crowd.find(self, mistake)
        self.crowd.counts["answers"] += 1
        self.closes = closes
        return not closes


class Crowd:
    """Clients of one server.

    Args:
        folder: What it serves.
        address: Where it does.
        seed: What makes one history.
        may_refuse: Whether the server may turn connections away, or end them.

    Attributes:
        is_over: Whether nobody comes any more, as the server is about to end.
        findings: What was wrong.
        counts: What happened, by name.
    """

    def __init__(self, folder, address, seed, *, may_refuse=False):
        self.folder = folder
        self.address = address
        self.may_refuse = may_refuse
        self.is_over = False
        self.findings = []
        self.counts = Counter()
        self._rng = random.Random(seed)
        self._numbers = count()
        self._watched = selectors.DefaultSelector()
        self._sleeping = {}  # clients' runs: who, and when it is woken
        self._open = 0

    def close(self):
        self._watched.close()

    def besiege(self, clients, at_once, meanwhile=lambda: None):
        """Have so many clients come and go, and the files change.

        Args:
            clients: How many.
            at_once: How many there are at the same time.
            meanwhile: Called now and then.
        """
        to_come = clients
        while (to_come and not self.is_over) or self._open:
            while to_come and self._open < at_once and not self.is_over:
                to_come -= 1
                self._begin()
            if self._rng.randrange(4) == 0:
                self.folder.change(self._rng)
            meanwhile()
            self._turn()

    def find(self, client, what):
        """Something is wrong."""
        self.findings.append(f"{client.what}: {what}")

    def left(self, client, error):
        """The server has ended a connection."""
        self.counts["left"] += 1
        if client.closes or client.what in ("say_nonsense", "break_off", "say_nothing"):
            return
        if self.may_refuse and client.got.startswith(b"HTTP/1.1 503 "):
            return
        if "cut" in client.asked:
            return  # what was to be sent before goes with it
        if client.got or client.under_way:
            size = len(client.got)
            self.find(client, f"{error!r} after {size} bytes of an answer")
        elif not self.may_refuse:
            self.find(client, f"{error!r} between answers")

    def _begin(self):
        client = Client(self, random.Random(self._rng.random()))
        self._open += 1
        self._go_on(client, client.run())

    def _go_on(self, client, run):
        try:
            wants = next(run)
        except StopIteration:
            self._open -= 1
            return
        if isinstance(wants, float):
            self._sleeping[run] = client, wants
        else:
            self._watched.register(client.sock, wants, (client, run))

    def _turn(self):
        now = time.monotonic()
        soon = min((at for _, at in self._sleeping.values()), default=now + 0.05)
        for key, _ in self._watched.select(max(0.0, min(soon - now, 0.05))):
            self._watched.unregister(key.fileobj)
            self._go_on(*key.data)
        now = time.monotonic()
        for run, (client, at) in list(self._sleeping.items()):
            if at <= now:
                del self._sleeping[run]
                self._go_on(client, run)
        for key in list(self._watched.get_map().values()):
            client, run = key.data
            if now > client.until:
                self.find(client, "the server has forgotten it")
                self._watched.unregister(client.sock)
                run.close()
                self._open -= 1

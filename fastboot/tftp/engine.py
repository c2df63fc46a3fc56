"""TFTP's engine: requests become transfers, which a carrier keeps going."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from fastboot import events
from fastboot.arrival import Arrival
from fastboot.config import TftpConfig
from fastboot.errors import TreeError, Unavailable
from fastboot.later import Answer, Later
from fastboot.listen import Place
from fastboot.neighbours import hardware_address_of
from fastboot.seen import View, ignore
from fastboot.tree import Blob, Client, Tree
from fastboot.uploads import UploadFolder

from . import account, intake
from .carrier import (
    Begun,
    Broken,
    Carrier,
    Ended,
    Happening,
    Request,
    Served,
    Stray,
    best_carrier,
)
from .glance import Glance
from .grant import MTU_USUAL, limits_for, terms_for
from .job import Job, Taking
from .options import Limits
from .packet import Error, ErrorCode, Options, WriteRequest, refusal
from .ports import Line, Peer
from .receive import Farewells
from .request import Asked, Ignored, Refusal, forged, read_name, understand
from .rules import Rules
from .share import Share
from .strangers import UNKNOWN, Strangers, Unheard
from .table import Entry, Question, Table
from .transfer import Outcome
from .unasked import Unasked

LATE = 3.0
"""Seconds in which a request that is answered already counts as a late duplicate. A
client that really begins anew on the same port (GRUB after a reset) asks again later,
and its old transfer makes no progress by then."""

NO_UPLOADS = Error(ErrorCode.ACCESS_VIOLATION, b"this server takes no files")
"""What a write request gets."""


class Engine:
    """Serves a tree over TFTP; see `fastboot.engine.Engine`.

    Args:
        config: Port and limits.
        tree: What is served.
        emit: Told what happens.
        places: Where to listen.
        mtu: The MTU of the interface with this index, or None where unknown.
        clock: Seconds that only grow.
        carrier: The data path; the compiled one where it is there.
        uploads: Where files that clients send go; without it none are taken.
        share: Its part of the limits, where several engines serve as one.
        view: Told of requests and first answers as they are; see `fastboot.seen`.

    Attributes:
        look: See `fastboot.seen.Carrying`.

    Raises:
        ListenError: The port cannot be opened.
    """

    def __init__(
        self,
        config: TftpConfig,
        tree: Tree,
        emit: events.Emit,
        places: Sequence[Place],
        mtu: Callable[[int], int | None] = lambda index: None,
        clock: Callable[[], float] = time.monotonic,
        carrier: Callable[[Callable[[], float], int], Carrier] | None = None,
        uploads: UploadFolder | None = None,
        share: Share | None = None,
        view: View = ignore,
    ) -> None:
        share = share or Share.of(config)
        self._closed = False
        self._config = config
        self._tree = tree
        self._emit = emit
        self._view = view
        self._mtu = mtu
        self._clock = clock
        self._carrier = (carrier or best_carrier())(clock, share.cache_bytes)
        self.later: Later[Line] = Later(self.wake, config.answer_timeout)
        self._table = Table(share.room, share.unconfirmed)
        self._strangers = Strangers()
        self._unheard = Unheard()
        self._uploads = uploads
        self._farewells: Farewells[Line] = Farewells()
        self._sources = share.sources
        self._rules = Rules(config.client)
        self._carrier.bound(share.unconfirmed, share.transfers, share.of_one)
        self._counters: dict[str, int] = dict.fromkeys(
            ("requests", "transfers", "refused", "dropped", "retransmissions", "bytes"),
            0,
        )
        self._glance = Glance(self._table, self._carrier, clock)
        self.look = self._glance.look
        told = (self._counters, emit, view)
        self._unasked = Unasked(
            self._carrier, self._table, self._sources, self._unheard, *told
        )
        if not config.client:  # rules are looked at each time
            self._unasked.learn(tree, time.time_ns)
        try:
            for place in places:
                self._carrier.open(place, config.port or 0, config.ports, share.pool)
        except BaseException:
            self.close()
            raise

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that requests are taken on."""
        return self._carrier.listening

    @property
    def idle(self) -> bool:
        """Whether no transfer is under way."""
        return not (len(self._table) or self._carrier.active)

    def fileno(self) -> int:
        """See `fastboot.engine.Engine`."""
        return self._carrier.fileno()

    def wake(self) -> None:
        """See `fastboot.engine.Engine`."""
        self._carrier.wake()

    def stats(self) -> dict[str, int]:
        """Counters by name; `active` is the number of transfers under way."""
        return {**self._counters, "active": len(self._table)}

    def drain(self) -> None:
        """Take no more requests; see `fastboot.engine.Engine`."""
        self._handle(self._carrier.catch_up())
        self._carrier.stop_listening()

    def close(self) -> None:
        """Tell each client that it is over, and give the sockets back."""
        if self._closed:
            return
        self._closed = True
        self._handle(self._carrier.catch_up())
        for line in self._table.lines:
            self._handle(self._carrier.end(line, "the server was stopped", tell=True))
        self.later.close()
        self._carrier.close()

    def poll(self, timeout: float | None = 0.0) -> None:
        """See `fastboot.engine.Engine`."""
        self._handle(self._carrier.poll(timeout))
        for line, answer in self.later.answers():
            question = self._take_question(line)
            self._guarded(self._answer, line, question, answer)
            self._release(line)
        self._guarded(self._glance.tick)

    def _handle(self, happened: list[Happening]) -> None:
        now = self._clock()
        # What the carrier did by itself, and what is over, comes first: its client may
        # have asked for something else in the same turn.
        for item in sorted(happened, key=lambda i: isinstance(i, Request | Stray)):
            self._guarded(self._decide, item, now)

    def _guarded(self, turn: Callable[..., None], *facts: object) -> None:
        try:
            turn(*facts)
        except Exception as error:  # noqa: BLE001 (one bad turn must not end all)
            self._emit(events.Fault("tftp", error))

    def _decide(self, item: Happening, now: float) -> None:
        match item:
            case Request(line, data, came, listener):
                self._request(line, data, came, listener, now)
                self._release(line)
            case Stray(line, data, came):
                self._stray(line, data, came, now)
            case Ended():
                self._settle(item, now)
            case Begun():
                self._unasked.begun(item, now)
            case Served():
                self._unasked.served(item, now)
            case Broken(error):
                self._emit(events.Fault("tftp", error))

    def _release(self, line: Line) -> None:
        if not self._table.knows(line):
            self._carrier.release(line)

    def _request(
        self, line: Line, data: bytes, came: Arrival, listener: int, now: float
    ) -> None:
        """Take a datagram that came to the well-known port."""
        address, port = line[1][:2]
        suspicion = forged(port, came) or self._sources.excess(address, now)
        if suspicion:
            self._carrier.doubt(line[1])
            return self._drop(line[1], suspicion)
        # Where files leave by the port for requests, ACKs come there too.
        data = self._unheard.meant((listener, line[1]), data, now) or data
        port = self._carrier.port(listener)
        self._view(account.came_in(line[1], came, port, data))
        match understand(data):
            case Asked() as asked:
                if self._same_port(line[1], came, asked.options):
                    line = (listener, line[1])
                if self._is_new(line, data, now):
                    self._begin(line, Question(data, asked, came, listener))
            case Refusal(filename, error):
                self._refuse(line, came, filename, error)
            case WriteRequest(filename) if self._uploads is None:
                self._refuse(line, came, filename, NO_UPLOADS)
            case WriteRequest() as request:
                if self._same_port(line[1], came, request.options):
                    line = (listener, line[1])
                if self._is_new(line, data, now):
                    self._take(line, request, data, came, now)
            case Ignored(reason):
                if not self._said_farewell(line, data, came, now):
                    self._drop(line[1], reason)
        return None

    def _is_new(self, line: Line, data: bytes, now: float) -> bool:
        """Whether a request is not the repetition of one that is answered."""
        question = self._table.question(line)
        if question is not None:
            if data == question.request:
                return False
            self._take_question(line)
            self.later.forget(line)
        entry = self._table.get(line)
        if entry is None:
            return self._has_room(line)
        if data == entry.request:
            if not self._carrier.is_confirmed(line):
                self._handle(self._carrier.repeat(line))
                return False
            if now - self._carrier.moved(line) < LATE:
                return False
        # The client begins something else, and expects no ERROR about the old.
        self._handle(self._carrier.end(line, "the client asked anew", tell=False))
        return True

    def _has_room(self, line: Line) -> bool:
        """Whether another transfer can begin, once the stalest has made room."""
        full = self._table.full(line[1])
        if full:
            self._drop(line[1], full)
            return False
        unconfirmed, confirmed = self._carrier.unconfirmed, self._carrier.is_confirmed
        excess = self._table.excess(unconfirmed, confirmed)
        if excess is not None:
            reason = "the client has not answered yet, and others ask"
            self._handle(self._carrier.end(excess, reason, tell=False))
        return True

    def _begin(self, line: Line, question: Question) -> None:
        """Ask the tree for a file; it may answer at once or later."""
        self._counters["requests"] += 1
        client = Client(line[1][0], "tftp", question.came.local)
        try:
            answer = self._tree.open(question.asked.name, client)
        except Exception as error:  # noqa: BLE001 (a tree's mistake is an answer too)
            return self._answer(line, question, error)
        if isinstance(answer, Blob):
            return self._start(line, question, answer)
        self._table.ask(line, question)
        self._carrier.reserve(line)
        return self.later.ask(line, answer)

    def _take_question(self, line: Line) -> Question:
        self._carrier.unreserve(line)
        return self._table.answered(line)

    def _answer(self, line: Line, question: Question, answer: Answer) -> None:
        """Begin the transfer of what the tree has, or say that it has nothing."""
        if isinstance(answer, Blob):
            return self._start(line, question, answer)
        if not isinstance(answer, TreeError):
            self._emit(events.Fault("tftp", answer))
            answer = Unavailable("the server failed to work out an answer")
        error = refusal(answer)
        return self._refuse(line, question.came, question.asked.filename, error)

    def _start(self, line: Line, question: Question, blob: Blob) -> None:
        asked, came, peer = question.asked, question.came, line[1]
        if blob.pieces or blob.feed:  # blocks are sent again, and in any order
            blob.close()
            error = refusal(Unavailable("it is a stream, which goes over HTTP alone"))
            return self._refuse(line, came, asked.filename, error)
        mtu = self._mtu(came.index) or MTU_USUAL
        limits = self._limits(peer, came, mtu, asked.options)
        terms = terms_for(asked, blob.size, limits, self._config.idle_timeout)
        job = Job(blob, terms, asked.netascii, came, mtu)
        entry = Entry(question.request, asked.name, blob, self._clock())
        self._run(line, entry, job)
        oack = account.options_of(terms)
        self._unasked.remember(line, question, blob, oack)
        return self._answered(line, came, oack)

    def _answered(self, line: Line, came: Arrival, data: bytes) -> None:
        """Tell those who follow a boot what a request was answered with."""
        if data:
            port = self._carrier.port(line[0])
            self._view(account.went_out(line[1], came, port, data))

    def _take(
        self, line: Line, request: WriteRequest, data: bytes, came: Arrival, now: float
    ) -> None:
        """Answer a write request that is new."""
        assert self._uploads is not None  # whoever asks was refused otherwise
        self._counters["requests"] += 1
        mtu = self._mtu(came.index) or MTU_USUAL
        limits = self._limits(line[1], came, mtu, request.options)
        patience = self._config.idle_timeout
        try:
            upload, receiver = intake.take(request, self._uploads, limits, patience)
        except TreeError as error:
            return self._refuse(line, came, request.filename, refusal(error))
        name = read_name(request.filename)
        entry = Entry(data, name, upload, now, receiver)
        return self._run(line, entry, Taking(receiver, came))

    def _limits(self, peer: Peer, came: Arrival, mtu: int, options: Options) -> Limits:
        """What a client is granted at the most; see `fastboot.tftp.rules`."""
        limits = limits_for(peer, mtu, self._config)
        mac = partial(hardware_address_of, peer[0], came.index)
        return self._rules.bound(limits, peer[0], mac, options)

    def _same_port(self, peer: Peer, came: Arrival, options: Options) -> bool:
        mac = partial(hardware_address_of, peer[0], came.index)
        return self._rules.same_port(peer[0], mac, options)

    def _run(self, line: Line, entry: Entry, job: Job | Taking) -> None:
        """Let a transfer begin."""
        self._unheard.forget(line)
        self._table.add(line, entry)
        self._counters["transfers"] += 1
        try:
            begun = self._carrier.begin(line, job)
        except BaseException:  # content that cannot be read, for whatever reason
            self._table.pop(line).content.close()
            raise
        self._handle(begun)

    def _refuse(self, line: Line, came: Arrival, filename: bytes, error: Error) -> None:
        self._counters["refused"] += 1
        self._carrier.send(line, came, error.encode())
        self._answered(line, came, error.encode())
        self._emit(account.refused(line[1][0], filename, error))

    def _stray(self, line: Line, data: bytes, came: Arrival, now: float) -> None:
        """Take a datagram that came to a data port and belongs to no transfer there."""
        if self._said_farewell(line, data, came, now):
            return None
        request = self._unheard.meant(line, data, now)
        if request:
            return self._request(line, request, came, line[0], now)
        self._drop(line[1], "no transfer of this client")
        mine = self._table.line_of(line[1])
        if mine is not None and not self._carrier.acknowledged(mine):
            # It was told another port, where it has acknowledged no block yet: somebody
            # who was told nothing is guessing.
            reason = "an answer came to the wrong port"
            self._handle(self._carrier.end(mine, reason, tell=False))
        elif self._strangers.answered(data, line[1][1], now):
            self._carrier.send(line, came, UNKNOWN)
        return None

    def _said_farewell(
        self, line: Line, data: bytes, came: Arrival, now: float
    ) -> bool:
        """Repeat the last ACK of a file that was kept, where a datagram asks for it.

        On a single port such a datagram comes where requests do.
        """
        last = self._farewells.answer(line, data, now)
        if last is not None:
            self._carrier.send(line, came, last.encode())
        return last is not None

    def _settle(self, ended: Ended, now: float) -> None:
        """Report a transfer that is over and forget it."""
        entry = self._table.pop(ended.line)
        entry.content.close()
        self._carrier.release(ended.line)
        if entry.receiver and ended.outcome is Outcome.DONE:
            self._farewells.remember(ended.line, entry.receiver.last_ack, now)
        if ended.outcome is Outcome.UNANSWERED and not entry.receiver:
            self._unheard.remember(ended.line, entry.request, now)
            self._carrier.doubt(ended.line[1])
        if ended.outcome in (Outcome.DONE, Outcome.PROBED):
            self._sources.proved(ended.line[1][0])
        self._counters["retransmissions"] += ended.retransmissions
        self._counters["bytes"] += ended.acknowledged
        self._emit(account.ended(ended, entry, now - entry.started))

    def _drop(self, peer: Peer, reason: str) -> None:
        self._counters["dropped"] += 1
        self._emit(events.Dropped("tftp", peer[0], reason))

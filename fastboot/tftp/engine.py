"""TFTP's engine: requests become transfers, which a carrier keeps going."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastboot import events
from fastboot._ext import twin
from fastboot.arrival import Arrival
from fastboot.config import TftpConfig
from fastboot.errors import DecodeError, NotFound, Refused, TreeError
from fastboot.listen import Place
from fastboot.tree import Blob, Client, Tree

from .carrier import Broken, Carrier, Ended, Happening, Job, Request, Stray
from .options import OVERHEAD_IPV4, OVERHEAD_IPV6, Limits, negotiate
from .packet import Error, ErrorCode, ReadRequest, WriteRequest, decode
from .ports import Line, Peer
from .transfer import Outcome, Terms

MTU_USUAL = 65536
"""MTU where the interface's is not known: what was asked for is granted."""

UNCONFIRMED_MAX = 1024
"""Transfers whose client has acknowledged nothing yet: forged requests fill this table
and no other."""

LATE = 3.0
"""Seconds in which a request that is answered already counts as a late duplicate. A
client that really begins anew on the same port (GRUB after a reset) asks again later,
and its old transfer makes no progress by then."""

REFLECTORS = frozenset({7, 13, 17, 19, 37, 53, 111, 123, 137, 161, 1900})
"""Source ports of services that answer anything: a request from there is forged to make
two servers talk to each other (CVE-2024-2169)."""

STRAY_ERRORS = 50
"""ERROR 5 sent in one second at the most, whoever asks."""


@dataclass(frozen=True, slots=True)
class _Transfer:
    """What is remembered of a request while it is answered."""

    request: bytes
    name: str
    blob: Blob
    started: float


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
    ) -> None:
        self._config = config
        self._tree = tree
        self._emit = emit
        self._mtu = mtu
        self._clock = clock
        self._carrier = (carrier or best_carrier())(clock, config.cache_bytes)
        self._transfers: dict[Line, _Transfer] = {}
        self._by_peer: dict[Peer, Line] = {}
        self._by_address: Counter[str] = Counter()
        self._strays = (0.0, 0)  # the second, and the errors sent in it
        self._counters = dict.fromkeys(
            ("requests", "transfers", "refused", "dropped", "retransmissions", "bytes"),
            0,
        )
        try:
            for place in places:
                self._carrier.open(place, config.port or 0)
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
        return not self._transfers

    def fileno(self) -> int:
        """See `fastboot.engine.Engine`."""
        return self._carrier.fileno()

    def wake(self) -> None:
        """See `fastboot.engine.Engine`."""
        self._carrier.wake()

    def stats(self) -> dict[str, int]:
        """Counters by name; `active` is the number of transfers under way."""
        return {**self._counters, "active": len(self._transfers)}

    def drain(self) -> None:
        """Take no more requests; see `fastboot.engine.Engine`."""
        self._carrier.stop_listening()

    def close(self) -> None:
        """Tell each client that it is over, and give the sockets back."""
        for line in tuple(self._transfers):
            self._handle(self._carrier.end(line, "the server was stopped", tell=True))
        self._carrier.close()

    def poll(self, timeout: float | None = 0.0) -> None:
        """See `fastboot.engine.Engine`."""
        self._handle(self._carrier.poll(timeout))

    def _handle(self, happened: list[Happening]) -> None:
        now = self._clock()
        for item in happened:
            try:
                self._decide(item, now)
            except Exception as error:  # noqa: BLE001 (one bad turn must not end all)
                self._emit(events.Fault("tftp", error))

    def _decide(self, item: Happening, now: float) -> None:
        match item:
            case Request(line, data, came):
                self._request(line, data, came, now)
            case Stray(line, data, came):
                self._stray(line, data, came, now)
            case Ended():
                self._settle(item, now)
            case Broken(error):
                self._emit(events.Fault("tftp", error))

    def _request(self, line: Line, data: bytes, came: Arrival, now: float) -> None:
        """Take a datagram that came to the well-known port."""
        peer = line[1]
        if not came.direct:  # RFC 1123, section 4.2.3.5
            return self._drop(peer, "sent to a broadcast address")
        if peer[1] in REFLECTORS:
            return self._drop(peer, f"sent from port {peer[1]}")
        try:
            packet = decode(data)
        except DecodeError as error:
            return self._drop(peer, str(error))
        match packet:
            case ReadRequest(mode=b"octet" | b"netascii"):
                if self._is_new(line, data, now):
                    self._begin(line, packet, data, came, now)
            case ReadRequest(filename):
                text = "this server does not know mail mode"
                answer = Error(ErrorCode.ILLEGAL_OPERATION, text.encode())
                self._refuse(line, came, filename, answer)
            case WriteRequest(filename):
                text = "this server takes no files"
                answer = Error(ErrorCode.ACCESS_VIOLATION, text.encode())
                self._refuse(line, came, filename, answer)
            case _:
                # Never an ERROR: it may be one of ours, come back (CVE-2024-2169).
                self._drop(peer, "no request")
        return None

    def _is_new(self, line: Line, data: bytes, now: float) -> bool:
        """Whether a read request is not the repetition of one that is answered."""
        transfer = self._transfers.get(line)
        if transfer is None:
            if len(self._transfers) >= self._config.max_transfers:
                self._drop(line[1], "too many transfers")
                return False
            if self._carrier.unconfirmed >= UNCONFIRMED_MAX:
                self._drop(line[1], "too many requests without a reply")
                return False
            if self._by_address[line[1][0]] >= self._config.max_per_client:
                self._drop(line[1], "too many transfers of this client")
                return False
            return True
        if data == transfer.request:
            if not self._carrier.is_confirmed(line):
                self._handle(self._carrier.repeat(line))
                return False
            if now - self._carrier.moved(line) < LATE:
                return False
        # The client begins something else, and expects no ERROR about the old.
        self._handle(self._carrier.end(line, "the client asked anew", tell=False))
        return True

    def _begin(
        self, line: Line, packet: ReadRequest, data: bytes, came: Arrival, now: float
    ) -> None:
        self._counters["requests"] += 1
        peer = line[1]
        try:
            name = read_name(packet.filename)
            blob = self._tree.open(name, Client(peer[0], "tftp", came.local))
        except TreeError as error:
            answer = Error(_code(error), str(error).encode())
            return self._refuse(line, came, packet.filename, answer)
        netascii = packet.mode == b"netascii"
        mtu = self._mtu(came.index) or MTU_USUAL
        limits = self._limits(peer, mtu)
        terms = Terms(
            negotiate(packet.options, limits, None if netascii else blob.size),
            blob.size,
            self._config.idle_timeout,
        )
        self._transfers[line] = _Transfer(data, name, blob, now)
        self._by_peer[peer] = line
        self._by_address[peer[0]] += 1
        self._counters["transfers"] += 1
        job = Job(blob, terms, netascii, came, mtu)
        self._handle(self._carrier.begin(line, job))
        return None

    def _limits(self, peer: Peer, mtu: int) -> Limits:
        overhead = OVERHEAD_IPV6 if ":" in peer[0] else OVERHEAD_IPV4
        blksize = max(8, min(self._config.max_blksize, mtu - overhead))
        return Limits(blksize, self._config.max_windowsize)

    def _refuse(self, line: Line, came: Arrival, filename: bytes, error: Error) -> None:
        self._counters["refused"] += 1
        self._carrier.send(line, came, error.encode())
        name = filename.decode("utf-8", "surrogateescape")
        reason = error.message.decode("utf-8", "replace")
        self._emit(events.RequestRefused("tftp", line[1][0], name, reason))

    def _stray(self, line: Line, data: bytes, came: Arrival, now: float) -> None:
        """Tell a stranger that its TID is unknown (RFC 1350, section 4); rarely."""
        self._drop(line[1], "no transfer of this client")
        opcode = data[:2]
        mine = self._by_peer.get(line[1])
        if mine is not None and not self._carrier.acknowledged(mine):
            # It was told another port, where it has acknowledged no block yet: somebody
            # who was told nothing is guessing.
            reason = "an answer came to the wrong port"
            self._handle(self._carrier.end(mine, reason, tell=False))
            return
        if opcode not in (b"\0\3", b"\0\4", b"\0\6") or line[1][1] < 1024:
            return
        second, count = self._strays
        if now - second >= 1.0:
            second, count = now, 0
        self._strays = (second, count + 1)
        if count < STRAY_ERRORS:
            error = Error(ErrorCode.UNKNOWN_TID, b"unknown transfer").encode()
            self._carrier.send(line, came, error)

    def _settle(self, ended: Ended, now: float) -> None:
        """Report a transfer that is over and forget it."""
        transfer = self._transfers.pop(ended.line)
        peer = ended.line[1]
        self._by_peer.pop(peer, None)
        self._by_address[peer[0]] -= 1
        if not self._by_address[peer[0]]:
            del self._by_address[peer[0]]
        transfer.blob.close()
        self._counters["retransmissions"] += ended.retransmissions
        self._counters["bytes"] += ended.acknowledged
        self._emit(_account(ended, transfer, now - transfer.started))

    def _drop(self, peer: Peer, reason: str) -> None:
        self._counters["dropped"] += 1
        self._emit(events.Dropped("tftp", peer[0], reason))


def best_carrier() -> type[Carrier]:
    """The compiled data path where it was built, else the one in Python."""
    compiled = twin("tftp_carrier")
    return compiled.Carrier if compiled else Carrier


def read_name(filename: bytes) -> str:
    r"""The name a client meant.

    Some ROMs read past the end of DHCP's option 67 and append what they find there.

        >>> read_name(b"pxelinux.0\xff")
        'pxelinux.0'
    """
    return filename.rstrip(b"\xff\0 ").decode("utf-8", "surrogateescape")


def _code(error: TreeError) -> ErrorCode:
    match error:
        case NotFound():
            return ErrorCode.FILE_NOT_FOUND
        case Refused():
            return ErrorCode.ACCESS_VIOLATION
        case _:
            return ErrorCode.NOT_DEFINED


def _account(ended: Ended, transfer: _Transfer, seconds: float) -> events.Event:
    client, name, size = ended.line[1][0], transfer.name, transfer.blob.size
    match ended.outcome:
        case Outcome.DONE:
            again = ended.retransmissions
            return events.Finished("tftp", client, name, size, seconds, again)
        case Outcome.PROBED:
            return events.Probed("tftp", client, name, size)
        case _:
            got, reason = ended.acknowledged, ended.reason
            return events.Failed("tftp", client, name, got, seconds, reason)

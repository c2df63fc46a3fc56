"""TFTP's engine: requests become transfers, and transfers are kept going.

Whoever asks gets the first packet of a transfer; ACKs find their transfer by the
client's address and port; a timer for each sends again what was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastboot import events
from fastboot.arrival import Ancillary, Arrival
from fastboot.config import TftpConfig
from fastboot.errors import DecodeError, NotFound, Refused, TreeError
from fastboot.listen import Place
from fastboot.poller import READ, WRITE, Poller
from fastboot.timers import Timers
from fastboot.tree import Blob, Client, Tree

from .blocks import Blocks, NetasciiBlocks, OctetBlocks
from .options import OVERHEAD_IPV4, OVERHEAD_IPV6, Limits, negotiate
from .packet import Error, ErrorCode, ReadRequest, WriteRequest, decode
from .ports import Line, Peer, Ports, answering
from .transfer import Outcome, Sender, Terms

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


@dataclass(slots=True)
class _Transfer:
    """A sender with what the engine knows about it."""

    sender: Sender
    blob: Blob
    request: bytes
    name: str
    ancillary: Ancillary
    started: float
    moved: float  # when the client last said something


class Engine:
    """Serves a tree over TFTP; see `fastboot.engine.Engine`.

    Args:
        config: Port and limits.
        tree: What is served.
        emit: Told what happens.
        places: Where to listen.
        mtu: The MTU of the interface with this index, or None where unknown.
        clock: Seconds that only grow.

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
    ) -> None:
        self._config = config
        self._tree = tree
        self._emit = emit
        self._mtu = mtu
        self._clock = clock
        self._poller = Poller()
        self._timers: Timers[Line] = Timers()
        self._transfers: dict[Line, _Transfer] = {}
        self._unconfirmed = 0
        self._ports = Ports(self._poller)
        self._strays = (0.0, 0)  # the second, and the errors sent in it
        self._counters = dict.fromkeys(
            ("requests", "transfers", "refused", "dropped", "retransmissions", "bytes"),
            0,
        )
        try:
            for place in places:
                self._ports.open(place, config.port or 0)
        except BaseException:
            self.close()
            raise

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that requests are taken on."""
        return self._ports.listening

    @property
    def idle(self) -> bool:
        """Whether no transfer is under way."""
        return not self._transfers

    def fileno(self) -> int:
        """See `fastboot.engine.Engine`."""
        return self._poller.fileno()

    def wake(self) -> None:
        """See `fastboot.engine.Engine`."""
        self._poller.wake()

    def stats(self) -> dict[str, int]:
        """Counters by name; `active` is the number of transfers under way."""
        return {**self._counters, "active": len(self._transfers)}

    def drain(self) -> None:
        """Take no more requests; see `fastboot.engine.Engine`."""
        self._ports.stop_listening()

    def close(self) -> None:
        """Tell each client that it is over, and give the sockets back."""
        for line, transfer in tuple(self._transfers.items()):
            goodbye = transfer.sender.close("the server was stopped")
            self._ports.send(line, transfer.ancillary, goodbye)
            self._settle(line, transfer, self._clock())
        self._ports.close()
        self._poller.close()

    def poll(self, timeout: float | None = 0.0) -> None:
        """See `fastboot.engine.Engine`."""
        ready = self._poller.wait(timeout)
        now = self._clock()
        for fd, what in ready:
            data_port = self._ports.data_port(fd)
            if data_port is None and what & WRITE:
                self._ports.flush(fd)
            if what & READ:
                for data, came, peer in self._ports.receive(fd):
                    line = (fd if data_port is None else data_port, peer)
                    take = self._reply if data_port is None else self._request
                    self._guarded(take, line, data, came, now)
        for line in self._timers.due(now):
            self._guarded(self._tick, line, now)
        self._poller.set_deadline(self._timers.next)

    def _guarded(self, do: Callable[..., None], *arguments: object) -> None:
        """A mistake of ours or of the tree's ends this step and nothing else."""
        try:
            do(*arguments)
        except Exception as error:  # noqa: BLE001
            self._emit(events.Fault("tftp", error))

    def _tick(self, line: Line, now: float) -> None:
        transfer = self._transfers[line]
        self._step(line, transfer, transfer.sender.tick(now), now)

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
            if self._unconfirmed >= UNCONFIRMED_MAX:
                self._drop(line[1], "too many requests without a reply")
                return False
            return True
        if data == transfer.request:
            if not transfer.sender.confirmed:
                self._step(line, transfer, transfer.sender.repeat(now), now)
                return False
            if now - transfer.moved < LATE:
                return False
        # The client begins something else, and expects no ERROR about the old.
        transfer.sender.close("the client asked anew")
        self._settle(line, transfer, now)
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
        size = None if netascii else blob.size
        negotiated = negotiate(packet.options, self._limits(peer, came), size)
        kind = NetasciiBlocks if netascii else OctetBlocks
        blocks: Blocks = kind(blob, negotiated.blksize)
        terms = Terms(negotiated, blob.size, self._config.idle_timeout)
        transfer = _Transfer(
            Sender(blocks, terms), blob, data, name, answering(peer, came), now, now
        )
        self._transfers[line] = transfer
        self._unconfirmed += 1
        self._counters["transfers"] += 1
        self._step(line, transfer, transfer.sender.start(now), now)
        return None

    def _limits(self, peer: Peer, came: Arrival) -> Limits:
        blksize = self._config.max_blksize
        mtu = self._mtu(came.index)
        if mtu is not None:
            overhead = OVERHEAD_IPV6 if ":" in peer[0] else OVERHEAD_IPV4
            blksize = max(8, min(blksize, mtu - overhead))
        return Limits(blksize, self._config.max_windowsize)

    def _refuse(self, line: Line, came: Arrival, filename: bytes, error: Error) -> None:
        self._counters["refused"] += 1
        self._ports.send(line, answering(line[1], came), [error.encode()])
        name = filename.decode("utf-8", "surrogateescape")
        reason = error.message.decode("utf-8", "replace")
        self._emit(events.RequestRefused("tftp", line[1][0], name, reason))

    def _reply(self, line: Line, data: bytes, came: Arrival, now: float) -> None:
        """Take a datagram that came to a data port."""
        transfer = self._transfers.get(line)
        if transfer is None:
            return self._stray(line, data, came, now)
        was_confirmed = transfer.sender.confirmed
        acknowledged = transfer.sender.acknowledged
        answer = transfer.sender.receive(data, now)
        if transfer.sender.confirmed and not was_confirmed:
            self._unconfirmed -= 1
        if transfer.sender.acknowledged != acknowledged:
            transfer.moved = now
        self._step(line, transfer, answer, now)
        return None

    def _stray(self, line: Line, data: bytes, came: Arrival, now: float) -> None:
        """Tell a stranger that its TID is unknown (RFC 1350, section 4); rarely."""
        self._drop(line[1], "no transfer of this client")
        opcode = data[:2]
        if opcode not in (b"\0\3", b"\0\4", b"\0\6") or line[1][1] < 1024:
            return
        second, count = self._strays
        if now - second >= 1.0:
            second, count = now, 0
        self._strays = (second, count + 1)
        if count < STRAY_ERRORS:
            error = Error(ErrorCode.UNKNOWN_TID, b"unknown transfer").encode()
            self._ports.send(line, answering(line[1], came), [error])

    def _step(
        self, line: Line, transfer: _Transfer, packets: list[bytes], now: float
    ) -> None:
        """Send what a sender returned, and set its timer or settle it."""
        if packets:
            self._ports.send(line, transfer.ancillary, packets)
        deadline = transfer.sender.deadline
        if deadline is None:
            self._settle(line, transfer, now)
        else:
            self._timers.set(line, deadline)

    def _settle(self, line: Line, transfer: _Transfer, now: float) -> None:
        """Report a transfer that is over and forget it."""
        del self._transfers[line]
        self._timers.forget(line)
        transfer.blob.close()
        sender = transfer.sender
        if not sender.confirmed:
            self._unconfirmed -= 1
        self._counters["retransmissions"] += sender.retransmissions
        self._counters["bytes"] += sender.acknowledged
        self._emit(_account(line[1][0], transfer, now - transfer.started))

    def _drop(self, peer: Peer, reason: str) -> None:
        self._counters["dropped"] += 1
        self._emit(events.Dropped("tftp", peer[0], reason))


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


def _account(client: str, transfer: _Transfer, seconds: float) -> events.Event:
    sender, name = transfer.sender, transfer.name
    if sender.outcome is Outcome.DONE:
        return events.Finished(
            "tftp", client, name, transfer.blob.size, seconds, sender.retransmissions
        )
    if sender.outcome is Outcome.PROBED:
        return events.Probed("tftp", client, name, transfer.blob.size)
    return events.Failed(
        "tftp", client, name, sender.acknowledged, seconds, sender.reason
    )

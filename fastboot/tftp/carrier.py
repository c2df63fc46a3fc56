"""The data path: sockets, machines and their timers; all that happens per packet.

A carrier keeps transfers going and hands up what needs a decision: requests, datagrams
of strangers, and transfers that are over. It exists twice with this interface: here,
and compiled (`fastboot/_ext/tftp_carrier.pyx`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from fastboot._ext import twin
from fastboot.arrival import Ancillary, Arrival
from fastboot.batch import Row
from fastboot.cold import Cold, Reads
from fastboot.listen import Place
from fastboot.poller import READ, WRITE, Poller
from fastboot.timers import Timers

from .job import Job, Machine, Taking
from .ports import POOL, Line, Peer, Ports, is_request
from .recall import Recipe
from .transfer import Outcome, Sender


class Request(NamedTuple):
    """A datagram that came to the well-known port.

    Attributes:
        line: Where a transfer for it would run.
        data: What was sent.
        came: The address of ours that it was sent to.
        listener: The socket that it came to.
    """

    line: Line
    data: bytes
    came: Arrival
    listener: int


class Stray(NamedTuple):
    """A datagram that came to a data port and belongs to no transfer."""

    line: Line
    data: bytes
    came: Arrival


class Ended(NamedTuple):
    """A transfer is over and forgotten.

    Attributes:
        line: Where it ran.
        outcome: How it ended.
        reason: The same in words.
        acknowledged: Bytes of the file that came across.
        retransmissions: Blocks sent, or received, more than once.
    """

    line: Line
    outcome: Outcome
    reason: str
    acknowledged: int
    retransmissions: int


class Begun(NamedTuple):
    """A transfer runs that the compiled carrier began by a recipe.

    Attributes:
        line: Where.
        recipe: See `Carrier.keep`.
        started: When.
    """

    line: Line
    recipe: Recipe
    started: float


Account = tuple[Line, Outcome, str, int, int, float]
"""A transfer that is over: the fields of `Ended`, and the seconds that it took."""


class Served(NamedTuple):
    """Transfers that the compiled carrier began by itself, and that are over.

    Attributes:
        runs: Those whose file came across whole, as they followed each other, and
            between them any other with its recipe; the first first.
        transfers: How many there are.
        acknowledged: Bytes that came across, of all of them.
        retransmissions: Blocks sent more than once.
    """

    runs: list[list[Row] | tuple[Account, Recipe]]
    transfers: int
    acknowledged: int
    retransmissions: int


class Broken(NamedTuple):
    """A mistake of ours or of the tree's; the transfer it happened in is `Ended`."""

    error: Exception


Happening = Request | Stray | Begun | Served | Ended | Broken
"""What `Carrier.poll` hands up."""


@dataclass(slots=True)
class _Transfer:
    machine: Machine
    ancillary: Ancillary
    moved: float


class Carrier:
    """The data path in Python.

    Args:
        clock: Seconds that only grow.
        cache_bytes: What the compiled twin may spend on framed files; nothing here.
    """

    def __init__(self, clock: Callable[[], float], cache_bytes: int = 0) -> None:
        self._clock = clock
        self._poller = Poller()
        self._ports = Ports(self._poller)
        self._timers: Timers[Line] = Timers()
        self._transfers: dict[Line, _Transfer] = {}
        self._reads: Reads[Line] = Reads(self.wake)
        self._unconfirmed = 0
        self._closed = False

    def open(
        self, place: Place, port: int, data: str = "pool", most: int = POOL
    ) -> None:
        """Take requests at a place; see `Ports.open`."""
        self._ports.open(place, port, data, most)

    @property
    def listening(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that requests are taken on."""
        return self._ports.listening

    @property
    def active(self) -> int:
        """Transfers under way."""
        return len(self._transfers)

    @property
    def unconfirmed(self) -> int:
        """Transfers under way whose client has acknowledged nothing."""
        return self._unconfirmed

    def fileno(self) -> int:
        """The descriptor that is readable when `poll` has something to do."""
        return self._poller.fileno()

    def wake(self) -> None:
        """End a `poll` that is waiting, from any thread."""
        self._poller.wake()

    def poll(self, timeout: float | None) -> list[Happening]:
        """Do what is due; wait for it `timeout` seconds at most (None: for ever)."""
        ready = self._poller.wait(timeout)
        now = self._clock()
        happened: list[Happening] = []
        for fd, what in ready:
            if what & WRITE:
                self._ports.flush(fd)
            if what & READ:
                for data, came, peer in self._ports.receive(fd):
                    data_port = self._ports.data_port(fd, peer)
                    known = (fd, peer) in self._transfers and not is_request(data)
                    if data_port is None or known:
                        happened += self._take((fd, peer), data, came, now)
                    else:
                        happened.append(Request((data_port, peer), data, came, fd))
        for line, part in self._reads.ready():
            sender = self._transfers[line].machine
            assert isinstance(sender, Sender)  # nobody else waits for a file
            happened += self._guarded(line, partial(sender.resume, part, now))
        for line in self._timers.due(now):
            tick = partial(self._transfers[line].machine.tick, now)
            happened += self._guarded(line, tick)
        self._poller.set_deadline(self._timers.next)
        return happened

    def begin(self, line: Line, job: Job | Taking) -> list[Happening]:
        """Start a transfer where none runs; what came of it at once."""
        now = self._clock()
        machine = job.machine()
        self._transfers[line] = _Transfer(
            machine, self._ports.answering(line, job.came), now
        )
        self._unconfirmed += 1
        happened = self._at_once(line, partial(machine.start, now))
        job.wait()
        return happened

    def repeat(self, line: Line) -> list[Happening]:
        """Send the first packet again, to a client that repeats its request."""
        again = partial(self._transfers[line].machine.repeat, self._clock())
        return self._at_once(line, again)

    def is_confirmed(self, line: Line) -> bool:
        """Whether the client has acknowledged anything."""
        return self._transfers[line].machine.confirmed

    def acknowledged(self, line: Line) -> int:
        """Bytes of the file that came across."""
        return self._transfers[line].machine.acknowledged

    def moved(self, line: Line) -> float:
        """When the transfer last made progress."""
        return self._transfers[line].moved

    def end(self, line: Line, reason: str, *, tell: bool) -> list[Happening]:
        """End a transfer from our side; `tell` the client or not."""
        transfer = self._transfers[line]
        goodbye = transfer.machine.close(reason)
        if tell:
            self._ports.send(line, transfer.ancillary, goodbye)
        return [self._settle(line)]

    def bound(self, unconfirmed: int, transfers: int, of_one: int) -> None:
        """Bound the transfers that the compiled twin begins by itself; here are none.

        Args:
            unconfirmed: Transfers of any kind while there are fewer whose client has
                acknowledged nothing,
            transfers: fewer in all,
            of_one: and fewer of one address.
        """

    def keep(self, line: Line, recipe: Recipe) -> None:
        """A request may be answered again as it just was; the twin then does.

        Args:
            line: Where the transfer runs that was begun for it.
            recipe: What the answer depends on.
        """

    def doubt(self, peer: Peer) -> None:
        """Answer nothing of that address without asking, for a while."""

    def reserve(self, line: Line) -> None:
        """Begin no transfer there without asking, until `unreserve`."""

    def unreserve(self, line: Line) -> None:
        """A reservation is over."""

    def catch_up(self) -> list[Happening]:
        """What the twin began and ended by itself, and has not told yet."""
        return []

    def send(self, line: Line, came: Arrival, packet: bytes) -> None:
        """Send one packet that belongs to no transfer."""
        self._ports.send(line, self._ports.answering(line, came), [packet])

    def release(self, line: Line) -> None:
        """Nothing runs there: a socket that was opened for it is given back."""
        self._ports.release(line)

    def port(self, fd: int) -> int:
        """The port of one of the sockets."""
        return self._ports.number(fd)

    def stop_listening(self) -> None:
        """Take no more requests; transfers go on."""
        self._ports.stop_listening(fd for fd, _ in self._transfers)

    def close(self) -> None:
        """Give the sockets back; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._reads.close()
            self._ports.close()
            self._poller.close()

    def _take(
        self, line: Line, data: bytes, came: Arrival, now: float
    ) -> list[Happening]:
        transfer = self._transfers.get(line)
        if transfer is None:
            return [Stray(line, data, came)]
        machine = transfer.machine
        confirmed, acknowledged = machine.confirmed, machine.acknowledged
        happened = self._guarded(line, partial(machine.receive, data, now))
        if machine.confirmed and not confirmed:
            self._unconfirmed -= 1
        if machine.acknowledged != acknowledged:
            transfer.moved = now
        return happened

    def _at_once(self, line: Line, step: Callable[[], list[bytes]]) -> list[Happening]:
        """A step between two polls, which may need an earlier timer."""
        happened = self._guarded(line, step)
        self._poller.set_deadline(self._timers.next)
        return happened

    def _guarded(self, line: Line, step: Callable[[], list[bytes]]) -> list[Happening]:
        """Send what a step of a machine returns, and set its timer or settle it."""
        transfer = self._transfers[line]
        happened: list[Happening] = []
        try:
            packets = step()
        except Cold as cold:
            self._reads.wait(line, cold)
            packets = []
        except Exception as error:  # noqa: BLE001 (one bad turn must not end all)
            happened.append(Broken(error))
            packets = transfer.machine.close("a mistake of the server")
        if packets:
            self._ports.send(line, transfer.ancillary, packets)
        deadline = transfer.machine.deadline
        if deadline is None:
            happened.append(self._settle(line))
        else:
            self._timers.set(line, deadline)
        return happened

    def _settle(self, line: Line) -> Ended:
        machine = self._transfers.pop(line).machine
        self._timers.forget(line)
        self._reads.forget(line)
        if not machine.confirmed:
            self._unconfirmed -= 1
        assert machine.outcome is not None  # that is why it is settled
        return Ended(
            line,
            machine.outcome,
            machine.reason,
            machine.acknowledged,
            machine.retransmissions,
        )


def best_carrier() -> type[Carrier]:
    """The compiled data path where it was built, else the one in Python."""
    compiled = twin("tftp_carrier")
    return compiled.Carrier if compiled else Carrier

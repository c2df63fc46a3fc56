"""Files that clients got, told at once: for servers that are asked very often.

An event of each would cost more than the file. Who takes events may take such a batch
besides, and look at no more of it than matters; to anybody else each event is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from .events import Emit, Event, Finished
from .seen import Packet


class Wanted(Protocol):
    """What clients asked for in the same words, and were answered with.

    Attributes:
        request: The request's bytes.
        oack: What it was answered with at first; nothing where that was the file.
        door: The port of ours that it came to.
        name: What it asks for.
    """

    @property
    def request(self) -> bytes: ...  # noqa: D102 (above)
    @property
    def oack(self) -> bytes: ...  # noqa: D102
    @property
    def door(self) -> int: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...

    @property
    def local(self) -> str:
        """The address of ours that it came to."""
        ...


Row = tuple[str, int, int, float, int, Wanted]
"""A file that a client got: the client's address and port, our socket, the seconds that
it took, blocks sent more than once, and what it was."""


Datagram = tuple[tuple[str, int], tuple[str, int], bytes]
"""Where it came from, where it went, and what was in it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that were got over TFTP, the first first.

    Attributes:
        rows: One for each.
        port: The port of a socket.
    """

    rows: Sequence[Row]
    port: Callable[[int], int]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Event]:
        """The event of each."""
        return map(finished, self.rows)

    def packets(self, row: Row) -> tuple[Packet, ...]:
        """What was asked, and what the answer was."""
        asked, *answered = self.datagrams(row)
        return (
            Packet("", asked[0], asked[1], True, asked[2]),
            *(Packet("", there, here, False, data) for here, there, data in answered),
        )

    def datagrams(self, row: Row) -> tuple[Datagram, ...]:
        """The same, which costs less."""
        client, port, fd, _, _, wanted = row
        peer, local = (client, port), wanted.local
        asked = (peer, (local, wanted.door), wanted.request)
        if not wanted.oack:
            return (asked,)
        return asked, ((local, self.port(fd)), peer, wanted.oack)


def finished(row: Row) -> Finished:
    """The event of a file that was got."""
    client, _, _, seconds, again, wanted = row
    return Finished("tftp", client, wanted.name, wanted.size, seconds, again)


@dataclass(frozen=True, slots=True)
class Answers:
    """Files that were got over HTTP, the first first.

    Attributes:
        rows: The client's address, the name, bytes, and seconds of each.
        protocol: "http" or "https".
    """

    rows: Sequence[tuple[str, str, int, float]]
    protocol: str = "http"

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Finished]:
        """The event of each."""
        return (Finished(self.protocol, *row) for row in self.rows)

    def summed(self) -> Iterator[tuple[Finished, int]]:
        """Of each client and file the last event, and how many there were.

        >>> rows = [("10.0.0.1", "/a", 5, 0.1), ("10.0.0.1", "/a", 5, 0.2)]
        >>> [(event.seconds, count) for event, count in Answers(rows).summed()]
        [(0.2, 2)]
        """
        counts = Counter((row[0], row[1]) for row in self.rows)
        last = {(row[0], row[1]): row for row in self.rows}
        protocol = self.protocol
        return ((Finished(protocol, *last[key]), n) for key, n in counts.items())


@runtime_checkable
class TakesMany(Protocol):
    """Who takes events, and many at once."""

    def __call__(self, event: Event) -> None:
        """Take an event."""

    def many(self, batch: Batch) -> None:
        """Take the events of a batch, and its packets where these are wanted."""

    def answered(self, answers: Answers) -> None:
        """Take the events of answers over HTTP."""


def tell(emit: Emit, batch: Batch) -> None:
    """Tell of a batch, as a whole to who takes that."""
    if isinstance(emit, TakesMany):
        emit.many(batch)
        return
    for event in batch:
        emit(event)


def tell_answers(emit: Emit, answers: Answers) -> None:
    """The same of answers over HTTP."""
    if len(answers) > 1 and isinstance(emit, TakesMany):
        emit.answered(answers)
        return
    for event in answers:
        emit(event)


class Both:
    """Tells two readers of events: one that takes many at once, and any other."""

    def __init__(self, first: TakesMany, second: Emit) -> None:
        self._first = first
        self._second = second

    def __call__(self, event: Event) -> None:
        """Tell both of an event."""
        self._first(event)
        self._second(event)

    def many(self, batch: Batch) -> None:
        """Tell both of a batch."""
        self._first.many(batch)
        tell(self._second, batch)

    def answered(self, answers: Answers) -> None:
        """Tell both of answers over HTTP."""
        self._first.answered(answers)
        tell_answers(self._second, answers)

"""The transfers under way, and who may begin another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from fastboot.arrival import Arrival
from fastboot.tree import Blob
from fastboot.uploads import Upload

from .ports import Line, Peer
from .receive import Receiver
from .request import Asked
from .share import Room


@dataclass(slots=True)
class Entry:
    """What is remembered of a request while it is answered.

    Attributes:
        request: The datagram, to know a repetition of it.
        name: What was asked for.
        content: What is sent, or where it goes; closed by who takes the entry out of
            the table.
        started: When the request came.
        receiver: What takes a file that is sent to us; None where we send one.
    """

    request: bytes
    name: str
    content: Blob | Upload
    started: float
    receiver: Receiver | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A request whose content the tree still works out.

    Attributes:
        request: The datagram.
        asked: What it means.
        came: The address of ours that it was sent to.
        listener: The socket that it came to.
    """

    request: bytes
    asked: Asked
    came: Arrival
    listener: int


class Table:
    """Transfers by line and by client.

    A question counts as a transfer whose client has acknowledged nothing.

    Args:
        room: Counts them, and those of other tables that share it.
        unconfirmed: How many may wait for their client's first ACK.
    """

    def __init__(self, room: Room, unconfirmed: int) -> None:
        self._room = room
        self._unconfirmed = unconfirmed
        self._entries: dict[Line, Entry] = {}
        self._questions: dict[Line, Question] = {}
        self._by_peer: dict[Peer, Line] = {}
        # Those that may be half open, in their order.
        self._fresh: OrderedDict[Line, None] = OrderedDict()

    def __len__(self) -> int:
        """How many transfers and questions there are."""
        return len(self._entries) + len(self._questions)

    @property
    def lines(self) -> tuple[Line, ...]:
        """Where transfers run."""
        return tuple(self._entries)

    def first(self, limit: int) -> tuple[tuple[Line, Entry], ...]:
        """The transfers that began first, so many at the most."""
        return tuple(islice(self._entries.items(), limit))

    def get(self, line: Line) -> Entry | None:
        """The transfer that runs there, if one does."""
        return self._entries.get(line)

    def knows(self, line: Line) -> bool:
        """Whether a transfer runs there, or waits for the tree."""
        return line in self._entries or line in self._questions

    def line_of(self, peer: Peer) -> Line | None:
        """Where the transfer of a client runs; None where it has none."""
        return self._by_peer.get(peer)

    def full(self, peer: Peer) -> str:
        """Why no transfer can begin for a client; empty: there is room."""
        if len(self._questions) >= self._unconfirmed:
            return "too many requests without a reply"
        return self._room.full(peer[0])

    def excess(
        self, unconfirmed: int, confirmed: Callable[[Line], bool]
    ) -> Line | None:
        """The transfer to give up before another begins; None where none has to go.

        It is the one that waits longest for its first ACK. A client that is there has
        sent that in milliseconds, so that a flood has to be a hundred thousand requests
        a second before it is in anybody's way; and what is refused in its stead would
        be everybody's.

        Args:
            unconfirmed: Transfers whose client has acknowledged nothing.
            confirmed: Whether the client of one has.
        """
        if unconfirmed + len(self._questions) < self._unconfirmed:
            return None
        while self._fresh:
            line = next(iter(self._fresh))
            if not confirmed(line):
                return line
            del self._fresh[line]
        return None

    def add(self, line: Line, entry: Entry) -> None:
        """Enter a transfer."""
        peer = line[1]
        self._fresh[line] = None
        self._entries[line] = entry
        self._by_peer[peer] = line
        self._room.enter(peer[0])

    def pop(self, line: Line) -> Entry:
        """Take a transfer out."""
        self._fresh.pop(line, None)
        self._by_peer.pop(line[1], None)
        self._room.leave(line[1][0])
        return self._entries.pop(line)

    def question(self, line: Line) -> Question | None:
        """What the tree works out for that line; None where it does not."""
        return self._questions.get(line)

    def ask(self, line: Line, question: Question) -> None:
        """Enter a question."""
        self._questions[line] = question
        self._room.enter(line[1][0])

    def answered(self, line: Line) -> Question:
        """Take a question out."""
        self._room.leave(line[1][0])
        return self._questions.pop(line)

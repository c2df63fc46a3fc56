"""The transfers under way, and who may begin another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fastboot.tree import Blob

from .ports import Line, Peer

UNCONFIRMED_MAX = 1024
"""Transfers whose client has acknowledged nothing yet: forged requests fill this table
and no other."""


@dataclass(slots=True)
class Entry:
    """What is remembered of a request while it is answered.

    Attributes:
        request: The datagram, to know a repetition of it.
        name: What was asked for.
        blob: What is sent; closed by who takes the entry out of the table.
        started: When the request came.
    """

    request: bytes
    name: str
    blob: Blob
    started: float


class Table:
    """Transfers by line, by client, and counted by address.

    Args:
        most: How many there may be.
        most_of_one: How many of one address.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._entries: dict[Line, Entry] = {}
        self._by_peer: dict[Peer, Line] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many transfers there are."""
        return len(self._entries)

    @property
    def lines(self) -> tuple[Line, ...]:
        """Where transfers run."""
        return tuple(self._entries)

    def get(self, line: Line) -> Entry | None:
        """The transfer that runs there, if one does."""
        return self._entries.get(line)

    def line_of(self, peer: Peer) -> Line | None:
        """Where the transfer of a client runs; None where it has none."""
        return self._by_peer.get(peer)

    def full(self, peer: Peer, unconfirmed: int) -> str:
        """Why no transfer can begin for a client; empty: there is room.

        Args:
            peer: The client.
            unconfirmed: Transfers whose client has acknowledged nothing.
        """
        if len(self._entries) >= self._most:
            return "too many transfers"
        if unconfirmed >= UNCONFIRMED_MAX:
            return "too many requests without a reply"
        if self._by_address[peer[0]] >= self._most_of_one:
            return "too many transfers of this client"
        return ""

    def add(self, line: Line, entry: Entry) -> None:
        """Enter a transfer."""
        peer = line[1]
        self._entries[line] = entry
        self._by_peer[peer] = line
        self._by_address[peer[0]] += 1

    def pop(self, line: Line) -> Entry:
        """Take a transfer out."""
        peer = line[1]
        self._by_peer.pop(peer, None)
        left = self._by_address[peer[0]] - 1
        if left:
            self._by_address[peer[0]] = left
        else:
            del self._by_address[peer[0]]
        return self._entries.pop(line)

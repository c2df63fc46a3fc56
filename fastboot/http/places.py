"""Who may have a connection: no more than there is room for, none too many for one.

Nothing here knows a socket; whoever accepts connections asks, and says when one ends.
"""

from __future__ import annotations

import threading
from collections import Counter
from enum import Enum, auto
from typing import Self

from fastboot.config import HttpConfig

TURNED_AWAY = 64
"""Connections above a limit that are told so; the next are closed without a word."""


class Seat(Enum):
    """What becomes of a connection."""

    SERVED = auto()
    TOLD = auto()  # there is no room, which is said (503), and it is closed
    NONE = auto()  # it is closed at once


class Places:
    """The connections that there are, by address; for engines on several threads.

    >>> places = Places(most=2, most_each=1)
    >>> [places.take(client).name for client in ("10.0.0.1", "10.0.0.1", "10.0.0.2")]
    ['SERVED', 'TOLD', 'TOLD']

    Args:
        most: Connections at the same time.
        most_each: Connections of one address at the same time.
    """

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._all = 0
        self._each: Counter[str] = Counter()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, config: HttpConfig) -> Self:
        """The places that there are, on one engine or on several together."""
        return cls(config.max_connections, config.max_per_client)

    def __len__(self) -> int:
        """How many connections have a place."""
        return self._all

    def take(self, client: str) -> Seat:
        """Give a connection from this address its place.

        Who is told that there is none has one as well, until it is `left`: the telling
        takes a moment, and is bounded as everything is.
        """
        with self._lock:
            excess = max(self._all - self._most, self._each[client] - self._most_each)
            if excess >= TURNED_AWAY:
                return Seat.NONE
            self._all += 1
            self._each[client] += 1
            return Seat.SERVED if excess < 0 else Seat.TOLD

    def leave(self, client: str) -> None:
        """A connection that was given a place has ended."""
        with self._lock:
            self._all -= 1
            self._each[client] -= 1
            if not self._each[client]:
                del self._each[client]  # the table is as long as there are connections

"""Where a connection is."""

from __future__ import annotations

from enum import Enum, auto


class Phase(Enum):
    """Where a connection is."""

    WAITING = auto()
    READING = auto()
    ASKING = auto()
    ANSWERING = auto()
    WATCHING = auto()
    LINGERING = auto()
    CLOSED = auto()

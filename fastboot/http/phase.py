"""Where a connection is, and what it carries just now."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(slots=True)
class Transfer:
    """The answer under way, as far as it is content that somebody waits for."""

    name: str
    size: int
    noteworthy: bool
    began: float
    sent: int = 0

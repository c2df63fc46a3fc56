"""Any bytes as a list of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class History:
    """Decisions read off an input; when it ends, each decision is the first choice."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)

    def number(self) -> int:
        """0..255."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def choice(self, items: Sequence[T]) -> T:
        """One of these."""
        return items[self.number() % len(items)]

    def bytes(self, most: int) -> bytes:
        """Some bytes."""
        length = self.number() % (most + 1)
        piece = self._data[self._at : self._at + length]
        self._at += length
        return piece

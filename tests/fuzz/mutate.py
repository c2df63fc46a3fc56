"""Inputs made from inputs: what a fuzzer tries next."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LONGEST = 4096
"""Bytes of an input at the most."""

BYTES = (0, 1, 2, 7, 8, 10, 13, 32, 63, 64, 65, 127, 128, 192, 254, 255)
"""Bytes at which code does something else."""


class Mutator:
    """Changes inputs here and there; the same seed makes the same changes.

    Args:
        seed: What makes one series of changes.
        words: Pieces that mean something to the target.
    """

    def __init__(self, seed: str, words: Sequence[bytes]) -> None:
        self._rng = random.Random(seed)
        self._words = [*words, b"\0", b"\r\n"]
        self._ways: list[Callable[[bytearray, Sequence[bytes]], None]] = [
            self._flip,
            self._set,
            self._insert,
            self._delete,
            self._repeat,
            self._word,
            self._word,
            self._cross,
        ]

    def next(self, known: Sequence[bytes]) -> bytes:
        """An input that is like one of those known, newer ones more often."""
        rng = self._rng
        at = max(rng.randrange(len(known)), rng.randrange(len(known)))
        data = bytearray(known[at])
        for _ in range(1 << rng.randrange(5)):
            rng.choice(self._ways)(data, known)
        return bytes(data[:LONGEST])

    def _at(self, data: bytearray) -> int:
        return self._rng.randrange(len(data) + 1)

    def _flip(self, data: bytearray, _: Sequence[bytes]) -> None:
        if data:
            data[self._rng.randrange(len(data))] ^= 1 << self._rng.randrange(8)

    def _set(self, data: bytearray, _: Sequence[bytes]) -> None:
        if data:
            value = self._rng.choice((self._rng.randrange(256), *BYTES))
            data[self._rng.randrange(len(data))] = value

    def _insert(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        data[at:at] = self._rng.randbytes(1 << self._rng.randrange(6))

    def _delete(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        del data[at : at + (1 << self._rng.randrange(8))]

    def _repeat(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        piece = data[at : at + (1 << self._rng.randrange(6))]
        data[at:at] = piece * self._rng.choice((1, 1, 1, 2, 8, 64))

    def _word(self, data: bytearray, _: Sequence[bytes]) -> None:
        at, word = self._at(data), self._rng.choice(self._words)
        over = len(word) if self._rng.randrange(2) else 0
        data[at : at + over] = word

    def _cross(self, data: bytearray, known: Sequence[bytes]) -> None:
        other = self._rng.choice(known)
        data[self._at(data) :] = other[self._rng.randrange(len(other) + 1) :]

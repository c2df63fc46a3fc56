"""When the recipes that a front keeps are looked over."""

from __future__ import annotations

import math

from fastboot.tree import Blob

from .front import Front
from .recall import Recipe

SWEEP = 10.0
"""Seconds between two looks at whether the files that are held open are still there: one
that was deleted keeps its place on the disk until then."""


class Upkeep:
    """Has a front forget what has changed, and everything once nobody asks.

    Args:
        front: The one that is looked after.

    Attributes:
        next: When the next look is due; inf: nothing is kept.
    """

    def __init__(self, front: Front) -> None:
        self._front = front
        self._answered = 0  # requests that the front had answered by the last look
        self.next = math.inf

    def learn(self, known: Recipe, blob: Blob, now: float) -> None:
        """Have the front answer by a recipe from now on."""
        try:
            self._front.remember(known, blob)
        except OSError:
            return  # no descriptor is left to hold the file by: it is answered still
        self.next = min(self.next, now + SWEEP)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if now < self.next:
            return
        if self._front.requests == self._answered:
            self._front.forget()  # nobody has asked for a while
        self._answered = self._front.requests
        self.next = now + SWEEP if self._front.sweep() else math.inf

"""When the recipes that a front keeps are looked over."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastboot.tree import Blob, Tree

from .actions import Action
from .front import Front
from .recall import recipe

SWEEP = 10.0
"""Seconds between two looks at whether the files that are held open are still there: one
that was deleted keeps its place on the disk until then."""


class Upkeep:
    """Has a front know what was answered, forget what has changed, and everything once nobody asks.

    Args:
        front: The one that is looked after.
        tree: Knows which names are files that anybody gets.

    Attributes:
        next: When the next look is due; inf: nothing is kept.
    """

    def __init__(self, front: Front, tree: Tree) -> None:
        self._front = front
        self._path_of = getattr(tree, "path_of", lambda name: None)
        self._answered = 0  # requests that the front had answered by the last look
        self.next = math.inf

    def learn(
        self,
        head: bytes,
        name: str,
        blob: Blob,
        actions: Sequence[Action],
        now: float,
        date: float,
    ) -> None:
        """Let the front answer the same request from now on, if it can.

        Args:
            head: The request.
            name: What it asked for.
            blob: What was opened for it.
            actions: How it is answered.
            now: Seconds on the engine's clock.
            date: Seconds since the epoch.
        """
        known = recipe(head, name, self._path_of(name), blob, actions, date)
        if known is None:
            return
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

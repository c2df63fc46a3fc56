"""Many deadlines, one at a time: a heap that is lazy about those that move later."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

STALE_MAX = 256
"""Entries of forgotten keys that may lie in the heap besides as many as there are keys:
what comes and goes quickly would fill it otherwise."""


class Timers(Generic[K]):
    """Deadlines by key.

    Almost every deadline of a protocol is put off again and again and never reached,
    so that putting one off costs a dictionary entry and nothing else: the heap holds
    the earliest time known for each key, and what comes up too early goes back in.

    >>> timers = Timers()
    >>> timers.set("a", 5.0)
    >>> timers.set("a", 9.0)
    >>> timers.due(now=6.0), timers.due(now=9.0)
    ([], ['a'])
    """

    def __init__(self) -> None:
        self._deadlines: dict[K, float] = {}
        self._queued: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0

    @property
    def next(self) -> float | None:
        """When `due` may have something; None: never as things are."""
        return self._heap[0][0] if self._heap else None

    def set(self, key: K, deadline: float) -> None:
        """Give `key` a deadline in place of the one it had."""
        self._deadlines[key] = deadline
        queued = self._queued.get(key)
        if queued is None or deadline < queued:
            self._queue(key, deadline)

    def forget(self, key: K) -> None:
        """Take the deadline of `key` away."""
        self._deadlines.pop(key, None)
        self._queued.pop(key, None)

    def due(self, now: float) -> list[K]:
        """The keys whose deadlines are reached, each reported once."""
        keys = []
        while self._heap and self._heap[0][0] <= now:
            item = heapq.heappop(self._heap)
            if not self._is_current(item):
                continue  # forgotten, or queued again for an earlier time
            key = item[2]
            del self._queued[key]
            deadline = self._deadlines[key]
            if deadline <= now:
                del self._deadlines[key]
                keys.append(key)
            else:
                self._queue(key, deadline)
        return keys

    def _queue(self, key: K, deadline: float) -> None:
        self._queued[key] = deadline
        self._count += 1  # keys themselves are never compared
        heapq.heappush(self._heap, (deadline, self._count, key))
        if len(self._heap) > 2 * len(self._queued) + STALE_MAX:
            self._heap = [item for item in self._heap if self._is_current(item)]
            heapq.heapify(self._heap)

    def _is_current(self, item: tuple[float, int, K]) -> bool:
        return self._queued.get(item[2]) == item[0]

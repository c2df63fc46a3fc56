"""How often something may happen: token buckets in a bounded table."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Rate:
    """A token bucket for each key: `burst` at once, then `per_second`.

    Time is the caller's: seconds on any clock that does not go backwards.

    Args:
        per_second: Tokens that a bucket gains in a second.
        burst: Tokens that a bucket holds, full at first.
        capacity: Keys remembered; the one longest unused is forgotten first, and has a
            full bucket if it comes again.
    """

    def __init__(self, per_second: float, burst: float, capacity: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._capacity = capacity
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def allow(self, key: Hashable, now: float) -> bool:
        """Take a token of `key`'s bucket; False where it is empty."""
        tokens, since = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._per_second)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)
        return allowed

    def give_back(self, key: Hashable) -> None:
        """Put a token back that was taken for what proved harmless."""
        if key in self._buckets:
            tokens, since = self._buckets[key]
            self._buckets[key] = (min(self._burst, tokens + 1.0), since)

"""How often one address may ask for nothing."""

from __future__ import annotations

import threading

from fastboot.rate import Rate

BURST = 10.0
"""Seconds' worth of requests that may come at once: a machine that boots tries one name
after the other."""

SOURCES_MAX = 4096
"""Addresses remembered. One that is forgotten may ask as often as a new one, and a flood
from so many is bounded by the transfers that may be half open."""


class Sources:
    """Counts the requests of each address that came to nothing; from any thread.

    An answer to a request that was sent in somebody else's name goes to him. Whoever
    fetches a file, or its size, has proved that it was asked for by himself.

    Args:
        per_second: Such requests of one address; 0: any number.
    """

    def __init__(self, per_second: float) -> None:
        self._bounded = per_second > 0
        self._lock = threading.Lock()
        self._rate = Rate(per_second, max(1.0, per_second * BURST), SOURCES_MAX)

    def excess(self, address: str, now: float) -> str:
        """Why a request gets no answer; empty: it may, and counts until it `proved`."""
        if not self._bounded:
            return ""
        with self._lock:
            allowed = self._rate.allow(address, now)
        return "" if allowed else "too many requests in vain of this client"

    def proved(self, address: str) -> None:
        """A request of that address was in earnest after all."""
        with self._lock:
            self._rate.give_back(address)

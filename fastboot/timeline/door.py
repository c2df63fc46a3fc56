"""Who is let in among the machines that are remembered."""

from __future__ import annotations

from typing import Any

from fastboot import events, seen
from fastboot.rate import Rate

from .book import Book

NEW_AT_ONCE, NEW_A_SECOND = 1024, 256
"""Machines that are let in at once, and then in a second: those that somebody makes up
neither push out who is there nor cost what following them costs."""

NEWCOMERS = (
    seen.Asked,
    events.Offered,
    events.Unbootable,
    events.Probed,
    events.Finished,
    events.Received,
    events.Failed,
    events.NotReceived,
    events.RequestRefused,
)
"""What a machine is remembered from that was not known before."""

CROWDED = 1.0
"""Seconds after somebody was not let in in which no packets of strangers are kept."""


class Door:
    """Lets machines in: those that are known, and of new ones not too many.

    Args:
        book: Those that are known.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._strangers = Rate(NEW_A_SECOND, NEW_AT_ONCE, 1)
        self._crowded = float("-inf")

    def lets_in(self, event: Any, now: float) -> bool:  # noqa: ANN401 (any that is taken)
        """Whether an event is taken."""
        if isinstance(event, seen.Packet):
            key = event.mac or self._book.key_of(event.client[0])
            return key in self._book.records or not self.is_crowded(now)
        if not isinstance(event, NEWCOMERS):
            return True
        mac, client = getattr(event, "mac", ""), getattr(event, "client", "")
        key = mac or self._book.key_of(client)
        return key in self._book.records or self.admits(now)

    def is_crowded(self, now: float) -> bool:
        """Whether somebody was not let in lately."""
        return now < self._crowded

    def admits(self, now: float) -> bool:
        """Whether one more that is not known comes in."""
        admitted = self._strangers.allow(None, now)
        if not admitted:
            self._crowded = now + CROWDED
        return admitted

"""What an engine carries at a moment, for somebody who looks at it."""

from __future__ import annotations

from collections.abc import Callable

from fastboot.seen import RUNNING_MAX, Running, Take

from .carrier import Carrier
from .table import Table


class Glance:
    """Answers who looks from another thread, in the engine's own.

    Args:
        table: The transfers.
        carrier: What keeps them going.
        clock: Seconds that only grow.
    """

    def __init__(
        self, table: Table, carrier: Carrier, clock: Callable[[], float]
    ) -> None:
        self._table = table
        self._carrier = carrier
        self._clock = clock
        self._take: Take | None = None

    def look(self, take: Take) -> None:
        """See `fastboot.seen.Carrying`."""
        self._take = take
        self._carrier.wake()

    def tick(self) -> None:
        """The engine's turn: tell who asked."""
        take, self._take = self._take, None
        if take is None:
            return
        done, now = self._carrier.acknowledged, self._clock()
        told = []
        for line, entry in self._table.first(RUNNING_MAX):
            client, size, took = line[1][0], entry.content.size, now - entry.started
            told.append(Running(client, entry.name, size, done(line), took))
        take(told)

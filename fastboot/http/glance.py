"""What an engine carries at a moment, for somebody who looks at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastboot.seen import RUNNING_MAX, Running, Take

from .front import Front
from .link import Link


class Glance:
    """Answers who looks from another thread, in the engine's own.

    Args:
        links: Connections that have a machine.
        front: Who has the others.
        wake: Ends the engine's wait, from any thread.
    """

    def __init__(
        self,
        links: Mapping[int, Link],
        front: Front,
        wake: Callable[[], None],
    ) -> None:
        self._links = links
        self._front = front
        self._wake = wake
        self._take: Take | None = None

    def look(self, take: Take) -> None:
        """See `fastboot.seen.Carrying`."""
        self._take = take
        self._wake()

    def tick(self, now: float) -> None:
        """The engine's turn: tell who asked."""
        take, self._take = self._take, None
        if take is not None:
            take(self._running(now))

    def _running(self, now: float) -> list[Running]:
        found = self._front.under_way()
        for link in self._links.values():
            machine, sending = link.machine, link.machine.transfer
            if sending is not None:
                found.append(
                    (
                        machine.client,
                        sending.name,
                        sending.size,
                        sending.sent,
                        sending.began,
                    )
                )
        found.sort(key=lambda row: row[-1])
        return [
            Running(client, name, size, sent, now - began)
            for client, name, size, sent, began in found[:RUNNING_MAX]
        ]

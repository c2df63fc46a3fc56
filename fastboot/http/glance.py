"""What an engine carries at a moment, for somebody who looks at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastboot.seen import RUNNING_MAX, Running, Take

from .front import Front
from .link import Link
from .peer import Peer


class Glance:
    """Answers who looks from another thread, in the engine's own.

    Args:
        links: Connections that have a machine.
        peers: All connections.
        front: Who has the others.
        wake: Ends the engine's wait, from any thread.
    """

    def __init__(
        self,
        links: Mapping[int, Link],
        peers: Mapping[int, Peer],
        front: Front,
        wake: Callable[[], None],
    ) -> None:
        self._links = links
        self._peers = peers
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
        found = [
            (began, fd, name, size, sent)
            for fd, name, size, sent, began in self._front.under_way()
        ]
        for fd, link in self._links.items():
            sending = link.machine.transfer
            if sending is not None:
                found.append(
                    (sending.began, fd, sending.name, sending.size, sending.sent)
                )
        found.sort()
        return [
            Running(self._peers[fd].client, name, size, sent, now - began)
            for began, fd, name, size, sent in found[:RUNNING_MAX]
        ]

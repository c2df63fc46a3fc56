"""Engines that run, as whoever runs them sees them."""

from __future__ import annotations

from collections.abc import Sequence

from fastboot.engine import Engine


class Run:
    """Engines that run in the thread that made this."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.engines = tuple(engines)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return all(engine.idle for engine in self.engines)

    def drain(self) -> None:
        """Take nothing new; what is under way goes on until `idle`."""
        for engine in self.engines:
            engine.drain()

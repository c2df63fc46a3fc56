"""Engines that run, as whoever runs them sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastboot.engine import Engine
from fastboot.errors import EngineFailed
from fastboot.later import Work


class Run:
    """Engines that run in the thread that made this.

    Args:
        engines: The engines.
        failed: Called when one of them failed, from the thread that it ran in.

    Attributes:
        engines: As given.
        failure: The first that failed, which is raised when the context is left;
            None while all is well.
    """

    def __init__(self, engines: Iterable[Engine], failed: Callable[[], object]) -> None:
        self.engines: tuple[Engine, ...] = tuple(engines)
        self.failure: EngineFailed | None = None
        self._failed = failed

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return all(engine.idle for engine in self.engines)

    def drain(self) -> None:
        """Take nothing new; what is under way goes on until `idle`."""
        for engine in self.engines:
            self.attend(engine, engine.drain)

    def answer_by(self, work: Work | None) -> None:
        """Have what trees answer later worked out like this; see `fastboot.later`."""
        for engine in self.engines:
            if engine.later is not None:
                engine.later.run_by(work)

    def attend(self, engine: Engine, turn: Callable[[], None]) -> bool:
        """Give an engine its turn, one of its methods or more; False if that failed."""
        try:
            turn()
        except Exception as error:  # noqa: BLE001 (whatever it is, it must be noticed)
            self.failure = self.failure or EngineFailed(engine, error)
            self._failed()
            return False
        return True

    def check(self) -> None:
        """Raise `failure`, if there is one."""
        if self.failure is not None:
            raise self.failure

"""Engines on threads of their own, one each, that wait inside `poll`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from fastboot.engine import Engine

from ._run import Run
from ._work import ThreadedWork


@contextmanager
def running_on_threads(
    engines: Iterable[Engine], failed: Callable[[], object] = lambda: None
) -> Iterator[Run]:
    """Run each engine on a thread until the context is left.

    Args:
        engines: The engines.
        failed: Called, from its thread, when one of them failed; see `Run`.

    Raises:
        EngineFailed: One of them failed while the context lasted.
    """
    run = _ThreadedRun(engines, failed)
    try:
        run.start()
        yield run
    finally:
        run.stop()
    run.check()


class _Attendant(threading.Thread):
    """Calls one engine, and is the only one to do so."""

    def __init__(self, run: Run, engine: Engine) -> None:
        super().__init__(name=type(engine).__module__, daemon=True)
        self._run = run
        self._engine = engine
        self._stop_asked = False
        self._drain_asked = False
        self._drained = False

    def run(self) -> None:
        while not self._stop_asked and self._run.attend(self._engine, self._turn):
            pass

    def _turn(self) -> None:
        self._engine.poll(None)
        if self._drain_asked and not self._drained:
            self._engine.drain()
            self._drained = True

    @property
    def is_to_drain(self) -> bool:
        """Whether it was asked to and has not yet: it may be about to begin something."""
        return self._drain_asked and not self._drained

    def drain(self) -> None:
        self._drain_asked = True
        self._engine.wake()

    def stop(self) -> None:
        self._stop_asked = True
        self._engine.wake()


class _ThreadedRun(Run):
    """Engines that run on threads: each is drained by its own."""

    def __init__(self, engines: Iterable[Engine], failed: Callable[[], object]) -> None:
        super().__init__(engines, failed)
        self._attendants = [_Attendant(self, engine) for engine in self.engines]
        self._work = ThreadedWork()

    def start(self) -> None:
        self.answer_by(self._work)
        for attendant in self._attendants:
            attendant.start()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, nor will be once all have drained."""
        return not any(one.is_to_drain for one in self._attendants) and super().idle

    def drain(self) -> None:
        for attendant in self._attendants:
            attendant.drain()

    def stop(self) -> None:
        for attendant in self._attendants:
            attendant.stop()
        for attendant in self._attendants:
            if attendant.ident is not None:  # it could be started
                attendant.join()
        self.answer_by(None)
        self._work.end()

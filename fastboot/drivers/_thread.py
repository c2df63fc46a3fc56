"""Engines on threads of their own, one each, that wait inside `poll`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fastboot.engine import Engine

from ._run import Run


@contextmanager
def running_on_threads(engines: Iterable[Engine]) -> Iterator[Run]:
    """Run each engine on a thread until the context is left."""
    attendants = [_Attendant(engine) for engine in engines]
    for attendant in attendants:
        attendant.start()
    try:
        yield _ThreadedRun(attendants)
    finally:
        for attendant in attendants:
            attendant.stop()
        for attendant in attendants:
            attendant.join()


class _Attendant(threading.Thread):
    """Calls one engine, and is the only one to do so."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(name=type(engine).__module__, daemon=True)
        self.engine = engine
        self._stop_asked = False
        self._drain_asked = False

    def run(self) -> None:
        drained = False
        while not self._stop_asked:
            self.engine.poll(None)
            if self._drain_asked and not drained:
                self.engine.drain()
                drained = True

    def drain(self) -> None:
        self._drain_asked = True
        self.engine.wake()

    def stop(self) -> None:
        self._stop_asked = True
        self.engine.wake()


class _ThreadedRun(Run):
    """Engines that run on threads: each is drained by its own."""

    def __init__(self, attendants: list[_Attendant]) -> None:
        super().__init__([attendant.engine for attendant in attendants])
        self._attendants = attendants

    def drain(self) -> None:
        for attendant in self._attendants:
            attendant.drain()

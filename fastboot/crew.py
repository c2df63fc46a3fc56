"""Threads for calls that may hang: a few of them, and no more than some hundred waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from queue import SimpleQueue

THREADS = 4
"""Calls at the same time. Where as many hang, whoever comes next waits in vain."""

WAITING_MAX = 256
"""Calls that wait for a thread; more are not taken."""


class Crew:
    """Some threads that do what they are given, in turn; begun when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0

    def do(self, job: Callable[[], None], *, must: bool = False) -> bool:
        """Have something done, which must not raise; False: nobody will.

        Too much waits already, or the system gives us no thread.

        Args:
            job: What to do.
            must: Take it however much waits.
        """
        with self._lock:
            if self._jobs.qsize() >= WAITING_MAX and not must:
                return False
            if self._threads < THREADS and self._begin():
                self._threads += 1
            if not self._threads and not must:
                return False
            self._jobs.put(job)
        return True

    def _begin(self) -> bool:
        """Whether another thread could be had; where not, those there are go on."""
        worker = threading.Thread(target=self._work, name="fastboot.crew", daemon=True)
        try:
            worker.start()
        except RuntimeError:
            return False
        return True

    def _work(self) -> None:
        while True:
            self._jobs.get()()


@cache
def crew() -> Crew:
    """The crew of this process."""
    return Crew()

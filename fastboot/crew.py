"""Threads for calls that may hang: a few for each place where they may."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cache
from queue import SimpleQueue

THREADS = 4
"""Calls to one place at the same time. Where as many hang, whoever comes next to that
place waits in vain, and nobody else."""

THREADS_MAX = 64
"""Calls at the same time to all places: so many hang only where sixteen places do."""

WAITING_MAX = 256
"""Calls to one place that wait for a thread, and to all places that could have one if
there were more; further ones are not taken."""

Job = Callable[[], None]


@dataclass(slots=True)
class _Lane:
    """The calls to one place: how many have a thread or are about to, and the others."""

    begun: int = 0
    waiting: deque[Job] = field(default_factory=deque)


class Crew:
    """Some threads that do what they are given, in turn; begun when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[Hashable, _Lane] = {}
        self._begun: SimpleQueue[tuple[Hashable, Job]] = SimpleQueue()
        self._open = 0  # what is begun and not done
        self._threads = 0

    def do(self, job: Job, *, of: Hashable = None, must: bool = False) -> bool:
        """Have something done, which must not raise; False: nobody will.

        Too much waits already, or the system gives us no thread.

        Args:
            job: What to do.
            of: The place that it may hang at, such as a file system's device.
            must: Take it however much waits.
        """
        with self._lock:
            lane = self._lanes.get(of) or _Lane()
            if lane.begun < THREADS:
                full = self._open >= THREADS_MAX + WAITING_MAX
                if (full or not self._has_hand()) and not must:
                    return False
                lane.begun += 1
                self._open += 1
                self._begun.put((of, job))
            elif len(lane.waiting) < WAITING_MAX or must:
                lane.waiting.append(job)
            else:
                return False
            self._lanes[of] = lane
        return True

    def _has_hand(self) -> bool:
        """Whether there is a thread, after one more was begun if all have their hands full.

        Where none could be begun, those there are go on.
        """
        if self._open >= self._threads and self._threads < THREADS_MAX:
            self._threads += self._begin()
        return self._threads > 0

    def _begin(self) -> bool:
        worker = threading.Thread(target=self._work, name="fastboot.crew", daemon=True)
        try:
            worker.start()
        except RuntimeError:
            return False
        return True

    def _work(self) -> None:
        while True:
            of, job = self._begun.get()
            job()
            with self._lock:
                lane = self._lanes[of]
                if lane.waiting:
                    self._begun.put((of, lane.waiting.popleft()))
                    continue
                lane.begun -= 1
                self._open -= 1
                if not lane.begun:
                    del self._lanes[of]


@cache
def crew() -> Crew:
    """The crew of this process."""
    return Crew()

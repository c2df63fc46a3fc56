"""Parts of files that are not in memory: read aside, so that only who asked waits.

A disk takes milliseconds where memory takes microseconds, and a network file system may
take for ever. Before a part of a file is sent the kernel is asked whether it is there
(preadv2(2): RWF_NOWAIT); if not, a thread reads the window it lies in, once for all who
wait for it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

WINDOW = 1 << 20
"""Bytes that are sent, and read, at once: what a disk reads about as fast as less."""

THREADS = 4
"""Windows that are read at the same time; a disk orders so many for itself."""

_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)


class Cold(BlockingIOError):
    """A part of a file is not in memory.

    Attributes:
        file: The file's descriptor.
        at: Where in the file the part begins.
    """

    def __init__(self, file: int, at: int) -> None:
        super().__init__("not in memory")
        self.file = file
        self.at = at


def within_window(at: int, length: int) -> int:
    """As much of a part as lies in one window.

    >>> within_window(WINDOW - 10, 100), within_window(0, 100)
    (10, 100)
    """
    return min(length, WINDOW - at % WINDOW)


def check_warm(file: int, at: int, length: int) -> None:
    """Raise `Cold` unless both ends of a part are in memory, or nobody can tell."""
    if _NOWAIT is None:
        return
    for place in (at, at + length - 1):
        try:
            os.preadv(file, [bytearray(1)], place, _NOWAIT)
        except BlockingIOError:
            raise Cold(file, at) from None
        except OSError:
            return  # a file system that does not know the question


Window = tuple[int, int, int]
"""Device and inode of a file, and the number of a window."""


@dataclass(frozen=True, slots=True)
class _Job:
    window: Window
    file: int


class Reads:
    """Windows that are being read, and who waits for them.

    Everything but the reading itself is called from the engine's thread.

    Args:
        wake: Ends the engine's wait, from any thread.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: dict[Window, set[int]] = {}
        self._window_of: dict[int, Window] = {}
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._done: deque[Window] = deque()
        self._threads: list[threading.Thread] = []
        self.count = 0

    def wait(self, who: int, file: int, at: int) -> None:
        """Have the window around a place of a file read.

        Args:
            who: The connection that waits for it; `ready` has it then.
            file: The file's descriptor.
            at: The place.
        """
        self.forget(who)
        status = os.fstat(file)
        window = (status.st_dev, status.st_ino, at // WINDOW)
        self._window_of[who] = window
        if window in self._waiting:
            self._waiting[window].add(who)
            return
        self._waiting[window] = {who}
        self.count += 1
        try:
            # A descriptor of its own: whoever waits may be gone before it is read.
            own = os.dup(file)
        except OSError:  # none is left: it is read where it is sent
            self._done.append(window)
            self._wake()
            return
        self._jobs.put(_Job(window, own))
        if len(self._threads) < min(THREADS, len(self._waiting)):
            thread = threading.Thread(
                target=self._work, name="fastboot.http.reads", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def ready(self) -> list[int]:
        """Who need not wait any more."""
        ready: list[int] = []
        while self._done:
            for who in self._waiting.pop(self._done.popleft()):
                del self._window_of[who]
                ready.append(who)
        return ready

    def forget(self, who: int) -> None:
        """A connection waits for nothing any more."""
        window = self._window_of.pop(who, None)
        if window is not None:
            self._waiting[window].discard(who)

    def close(self) -> None:
        """End the threads; one that a disk holds up ends when it can."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                read(job.file, job.window[2] * WINDOW)
            except OSError:
                pass  # who sends it finds out
            finally:
                os.close(job.file)
            self._done.append(job.window)
            self._wake()


def read(file: int, at: int) -> None:
    """Bring a window into memory; called from a thread of its own."""
    os.pread(file, WINDOW, at)

"""A descriptor kept for the time when there is no other left.

What a process may open is bounded (RLIMIT_NOFILE). Whoever has to go on all the same
keeps one while there are some, and puts a file in its place: dup2(2) needs no free one.
"""

from __future__ import annotations

import os
import threading

from .files import close_quietly


class Reserve:
    """One descriptor, for one file at a time.

    >>> reserve = Reserve()
    >>> reserve.keep()
    >>> with open(os.devnull) as file:
    ...     own = reserve.take(file.fileno())
    ...     reserve.take(file.fileno()) is None
    True
    >>> reserve.give_back()
    >>> reserve.close()
    """

    def __init__(self) -> None:
        self._pair: tuple[int, int] | None = None  # what is lent; what fills its place
        self._lent = False
        self._closed = False
        self._lock = threading.Lock()  # whoever reads a file gives it back

    def keep(self) -> None:
        """Have it from now on, if there is one left."""
        if self._pair is None and not self._closed:
            try:
                self._pair = os.pipe()
            except OSError:
                pass  # it is tried again

    def take(self, file: int) -> int | None:
        """Another descriptor of an open file; None: it is not there, or lent."""
        with self._lock:
            if self._pair is None or self._lent:
                return None
            own = os.dup2(file, self._pair[0], inheritable=False)
            self._lent = True
            return own

    def give_back(self) -> None:
        """Let go of the file, from any thread; this may take its time."""
        assert self._pair  # it is kept as long as it is lent
        os.dup2(self._pair[1], self._pair[0], inheritable=False)
        with self._lock:
            self._lent = False
            over = self._closed
        if over:
            self.close()

    def close(self) -> None:
        """Keep it no more; one that is lent is closed when it is given back."""
        with self._lock:
            self._closed = True
            if self._lent:
                return
            pair, self._pair = self._pair, None
        for fd in pair or ():
            close_quietly(fd)

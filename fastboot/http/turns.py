"""One thing at a time: what is asked for in the middle of another is done after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Turns:
    """Does what an engine is told to do, never one thing within another.

    Whoever is told of an event, or asked for a file, may think that it was the last and
    close the engine, which is in the middle of its turn then.

    >>> turns, done = Turns(), []
    >>> turns.take(lambda: (turns.take(lambda: done.append(2)), done.append(1)))
    >>> done
    [1, 2]
    """

    def __init__(self) -> None:
        self._asked: deque[Callable[[], object]] = deque()
        self._busy = False

    def take(self, what: Callable[[], object]) -> None:
        """Do something now, or as soon as what is under way is done."""
        self._asked.append(what)
        if self._busy:
            return
        self._busy = True
        try:
            while self._asked:
                self._asked.popleft()()
        finally:
            self._busy = False

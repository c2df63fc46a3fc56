"""Answers that come later: what an engine asked for, and who works it out.

An engine never waits. Where a tree answers with an awaitable, the engine leaves it here
under a key of its own and goes on; a driver runs it under its loop; and when the answer
is there, from whatever thread, the engine is woken and takes it in its next turn.

    engine                    Later                    driver
    ask(key, awaitable) ────►         ────► work(awaitable, seconds, done)
                              wake()  ◄──── done(answer), once, from any thread
    answers()           ◄────
    forget(key)         ────►         ────► the function that `work` returned
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from .aside import Aside, Outcome
from .errors import Unavailable
from .eventual import give_up
from .tree import Blob

Key = TypeVar("Key")

Answer = Blob | Exception
"""What an awaitable came to: content, or what it raised."""

Work = Callable[[Awaitable[Blob], float, Callable[[Answer], None]], Callable[[], None]]
"""Runs an awaitable for so many seconds at most, calls back once with what it came to,
and returns what cancels it. A driver's; called from the thread that the engine is
polled in."""


@dataclass(slots=True, eq=False)
class _Question:
    """An answer that is awaited.

    Attributes:
        wanted: Whether anybody still waits for it.
        cancel: Ends the work on it.
    """

    wanted: bool = True
    cancel: Callable[[], None] = field(default=lambda: None)


class Later(Generic[Key]):
    """The answers that one engine waits for.

    `done` comes from any thread; everything else is called from the engine's.

    Args:
        wake: Ends the engine's wait, from any thread.
        patience: Seconds that an answer may take.
    """

    def __init__(self, wake: Callable[[], None], patience: float = 30.0) -> None:
        self._wake = wake
        self._patience = patience
        self._work: Work | None = None
        self._open: dict[Key, _Question] = {}
        self._came: deque[tuple[Key, _Question, Outcome]] = deque()
        self._complaints: deque[Callable[[], object]] = deque()
        self._closed = False

    def __len__(self) -> int:
        """How many answers are awaited."""
        return len(self._open)

    def __contains__(self, key: Key) -> bool:
        """Whether the answer for a key is awaited."""
        return key in self._open

    def run_by(self, work: Work | None) -> None:
        """Let a driver work on what is asked from now on; None: nobody does.

        What is under way then gets no answer but `Unavailable`.
        """
        self._work = work
        if work is None:
            for key, question in self._open.items():
                question.cancel()
                self._settle(key, question, Unavailable("the server is stopping"))

    def ask(self, key: Key, awaitable: Awaitable[Blob]) -> None:
        """Have an awaitable worked out; what it comes to is in `answers`, once."""
        self.forget(key)
        question = self._open[key] = _Question()

        def done(answer: Outcome) -> None:
            self._settle(key, question, answer)

        if isinstance(awaitable, Aside):
            question.cancel = awaitable.run(self._patience, done)
        elif self._work is None:
            give_up(awaitable)
            done(Unavailable("no driver runs that could work out the answer"))
        else:
            question.cancel = self._work(awaitable, self._patience, done)

    def do(
        self, awaitable: Awaitable[Blob], failed: Callable[[Exception], object]
    ) -> None:
        """Have something done that nobody waits for; where no driver runs, it is not.

        Args:
            awaitable: Does it.
            failed: Told, from the engine's thread, what it raised.
        """

        def done(answer: Answer) -> None:
            if isinstance(answer, Exception):
                self._complaints.append(partial(failed, answer))
                self._wake()

        if self._work is None:
            give_up(awaitable)
        else:
            self._work(awaitable, self._patience, done)

    def forget(self, key: Key) -> None:
        """Nobody waits for that answer any more; content that still comes is closed."""
        question = self._open.pop(key, None)
        if question is not None:
            question.wanted = False
            question.cancel()

    def answers(self) -> list[tuple[Key, Answer]]:
        """What has come since the last call, of what somebody still waits for."""
        came: list[tuple[Key, Answer]] = []
        while self._complaints:
            self._complaints.popleft()()
        while self._came:
            key, question, answer = self._came.popleft()
            if question.wanted:
                question.wanted = False
                del self._open[key]
                if isinstance(answer, Awaitable):  # a thread asked who answers later
                    self.ask(key, answer)
                else:
                    came.append((key, answer))
            elif isinstance(answer, Blob):
                answer.close()
            elif isinstance(answer, Awaitable):
                give_up(answer)
        return came

    def close(self) -> None:
        """Forget everything that is awaited."""
        self._closed = True
        for key in tuple(self._open):
            self.forget(key)
        self.answers()

    def _settle(self, key: Key, question: _Question, answer: Outcome) -> None:
        self._came.append((key, question, answer))
        if self._closed:  # nobody looks any more, maybe since a moment ago
            self.answers()
        else:
            self._wake()

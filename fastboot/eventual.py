"""Something that is awaited later, or never: then it is closed instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

Value = TypeVar("Value", covariant=True)


class Eventual(Generic[Value]):
    """What comes of another awaitable.

    A coroutine that wraps another one, and is closed before it began, leaves the other
    neither awaited nor closed, of which Python complains. This closes it.

    Args:
        first: What is awaited first.
        work: Called when this is awaited; awaits `first`, and makes the value of it.
    """

    def __init__(
        self, first: Awaitable[Any], work: Callable[[], Awaitable[Value]]
    ) -> None:
        self._first = first
        self._work = work

    def __await__(self) -> Generator[Any, Any, Value]:
        """Await it."""
        return self._work().__await__()

    def close(self) -> None:
        """Give it up, begun or not; once it is over this does nothing."""
        give_up(self._first)


def give_up(awaitable: Awaitable[Any]) -> None:
    """Close what nobody will await, if it can be closed, as every coroutine can."""
    close = getattr(awaitable, "close", None)
    if close is not None:
        close()

"""Engines that run while a context lasts: `with` on threads, `async with` in a loop."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Self

from fastboot.engine import Engine
from fastboot.errors import EngineFailed

from . import _loop
from ._run import Run
from ._thread import running_on_threads

LOOK = 0.05
"""Seconds between two looks at whether the last transfer is done."""


def _no() -> bool:
    return False


async def until_idle(
    run: Run,
    seconds: float,
    sleep: Callable[[float], Awaitable[None]],
    hurried: Callable[[], bool] = _no,
) -> None:
    """Wait until nothing is under way, for so long at most.

    Args:
        run: The engines, drained.
        seconds: How long.
        sleep: The loop's.
        hurried: Whether to wait no longer; engines that failed are not waited for.
    """
    while not (run.idle or run.failure or hurried()) and seconds > 0:
        await sleep(LOOK)
        seconds -= LOOK


class Lasting:
    """Has engines, which run from when its context is entered until it is left.

        with server: ...            # on threads, for any program
        async with server: ...      # in the running loop: asyncio, uvloop or trio

    Leaving it takes nothing new, waits `patience` seconds at most for what is under
    way, and closes. Left by an exception or a cancellation it closes at once. It can be
    entered once.
    """

    patience: float = 30.0
    _context: AbstractContextManager[Run] | AbstractAsyncContextManager[Run] | None = (
        None
    )
    _run: Run | None = None
    _runs = False

    def all_engines(self) -> Iterable[Engine]:
        """The engines to run."""
        raise NotImplementedError

    def failed(self, failure: EngineFailed) -> None:
        """Called, on its thread, when an engine failed, which leaving raises."""

    def close(self) -> None:
        """Give everything back; again, it does nothing.

        Raises:
            RuntimeError: It runs: leaving its context is what ends that.
        """
        raise NotImplementedError

    def _check_left(self) -> None:
        """Raise `RuntimeError` where it runs: others poll what `close` would end."""
        if self._runs:
            raise RuntimeError("a server that runs is closed by leaving its context")

    @property
    def failure(self) -> EngineFailed | None:
        """The first engine that failed; None while all is well."""
        return self._run.failure if self._run else None

    def _notice(self) -> None:
        if self.failure is not None:
            self.failed(self.failure)

    def _check_first(self) -> None:
        if self._context is not None:
            raise RuntimeError("a server runs once: make a new one")

    def __enter__(self) -> Self:
        """Run the engines on threads of their own."""
        self._check_first()
        context = running_on_threads(self.all_engines(), self._notice)
        self._context = context
        try:
            self._run = context.__enter__()
            self._runs = True
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what is under way, and stop."""
        assert isinstance(self._context, AbstractContextManager)  # as entered
        try:
            if error is None and self._run:
                self._run.drain()
                left = self.patience
                while not (self._run.idle or self._run.failure) and left > 0:
                    time.sleep(LOOK)
                    left -= LOOK
        finally:
            try:
                self._context.__exit__(None, None, None)
            finally:
                self._runs = False
                self.close()

    async def __aenter__(self) -> Self:
        """Run the engines in the loop that calls this."""
        self._check_first()
        context = _loop.running(self.all_engines(), self._notice)
        self._context = context
        try:
            self._run = await context.__aenter__()
            self._runs = True
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what is under way, and stop."""
        assert isinstance(self._context, AbstractAsyncContextManager)  # as entered
        try:
            if error is None and self._run:
                self._run.drain()
                await until_idle(self._run, self.patience, _loop.sleep)
        finally:
            try:
                # Without the exception: trio's nursery would wrap it in a group.
                await self._context.__aexit__(None, None, None)
            finally:
                self._runs = False
                self.close()

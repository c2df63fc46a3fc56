"""Working out the answers that trees give later; see `fastboot.later`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from fastboot.errors import Unavailable
from fastboot.eventual import give_up
from fastboot.later import Answer
from fastboot.tree import Blob


def too_late(seconds: float) -> Unavailable:
    """What a client is told whose answer took too long."""
    return Unavailable(f"no answer within {seconds:g} s")


class AsyncioWork:
    """Works under an asyncio loop, in whose thread it is called."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(
        self, awaitable: Awaitable[Blob], seconds: float, done: Callable[[Answer], None]
    ) -> Callable[[], None]:
        """See `fastboot.later.Work`."""
        task = self._loop.create_task(_work(awaitable, seconds, done))
        self._tasks.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            give_up(awaitable)  # cancelled before it began, it would complain

        task.add_done_callback(over)

        def cancel() -> None:
            task.cancel()

        return cancel

    async def end(self) -> None:
        """Cancel what is under way, and see it end."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _work(
    awaitable: Awaitable[Blob], seconds: float, done: Callable[[Answer], None]
) -> None:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            answer = await awaitable
    except Exception as error:  # noqa: BLE001 (what it raises is its answer)
        done(too_late(seconds) if limit.expired() else error)
    else:
        done(answer)


class ThreadedWork:
    """Works under an asyncio loop on a thread of its own, begun when first needed.

    May be called from several threads.
    """

    def __init__(self) -> None:
        self._beginning = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: AsyncioWork | None = None
        self._ended: asyncio.Event | None = None

    def __call__(
        self, awaitable: Awaitable[Blob], seconds: float, done: Callable[[Answer], None]
    ) -> Callable[[], None]:
        """See `fastboot.later.Work`."""
        loop, work = self._begun()
        cancels: list[Callable[[], None]] = []
        loop.call_soon_threadsafe(
            lambda: cancels.append(work(awaitable, seconds, done))
        )
        # What was begun before is in the list when this is called in the loop.
        return lambda: _soon(loop, lambda: cancels[0]())

    def end(self) -> None:
        """Cancel what is under way, and end the thread."""
        with self._beginning:
            if self._loop and self._ended and self._thread:
                _soon(self._loop, self._ended.set)
                self._thread.join()
                self._thread = None

    def _begun(self) -> tuple[asyncio.AbstractEventLoop, AsyncioWork]:
        with self._beginning:
            if self._thread is None:
                ready = threading.Event()
                self._thread = threading.Thread(
                    target=lambda: asyncio.run(self._run(ready)),
                    name="fastboot answers",
                    daemon=True,
                )
                self._thread.start()
                ready.wait()
            assert self._loop  # both are set before `ready`
            assert self._work
            return self._loop, self._work

    async def _run(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._work = AsyncioWork(self._loop)
        self._ended = asyncio.Event()
        ready.set()
        await self._ended.wait()
        await self._work.end()


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        pass  # the loop is closed, and with it all that ran there

"""Engines under trio: a task each that waits for the engine's descriptor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import trio

from fastboot.engine import Engine
from fastboot.later import Answer
from fastboot.tree import Blob

from ._run import Run
from ._work import too_late


@asynccontextmanager
async def running_under_trio(
    engines: Iterable[Engine], failed: Callable[[], object]
) -> AsyncIterator[Run]:
    """Run engines in tasks of their own until the context is left."""
    run = Run(engines, failed)
    async with trio.open_nursery() as nursery:
        run.answer_by(_Work(nursery))
        for engine in run.engines:
            nursery.start_soon(_attend, run, engine)
        try:
            yield run
        finally:
            run.answer_by(None)
            nursery.cancel_scope.cancel()
    run.check()


async def _attend(run: Run, engine: Engine) -> None:
    while run.attend(engine, engine.poll):
        await trio.lowlevel.wait_readable(engine.fileno())


class _Work:
    """Works in tasks of a nursery; see `fastboot.later.Work`."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    def __call__(
        self, awaitable: Awaitable[Blob], seconds: float, done: Callable[[Answer], None]
    ) -> Callable[[], None]:
        scope = trio.CancelScope()
        self._nursery.start_soon(_work, scope, awaitable, seconds, done)
        return scope.cancel


async def _work(
    scope: trio.CancelScope,
    awaitable: Awaitable[Blob],
    seconds: float,
    done: Callable[[Answer], None],
) -> None:
    with scope, trio.move_on_after(seconds) as limit:
        try:
            answer: Answer = await awaitable
        except Exception as error:  # noqa: BLE001 (what it raises is its answer)
            answer = error
        done(answer)
    if limit.cancelled_caught:
        done(too_late(seconds))

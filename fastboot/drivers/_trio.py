"""Engines under trio: a task each that waits for the engine's descriptor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import trio

from fastboot.engine import Engine

from ._run import Run


@asynccontextmanager
async def running_under_trio(
    engines: Iterable[Engine], failed: Callable[[], object]
) -> AsyncIterator[Run]:
    """Run engines in tasks of their own until the context is left."""
    run = Run(engines, failed)
    async with trio.open_nursery() as nursery:
        for engine in run.engines:
            nursery.start_soon(_attend, run, engine)
        yield run
        nursery.cancel_scope.cancel()
    run.check()


async def _attend(run: Run, engine: Engine) -> None:
    while run.attend(engine, engine.poll):
        await trio.lowlevel.wait_readable(engine.fileno())

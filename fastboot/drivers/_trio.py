"""Engines under trio: a task each that waits for the engine's descriptor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

from fastboot.engine import Engine

from ._run import Run


@asynccontextmanager
async def running_under_trio(engines: Iterable[Engine]) -> AsyncIterator[Run]:
    """Run engines in tasks of their own until the context is left."""
    run = Run(tuple(engines))
    async with trio.open_nursery() as nursery:
        for engine in run.engines:
            nursery.start_soon(_attend, engine)
        yield run
        nursery.cancel_scope.cancel()


async def _attend(engine: Engine) -> None:
    while True:
        engine.poll()
        await trio.lowlevel.wait_readable(engine.fileno())

"""Engines under asyncio, with its own loop or with uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from fastboot.engine import Engine

from ._run import Run
from ._work import AsyncioWork


@asynccontextmanager
async def running_under_asyncio(
    engines: Iterable[Engine], failed: Callable[[], object]
) -> AsyncIterator[Run]:
    """Run engines in the running loop until the context is left."""
    loop = asyncio.get_running_loop()
    run = Run(engines, failed)
    work = AsyncioWork(loop)

    def attend(engine: Engine) -> None:
        if not run.attend(engine, engine.poll):
            loop.remove_reader(engine.fileno())

    run.answer_by(work)
    for engine in run.engines:
        loop.add_reader(engine.fileno(), attend, engine)
        attend(engine)  # set its first timer
    try:
        yield run
    finally:
        for engine in run.engines:
            loop.remove_reader(engine.fileno())
        run.answer_by(None)
        await work.end()
    run.check()

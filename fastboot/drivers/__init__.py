"""Running engines: under asyncio and uvloop, under trio, or on threads of their own.

An engine is one descriptor to watch and one function to call, so each driver is a few
lines. All are context managers: inside them the engines run, after them they do not.

    with running_on_threads(engines) as run: ...       # any program
    async with running(engines) as run: ...            # asyncio, uvloop or trio
        run.drain()                                    # take nothing new

An engine that raises, which none should, is attended no more: leaving the context raises
`EngineFailed`, and `failed` is called at once.
"""

from __future__ import annotations

from ._lasting import Lasting, until_idle
from ._loop import running
from ._run import Run
from ._thread import running_on_threads

__all__ = ["Lasting", "Run", "running", "running_on_threads", "until_idle"]

"""Running engines: under asyncio and uvloop, under trio, or on threads of their own.

An engine is one descriptor to watch and one function to call, so each driver is a few
lines. All are context managers: inside them the engines run, after them they do not.

    with running_on_threads(engines) as run: ...       # any program
    async with running(engines) as run: ...            # asyncio, uvloop or trio
        run.drain()                                    # take nothing new
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager

from fastboot.engine import Engine

from ._run import Run
from ._thread import running_on_threads

__all__ = ["Run", "running", "running_on_threads"]


def running(engines: Iterable[Engine]) -> AbstractAsyncContextManager[Run]:
    """Run engines under the event loop that calls this: asyncio, uvloop or trio."""
    if _under_trio():
        from ._trio import running_under_trio

        return running_under_trio(engines)
    from ._asyncio import running_under_asyncio

    return running_under_asyncio(engines)


def _under_trio() -> bool:
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True

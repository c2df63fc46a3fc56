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

import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

from fastboot.engine import Engine

from ._run import Run
from ._thread import running_on_threads

__all__ = ["Run", "running", "running_on_threads"]


def running(
    engines: Iterable[Engine], failed: Callable[[], object] = lambda: None
) -> AbstractAsyncContextManager[Run]:
    """Run engines under the event loop that calls this: asyncio, uvloop or trio.

    Args:
        engines: The engines.
        failed: Called when one of them failed; see `Run`.

    Raises:
        EngineFailed: One of them failed while the context lasted.
    """
    if _under_trio():
        from ._trio import running_under_trio

        return running_under_trio(engines, failed)
    from ._asyncio import running_under_asyncio

    return running_under_asyncio(engines, failed)


def _under_trio() -> bool:
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True

"""Which event loop calls: asyncio, with its own loop or uvloop, or trio."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

from fastboot.engine import Engine

from ._run import Run


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
    if under_trio():
        from ._trio import running_under_trio

        return running_under_trio(engines, failed)
    from ._asyncio import running_under_asyncio

    return running_under_asyncio(engines, failed)


async def sleep(seconds: float) -> None:
    """Let the loop that calls this do other things for so long."""
    if under_trio():
        import trio

        await trio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


def under_trio() -> bool:
    """Whether a task of trio calls this; asyncio's and uvloop's do otherwise."""
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True

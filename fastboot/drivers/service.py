"""A server as a program: it runs until a signal, finishes what runs, and leaves."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastboot.errors import ConfigError
from fastboot.server import Server

from . import running, running_on_threads

SIGNALS = (signal.SIGINT, signal.SIGTERM)

LOOK = 0.05
"""Seconds between two looks at whether the last transfer is done."""


class Inbox:
    """The signals that came: counted, and the first can be waited for."""

    def __init__(self, first: Callable[[], Awaitable[object]]) -> None:
        self.first = first
        self.count = 0


def run_service(server: Server, loop: str, ready: Callable[[], None]) -> bool:
    """Run a server until SIGINT or SIGTERM; a second signal ends it at once.

    The engines that carry files run on threads of their own, so that a file that
    comes slowly from its disk does not keep a DHCP client waiting.

    Args:
        server: Its ports open.
        loop: "uvloop", "asyncio" or "trio".
        ready: Called once everything runs and signals are heeded.

    Returns:
        Whether everything under way could be finished.

    Raises:
        ConfigError: That loop is not installed.
    """
    if loop == "trio":
        try:
            import trio
        except ImportError:
            raise ConfigError(
                "trio is not installed; install fastboot[trio] or choose another --loop"
            ) from None
        return trio.run(_serve, server, ready, _trio_inbox, trio.sleep)
    factory = None
    if loop == "uvloop":
        try:
            import uvloop
        except ImportError:
            raise ConfigError(
                "uvloop is not installed; install it or choose --loop asyncio"
            ) from None
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_serve(server, ready, _asyncio_inbox, asyncio.sleep))


async def _serve(
    server: Server,
    ready: Callable[[], None],
    signals: Callable[[], AbstractAsyncContextManager[Inbox]],
    sleep: Callable[[float], Awaitable[None]],
) -> bool:
    with running_on_threads(server.data) as data:
        async with running(server.control) as control, signals() as inbox:
            ready()
            await inbox.first()
            data.drain()
            control.drain()
            left = server.config.drain_timeout
            while not data.idle and inbox.count < 2 and left > 0:
                await sleep(LOOK)
                left -= LOOK
            return data.idle


@asynccontextmanager
async def _asyncio_inbox() -> AsyncIterator[Inbox]:
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    inbox = Inbox(came.wait)

    def take() -> None:
        inbox.count += 1
        came.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, take)
    try:
        yield inbox
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _trio_inbox() -> AsyncIterator[Inbox]:
    import trio

    came = trio.Event()
    inbox = Inbox(came.wait)
    with trio.open_signal_receiver(*SIGNALS) as numbers:
        async with trio.open_nursery() as nursery:

            async def take() -> None:
                async for _ in numbers:
                    inbox.count += 1
                    came.set()

            nursery.start_soon(take)
            yield inbox
            nursery.cancel_scope.cancel()

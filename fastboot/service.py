"""A server as a program: it runs until a signal, finishes what runs, and leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from .drivers import running, running_on_threads, until_idle
from .errors import ConfigError, EngineFailed
from .server import Server
from .systemd import Manager

NOBODY = Manager("")
"""The manager of a program that a person started."""


class Inbox:
    """What ends a service: the signals that came, or a call of `wake`.

    Args:
        first: Waits for the first of them.
        wake: Ends that wait as a signal does, from any thread.

    Attributes:
        count: How many signals came.
    """

    def __init__(
        self, first: Callable[[], Awaitable[object]], wake: Callable[[], object]
    ) -> None:
        self.first = first
        self.wake = wake
        self.count = 0


def signals() -> tuple[signal.Signals, ...]:
    """The signals that end a service.

    SIGHUP is one, since a terminal that is closed must not cut transfers off; not so
    under nohup, which starts a program with SIGHUP ignored. Where there is no terminal
    it has certificates read again instead, if there are any, and under a service manager
    whether there are any or not.
    """
    asked = (signal.SIGINT, signal.SIGTERM)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return asked
    return (*asked, signal.SIGHUP)


def run_service(
    server: Server,
    loop: str,
    ready: Callable[[], None],
    manager: Manager = NOBODY,
) -> bool:
    """Run a server until one of `signals`; a second signal ends it at once.

    The engines that carry files run on threads of their own, so that a file that
    comes slowly from its disk does not keep a DHCP client waiting.

    Args:
        server: Its ports open.
        loop: "uvloop", "asyncio" or "trio".
        ready: Called once everything runs and signals are heeded.
        manager: Told when it does, and when that ends.

    Returns:
        Whether everything under way could be finished.

    Raises:
        ConfigError: That loop is not installed.
        EngineFailed: An engine failed; the others were stopped.
    """
    if loop == "trio":
        try:
            import trio
        except ImportError:
            raise ConfigError(
                "trio is not installed; install fastboot[trio] or choose another --loop"
            ) from None
        return trio.run(_serve, server, ready, manager, _trio_inbox, trio.sleep)
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
        return runner.run(_serve(server, ready, manager, _asyncio_inbox, asyncio.sleep))


Ends = Callable[[int], bool]
"""Whether a signal ends the service; what else it asks for is done by then."""


async def _serve(
    server: Server,
    ready: Callable[[], None],
    manager: Manager,
    open_inbox: Callable[[Ends], AbstractAsyncContextManager[Inbox]],
    sleep: Callable[[float], Awaitable[None]],
) -> bool:
    # Without a terminal nobody can close one: there SIGHUP means, as everywhere, that
    # what is kept in files is to be read again.
    reloads = bool(manager) or (server.reloads and not _has_terminal())

    def ends(number: int) -> bool:
        if number == signal.SIGHUP and reloads:
            manager.reloading(time.monotonic())
            server.reload()
            manager.ready()
            return False
        return True

    def all_runs() -> None:
        ready()
        manager.ready()

    async with open_inbox(ends) as inbox:
        try:
            return await _run(server, all_runs, manager, inbox, sleep)
        except EngineFailed as error:
            failure = error  # raised out of here, trio would make it a group
    raise failure


async def _run(
    server: Server,
    ready: Callable[[], None],
    manager: Manager,
    inbox: Inbox,
    sleep: Callable[[float], Awaitable[None]],
) -> bool:
    with running_on_threads(server.data, inbox.wake) as data:
        async with running(server.control, inbox.wake) as control:
            ready()
            await inbox.first()
            manager.stopping()
            data.drain()
            control.drain()
            await until_idle(
                data,
                server.config.drain_timeout,
                sleep,
                # A failure is raised as the contexts are left.
                lambda: inbox.count > 1 or control.failure is not None,
            )
            return data.idle


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


@asynccontextmanager
async def _asyncio_inbox(ends: Ends) -> AsyncIterator[Inbox]:
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    inbox = Inbox(came.wait, lambda: loop.call_soon_threadsafe(came.set))

    def take(number: int) -> None:
        if ends(number):
            inbox.count += 1
            came.set()

    numbers = signals()
    for number in numbers:
        loop.add_signal_handler(number, take, number)
    try:
        yield inbox
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _trio_inbox(ends: Ends) -> AsyncIterator[Inbox]:
    import trio

    came = trio.Event()
    token = trio.lowlevel.current_trio_token()
    inbox = Inbox(came.wait, lambda: token.run_sync_soon(came.set))
    with trio.open_signal_receiver(*signals()) as numbers:
        async with trio.open_nursery() as nursery:

            async def take() -> None:
                async for number in numbers:
                    if ends(number):
                        inbox.count += 1
                        came.set()

            nursery.start_soon(take)
            yield inbox
            nursery.cancel_scope.cancel()

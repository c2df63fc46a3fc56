"""Running what waits for sockets and names, whether or not there is an event loop.

What waits is a generator of steps: it yields what it waits for and is sent the outcome.
One that is cancelled is closed, so that its `finally` gives everything back.
"""

from __future__ import annotations

import asyncio
import math
import select
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ._loop import under_trio


@dataclass(frozen=True, slots=True)
class Readable:
    """Wait until a descriptor is readable, or until a time on time.monotonic's clock."""

    fd: int
    deadline: float | None


@dataclass(frozen=True, slots=True)
class Closing:
    """The descriptor that was waited for is about to be closed."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask for a host's addresses; sent what `socket.getaddrinfo` gives, or its error."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Let others have their turn."""


Step = Readable | Closing | Lookup | Pause
T = TypeVar("T")
Steps = Generator[Step, Any, T]


class Waiting(Protocol):
    """A way to wait under an event loop, for one run of steps."""

    async def readable(self, fd: int, deadline: float | None) -> None:
        """See `Readable`."""

    async def lookup(self, host: str, port: int) -> object:
        """See `Lookup`."""

    async def pause(self) -> None:
        """See `Pause`."""

    def end(self) -> None:
        """See `Closing`; also where nothing was waited for."""


def run_steps(steps: Steps[T]) -> T:
    """What the steps come to; the thread that calls this waits."""
    outcome: object = None
    try:
        while True:
            step, outcome = steps.send(outcome), None
            match step:
                case Readable(fd, deadline):
                    _wait(fd, deadline)
                case Lookup(host, port):
                    outcome = _lookup(host, port)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        steps.close()


async def await_steps(steps: Steps[T]) -> T:
    """What the steps come to, under asyncio, uvloop or trio."""
    waiting = _waiting()
    outcome: object = None
    try:
        while True:
            step, outcome = steps.send(outcome), None
            match step:
                case Readable(fd, deadline):
                    await waiting.readable(fd, deadline)
                case Lookup(host, port):
                    outcome = await waiting.lookup(host, port)
                case Pause():
                    await waiting.pause()
                case Closing():
                    waiting.end()
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        waiting.end()
        steps.close()


def _waiting() -> Waiting:
    if under_trio():
        from ._trio_steps import TrioWaiting

        return TrioWaiting()
    return _AsyncioWaiting(asyncio.get_running_loop())


def _wait(fd: int, deadline: float | None) -> None:
    seconds = None if deadline is None else max(0.0, deadline - time.monotonic())
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.poll(None if seconds is None else math.ceil(seconds * 1000))
    else:  # pragma: no cover (Windows)
        select.select([fd], [], [], seconds)


def _lookup(host: str, port: int) -> object:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError as error:
        return error


class _AsyncioWaiting:
    """Watches one descriptor all the while: what comes often is not asked for anew."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: int | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def readable(self, fd: int, deadline: float | None) -> None:
        if self._watched is None:
            self._loop.add_reader(fd, self._ready)
            self._watched = fd
        self._waiter = self._loop.create_future()
        timer = None
        if deadline is not None:
            seconds = max(0.0, deadline - time.monotonic())
            timer = self._loop.call_later(seconds, self._ready)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    async def lookup(self, host: str, port: int) -> object:
        try:
            return await self._loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            return error

    async def pause(self) -> None:
        await asyncio.sleep(0)

    def end(self) -> None:
        if self._watched is not None:
            self._loop.remove_reader(self._watched)
            self._watched = None

    def _ready(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

"""Waiting under trio; see `fastboot.drivers.steps`."""

from __future__ import annotations

import time

import trio


class TrioWaiting:
    """See `fastboot.drivers.steps.Waiting`."""

    async def readable(self, fd: int, deadline: float | None) -> None:
        """See `Waiting`."""
        if deadline is None:
            await trio.lowlevel.wait_readable(fd)
            return
        with trio.move_on_after(max(0.0, deadline - time.monotonic())):
            await trio.lowlevel.wait_readable(fd)

    async def lookup(self, host: str, port: int) -> object:
        """See `Waiting`."""
        try:
            return await trio.socket.getaddrinfo(
                host, port, type=trio.socket.SOCK_DGRAM
            )
        except OSError as error:
            return error

    async def pause(self) -> None:
        """See `Waiting`."""
        await trio.lowlevel.checkpoint()

    def end(self) -> None:
        """See `Waiting`; trio watches a descriptor only while it is waited for."""

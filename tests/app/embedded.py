"""A program that embeds a server: the same few lines under each kind of loop."""

import asyncio

import trio
import uvloop


def embed(loop, server, work):
    """What `work()` returns, called on another thread while the server runs."""
    if loop == "threads":
        with server:
            return work()
    if loop == "trio":

        async def under_trio():
            async with server:
                return await trio.to_thread.run_sync(work, abandon_on_cancel=True)

        return trio.run(under_trio)

    async def under_asyncio():
        try:
            async with server:
                return await asyncio.to_thread(work)
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}

    with runner(loop) as run:
        return run.run(under_asyncio())


def runner(loop):
    """asyncio's runner, with the one loop or the other."""
    factory = uvloop.new_event_loop if loop == "uvloop" else None
    return asyncio.Runner(loop_factory=factory)

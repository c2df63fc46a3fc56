"""Runs engines on each kind of loop while a plain function plays the client."""

import asyncio

import trio
import uvloop

from fastboot.drivers import running, running_on_threads

LOOPS = ("asyncio", "uvloop", "trio", "threads")


def run(loop, engines, work):
    """What `work(run)` returns, called while `engines` run on that kind of loop."""
    if loop == "threads":
        with running_on_threads(engines) as running_engines:
            return work(running_engines)
    if loop == "trio":

        async def under_trio():
            async with running(engines) as running_engines:
                return await trio.to_thread.run_sync(work, running_engines)

        return trio.run(under_trio)

    async def under_asyncio():
        async with running(engines) as running_engines:
            return await asyncio.to_thread(work, running_engines)

    factory = uvloop.new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(under_asyncio())

"""Runs engines on each kind of loop while a plain function plays the client."""

import asyncio

import trio
import uvloop

from fastboot.drivers import running, running_on_threads


class Control:
    """Running engines as seen from the thread that plays the client."""

    def __init__(self, run, call):
        self.engines = run.engines
        self._run = run
        self._call = call

    def drain(self):
        """Drain, in the thread that the engines run in."""
        self._call(self._run.drain)

    @property
    def idle(self):
        return self._run.idle


LOOPS = ("asyncio", "uvloop", "trio", "threads")


def run(loop, engines, work):
    """What `work(control)` returns, called while `engines` run on that kind of loop."""
    if loop == "threads":
        with running_on_threads(engines) as running_engines:
            return work(Control(running_engines, lambda drain: drain()))
    if loop == "trio":

        async def under_trio():
            async with running(engines) as running_engines:
                control = Control(running_engines, trio.from_thread.run_sync)
                return await trio.to_thread.run_sync(work, control)

        return trio.run(under_trio)

    async def under_asyncio():
        async with running(engines) as running_engines:
            call = asyncio.get_running_loop().call_soon_threadsafe
            return await asyncio.to_thread(work, Control(running_engines, call))

    factory = uvloop.new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(under_asyncio())

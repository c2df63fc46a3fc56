"""A program that embeds a server: the same few lines under each kind of loop."""

import asyncio
import random
import sys

import trio
import trio.lowlevel
import uvloop

import download
import fastboot

FILE = random.Random(7).randbytes(300_000)


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


def app_of(folder):
    """An app with a function of each colour."""
    app = fastboot.App(folder)

    @app.get("now/{mac}")
    def now(request, mac: fastboot.Mac):
        return f"{mac} {request.address}\n" * 1000

    @app.get("later/{number}")
    async def later(request, number: int):
        await pause()
        return str(number) * 3000

    @app.get("refused")
    def refused(request):
        raise fastboot.Refused("not for you")

    @app.get("broken")
    def broken(request):
        raise ZeroDivisionError

    return app


async def pause():
    """Let the loop do something else, whichever it is."""
    if "trio" in sys.modules:
        try:
            await trio.lowlevel.checkpoint()
        except RuntimeError:
            pass
        else:
            return
    await asyncio.sleep(0)


def get(server, protocol, name):
    return {"tftp": download.tftp, "http": download.http_get}[protocol](
        server.port(protocol), name
    )

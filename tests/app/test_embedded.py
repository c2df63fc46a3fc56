"""Servers in other programs: the same under each loop, and gone when they are left."""

import asyncio
import gc
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio
import trio.lowlevel
import uvloop

import download
import fastboot
from fastboot import events
from fastboot._ext import active
from fastboot.http import recall
from fastboot.mounts import mounts
from fastboot.tftp import recall as tftp_recall
from fastboot.tftp.packet import ReadRequest

from .embedded import FILE, app_of, embed, get, pause, runner

LOCAL = {"address": "127.0.0.1"}
BOTH = {"tftp": 0, "http": 0, **LOCAL}


@pytest.fixture(autouse=True, scope="module")
def made_once():
    """What a process has from the first time on: it is not what a server left."""
    uvloop.run(asyncio.sleep(0))  # its pipe for signals
    mounts().may_hang(0)  # the table of mounts, which stays open


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    return tmp_path


@pytest.mark.parametrize("privileged", [False, True])
def test_a_server_has_the_parts_that_are_named(folder, monkeypatch, privileged):
    monkeypatch.setattr("fastboot.embedding.is_privileged", lambda: privileged)
    for parts in (
        {"tftp": 0},
        {"http": 0},
        {"dhcp": fastboot.DhcpConfig(port=0, pxe_port=0)},
    ):
        with fastboot.serve(folder, **LOCAL, **parts) as server:
            assert list(server.engines) == list(parts)
            assert server.port(*parts) > 0


def test_https_is_a_part_as_well(folder):
    (folder / "images").mkdir()
    https = fastboot.HttpsConfig(port=0, state=folder / "state")
    with fastboot.serve(folder / "images", https=https, **LOCAL) as server:
        assert list(server.engines) == ["https"]


def test_a_server_without_parts_is_a_mistake_that_is_told(folder):
    for parts in ({}, {"dhcp": "off"}, {"tftp": False}):
        with pytest.raises(fastboot.ConfigError, match="name tftp=, http= or dhcp="):
            fastboot.serve(folder, **parts)


def test_a_part_may_have_its_usual_port(folder, monkeypatch):
    monkeypatch.setattr("fastboot.embedding.is_privileged", lambda: False)
    configs = []
    monkeypatch.setattr(
        "fastboot.embedding.Server", lambda *a, **k: configs.append(a[0])
    )
    fastboot.serve(folder, tftp=True, http=fastboot.HttpConfig(port=8000))
    (config,) = configs
    assert (config.tftp.port, config.http.port) == (6969, 8000)
    assert not config.https.enabled
    assert config.dhcp.mode == "off"


def test_any_tree_can_be_served(loop):
    server = fastboot.serve(fastboot.Memory({"x": b"memory"}), **BOTH)
    assert embed(loop, server, lambda: get(server, "tftp", "x")) == b"memory"


def test_a_server_that_runs_is_not_closed_beside_its_context(loop):
    server = fastboot.serve(fastboot.Memory({"x": b"memory"}), **BOTH)

    def close():
        with pytest.raises(RuntimeError, match="leaving its context"):
            server.close()
        return get(server, "http", "x")

    assert embed(loop, server, close) == b"memory"
    server.close()


def test_several_servers_run_in_one_program(folder):
    async def main():
        async with (
            fastboot.serve(folder, **BOTH) as one,
            fastboot.serve(fastboot.Memory({"file": b"2"}), **BOTH) as two,
        ):
            with fastboot.serve(fastboot.Memory({"file": b"3"}), **BOTH) as three:
                return [
                    await asyncio.to_thread(get, server, "http", "file")
                    for server in (one, two, three)
                ]

    assert asyncio.run(main()) == [FILE, b"2", b"3"]


def test_a_server_runs_once(folder):
    server = fastboot.serve(folder, **BOTH)
    with server:
        pass
    with pytest.raises(RuntimeError, match="once"), server:
        pass


def test_signals_stay_the_programs(folder):
    import signal

    numbers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    before = {number: signal.getsignal(number) for number in numbers}
    with fastboot.serve(folder, **BOTH):
        assert {number: signal.getsignal(number) for number in numbers} == before


@pytest.mark.slow
def test_two_hundred_at_once_get_every_byte(loop, folder):
    server = fastboot.serve(app_of(folder), **BOTH)
    names = ("file", "later/7", "now/525400123456", "file") * 25

    def work():
        with ThreadPoolExecutor(200) as pool:
            jobs = [
                (name, pool.submit(get, server, protocol, name))
                for name in names
                for protocol in ("tftp", "http")
            ]
            return [(name, job.result()) for name, job in jobs]

    wanted = {"file": FILE, "later/7": b"7" * 3000}
    wanted["now/525400123456"] = b"52:54:00:12:34:56 127.0.0.1\n" * 1000
    got = embed(loop, server, work)
    assert len(got) == 200
    assert all(content == wanted[name] for name, content in got)


# Stopping


def test_a_server_that_gets_no_threads_leaves_nothing(folder, monkeypatch):
    before = belongings()
    server, start = fastboot.serve(folder, **BOTH), threading.Thread.start
    started = []

    def begin_one(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", begin_one)
    with pytest.raises(RuntimeError, match="new thread"), server:
        pass
    assert len(started) == 1
    expect_nothing_new(before)


def begin(server, protocol):
    """A client that has begun to read and goes no further."""
    if protocol == "http":
        client = socket.create_connection(("127.0.0.1", server.port("http")))
        client.sendall(b"GET /file HTTP/1.1\r\nHost: boot\r\n\r\n")
    else:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        request = ReadRequest(b"file", b"octet", ())
        client.sendto(request.encode(), ("127.0.0.1", server.port("tftp")))
    client.settimeout(download.PATIENCE)
    client.recv(100)
    return client


def belongings():
    """What a program has: descriptors, threads without those that trio keeps."""
    gc.collect()
    names = [thread.name for thread in threading.enumerate()]
    threads = sum(not name.startswith("Trio") for name in names)
    return len(os.listdir("/proc/self/fd")), threads


def expect_nothing_new(before):
    descriptors, threads = belongings()
    assert descriptors == before[0]
    assert threads <= before[1]  # one that was there before may have ended


class Enough(Exception):
    """Why a program leaves in the middle: it then waits for nobody."""


def stop_midway(loop, folder):
    """Stop while two clients read and a function is awaited."""
    app = app_of(folder)
    entered = threading.Event()

    @app.get("never")
    async def never(request):
        entered.set()
        while True:
            await pause()

    server = fastboot.serve(app, **BOTH)

    def clients():
        with socket.create_connection(("127.0.0.1", server.port("http"))) as client:
            client.sendall(b"GET /never HTTP/1.1\r\nHost: boot\r\n\r\n")
            entered.wait(download.PATIENCE)
            for protocol in ("http", "tftp"):
                begin(server, protocol).close()
            raise Enough

    with pytest.raises(Enough):
        embed(loop, server, clients)


@pytest.mark.slow
def test_stopping_midway_a_hundred_times_leaves_nothing(loop, folder):
    stop_midway(loop, folder)  # what a loop leaves behind at first
    before = belongings()
    for _ in range(100):
        stop_midway(loop, folder)
    expect_nothing_new(before)


def test_leaving_waits_for_what_is_under_way(loop, folder):
    (folder / "large").write_bytes(FILE * 20)
    server = fastboot.serve(folder, **BOTH)
    pool = ThreadPoolExecutor(1)

    def work():
        job = pool.submit(get, server, "tftp", "large")
        engine = server.engines["tftp"][0]
        while engine.idle and not job.done():
            pass
        return job

    with pool:
        job = embed(loop, server, work)
        assert job.result() == FILE * 20


def test_leaving_waits_only_so_long(loop, folder):
    heard = []
    server = fastboot.serve(folder, drain_timeout=0.2, emit=heard.append, **BOTH)
    client = embed(loop, server, lambda: begin(server, "tftp"))
    client.close()
    assert [type(event) for event in heard] == [events.Failed]


@pytest.mark.parametrize("under", ["asyncio", "uvloop", "trio"])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("turns", range(12))
def test_a_cancellation_anywhere_leaves_nothing(folder, under, busy, turns):
    """Cancelled after so many turns of the loop, wherever it is by then."""
    app, clients = app_of(folder), []

    @app.get("never")
    async def never(request):
        while True:
            await pause()

    def ask(server):
        for name in ("file", "never"):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            request = ReadRequest(name.encode(), b"octet", ()).encode()
            udp.sendto(request, ("127.0.0.1", server.port("tftp")))
            tcp = socket.create_connection(("127.0.0.1", server.port("http")))
            tcp.sendall(f"GET /{name} HTTP/1.1\r\nHost: boot\r\n\r\n".encode())
            clients.extend((udp, tcp))

    async def life():
        async with fastboot.serve(app, drain_timeout=0.1, **BOTH) as server:
            if busy:
                ask(server)
            for _ in range(6):
                await pause()

    before = belongings()[0]
    cancel_after(turns, life, under)
    for client in clients:
        client.close()
    assert belongings()[0] == before


def cancel_after(turns, life, under):
    """Run something that is cancelled after so many turns of its loop."""
    if under == "trio":

        async def main():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(life)
                for _ in range(turns):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()

        trio.run(main)
        return

    async def main():
        task = asyncio.create_task(life())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with runner(under) as run:
        run.run(main())


def test_a_cancellation_while_it_waits_for_transfers_ends_that(folder):
    async def main():
        server = fastboot.serve(folder, **BOTH)
        entered = asyncio.Event()

        async def life():
            async with server:
                client = await asyncio.to_thread(begin, server, "tftp")
                client.close()
                entered.set()

        task = asyncio.create_task(life())
        await entered.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return server

    assert asyncio.run(main()).engines["tftp"][0].idle


def test_an_exception_is_not_wrapped_by_any_loop(loop, folder):
    server = fastboot.serve(folder, **BOTH)

    def work():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        embed(loop, server, work)


def test_an_engine_that_fails_is_reported_and_raised_at_the_end(loop, folder):
    heard = []
    server = fastboot.serve(folder, http=0, emit=heard.append, **LOCAL)
    told = threading.Event()
    engine = server.engines["http"][0]

    def poll(timeout=0.0):
        raise ZeroDivisionError

    server._emit = lambda event: (heard.append(event), told.set())

    def work():
        engine.poll = poll
        for _ in range(1000):  # a turn that was under way takes a wake-up with it
            engine.wake()
            if told.wait(0.02):
                break
        return server.failure

    with pytest.raises(fastboot.EngineFailed):
        embed(loop, server, work)
    assert [type(event) for event in heard] == [events.Fault]


@pytest.mark.parametrize("protocol", ["tftp", "http"])
def test_a_file_that_was_asked_for_before_is_sent_without_asking_the_app(
    folder, monkeypatch, protocol
):
    """What functions an app has costs its files nothing."""
    monkeypatch.setattr(recall, "SETTLED", -1.0)  # new as it is, it can be kept
    monkeypatch.setattr(tftp_recall, "SETTLED_NS", -(10**18))
    (folder / "small").write_bytes(FILE[:1500])
    os.utime(folder / "small", (1, 1))
    app, asked = app_of(folder), []
    route = app.route
    app.route = lambda name: (asked.append(name), route(name))[1]
    with fastboot.serve(app, **BOTH) as server:
        for _ in range(5):
            assert get(server, protocol, "small") == FILE[:1500]
        assert set(asked) == {"small"}
        few = len(asked)
        for _ in range(5):
            assert get(server, protocol, "small") == FILE[:1500]
        assert (len(asked) == few) is (protocol == "http" or "tftp_recall" in active())
        for _ in range(5):
            get(server, protocol, "now/525400123456")
        assert asked.count("now/525400123456") >= 5

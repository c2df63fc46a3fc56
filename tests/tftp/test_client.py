"""The client against our own server, with event loops and without."""

import asyncio
import contextlib
import hashlib
import io
import os
import random
import socket
import threading

import pytest
import trio
import uvloop

from fastboot.config import TftpConfig
from fastboot.drivers import running_on_threads
from fastboot.errors import ConfigError, NoAnswer, NotKept, ServerRefused, WrongContent
from fastboot.listen import Place
from fastboot.tftp.client import get, get_sync, put, put_sync
from fastboot.tftp.engine import Engine
from fastboot.tftp.packet import Ack, Data, Error, OptionAck, decode
from fastboot.tftp.wishes import NOTHING, Wishes
from fastboot.tree import Directory
from fastboot.uploads import Quota, UploadFolder

SIZES = {"0": 0, "1": 1, "1427": 1427, "1428": 1428, "big": 1_000_000}


def noise(size):
    return random.Random(size).randbytes(size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    for name, size in SIZES.items():
        (folder / name).write_bytes(noise(size))
    (folder / "text").write_bytes(b"one\ntwo\r\n")
    return folder


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    return tmp_path_factory.mktemp("taken")


@pytest.fixture(scope="module")
def url(folder, taken):
    """The root of what our server has and takes."""
    uploads = UploadFolder(taken, Quota(1 << 30, 300, overwrite=True))
    config = TftpConfig(port=0, max_per_client=300)
    engine = Engine(
        config,
        Directory(folder),
        lambda event: None,
        [Place("127.0.0.1")],
        uploads=uploads,
    )
    with running_on_threads([engine]):
        yield f"tftp://127.0.0.1:{engine.ports[0][1]}"
    engine.close()
    uploads.close()


class Loop:
    """A way to run the client's functions: each loop, or none."""

    def __init__(self, name):
        self.name = name

    def run(self, function, *arguments):
        """What an async function comes to."""
        if self.name == "trio":
            return trio.run(function, *arguments)
        factory = uvloop.new_event_loop if self.name == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(function(*arguments))

    def get(self, *arguments, **more):
        if self.name == "sync":
            return get_sync(*arguments, **more)
        return self.run(lambda: get(*arguments, **more))

    def put(self, *arguments, **more):
        if self.name == "sync":
            return put_sync(*arguments, **more)
        return self.run(lambda: put(*arguments, **more))


ASYNC = ("asyncio", "uvloop", "trio")


@pytest.fixture(params=["sync", *ASYNC])
def way(request):
    return Loop(request.param)


@pytest.fixture(params=ASYNC)
def loop(request):
    return Loop(request.param)


def descriptors():
    """The sockets, pollers and parts of files that are open; the server has others."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            what = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # what listed them
        if what.startswith(("socket:", "anon_inode:")) or ".part" in what:
            found.add((name, what))
    return found


@pytest.fixture
def clean():
    """Whatever the test does, it leaves no descriptor open."""
    before = descriptors()
    yield
    assert descriptors() <= before


# Whole files


@pytest.mark.parametrize("name", SIZES)
def test_a_file_is_fetched_into_memory(way, url, clean, name):
    result = way.get(f"{url}/{name}")
    assert result.data == noise(SIZES[name])
    assert result.size == SIZES[name]
    assert (result.blksize, result.windowsize) == (1428, 64)


@pytest.mark.parametrize("name", SIZES)
def test_a_file_is_fetched_into_a_file(way, url, clean, tmp_path, name):
    result = way.get(f"{url}/{name}", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == noise(SIZES[name])
    assert result.data is None
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("name", SIZES)
def test_a_file_is_sent(way, url, clean, folder, taken, name):
    result = way.put(folder / name, f"{url}/{way.name}-{name}")
    assert (taken / f"{way.name}-{name}").read_bytes() == noise(SIZES[name])
    assert result.size == SIZES[name]


@pytest.mark.parametrize(
    "wishes",
    [NOTHING, Wishes(blksize=65464), Wishes(windowsize=1), Wishes(8, 16, timeout=0.5)],
    ids=["none", "long", "stop-and-wait", "short"],
)
def test_files_go_with_any_options(url, taken, wishes):
    content = noise(100_000)
    assert put_sync(content, f"{url}/any", wishes=wishes).size == 100_000
    assert (taken / "any").read_bytes() == content
    assert get_sync(f"{url}/big", wishes=wishes).data == noise(1_000_000)


def test_a_text_is_fetched_as_a_text(url):
    assert get_sync(f"{url}/text;mode=netascii").data == b"one\ntwo\r\n"


def test_a_file_is_fetched_into_a_stream(url):
    file = io.BytesIO()
    get_sync(f"{url}/big", file)
    assert file.getvalue() == noise(1_000_000)


def test_a_device_is_written_to_and_stays_a_device(url, clean, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    came = []
    reader = threading.Thread(
        target=lambda: came.append((tmp_path / "pipe").read_bytes())
    )
    reader.start()
    get_sync(f"{url}/big", tmp_path / "pipe")
    reader.join()
    assert came == [noise(1_000_000)]
    assert (tmp_path / "pipe").is_fifo()


def test_progress_is_told_up_to_the_last_byte(url):
    told = []
    get_sync(f"{url}/big", progress=lambda done, size: told.append((done, size)))
    assert told == sorted(told)
    assert told[-1] == (1_000_000, 1_000_000)


def test_files_go_over_ipv6(way, folder):
    if not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    engine = Engine(
        TftpConfig(port=0), Directory(folder), lambda event: None, [Place("::1")]
    )
    with running_on_threads([engine]):
        result = way.get(f"tftp://[::1]:{engine.ports[0][1]}/big")
    engine.close()
    assert result.data == noise(1_000_000)
    assert result.server[0] == "::1"


def test_a_name_is_looked_up(way, url):
    port = url.rpartition(":")[2]
    # It has two addresses where there is IPv6, and the server listens on one.
    assert way.get(f"tftp://localhost:{port}/1").data == noise(1)


# What fails


def test_a_file_that_is_not_there_is_said(way, url, clean, tmp_path):
    with pytest.raises(ServerRefused, match=r"none at 127\.0\.0\.1.*error 1") as caught:
        way.get(f"{url}/none", tmp_path / "target")
    assert caught.value.code == 1
    assert os.listdir(tmp_path) == []


def test_a_port_where_nobody_listens_is_said_at_once(way, clean):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(NoAnswer, match="Connection refused"):
        way.get(f"tftp://127.0.0.1:{port}/x")


def test_a_host_without_address_is_said(way, clean):
    with pytest.raises(NoAnswer, match="has no address"):
        way.get("tftp://host.invalid/x")


def test_a_server_that_says_nothing_is_given_up(way, clean, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(NoAnswer, match="no answer within"):
            way.get(f"tftp://127.0.0.1:{port}/x", tmp_path / "target", patience=0.1)
    assert os.listdir(tmp_path) == []


def test_what_is_no_url_is_said(way, clean):
    with pytest.raises(ConfigError):
        way.get("http://host/x")


def test_a_checksum_is_checked(way, url, clean, tmp_path):
    right = hashlib.sha256(noise(1_000_000)).hexdigest()
    result = way.get(f"{url}/big", tmp_path / "target", sha256=right.upper())
    assert result.sha256 == right
    (tmp_path / "target").write_bytes(b"old")
    with pytest.raises(WrongContent, match=right):
        way.get(f"{url}/big", tmp_path / "target", sha256="0" * 64)
    assert (tmp_path / "target").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["target"]


def test_a_file_that_cannot_be_read_is_said(url, clean, tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(NotKept, match="cannot read"):
            put_sync(path, f"{url}/x")


def test_a_name_that_is_taken_is_said(folder, clean, tmp_path):
    uploads = UploadFolder(tmp_path, Quota(1 << 30, 4))
    (tmp_path / "file").touch()
    engine = Engine(
        TftpConfig(port=0),
        Directory(folder),
        lambda event: None,
        [Place("127.0.0.1")],
        uploads=uploads,
    )
    url = f"tftp://127.0.0.1:{engine.ports[0][1]}/file"
    with running_on_threads([engine]), pytest.raises(ServerRefused, match="error 6"):
        put_sync(b"x", url)
    engine.close()
    uploads.close()


# What is cancelled


class Halting:
    """A server that grants, sends one block, and falls silent."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(30)
        self.url = f"tftp://127.0.0.1:{self.sock.getsockname()[1]}/file"

    def begin(self):
        """Answer a request, and take the ACK."""
        _, peer = self.sock.recvfrom(2048)
        self.sock.sendto(OptionAck(((b"blksize", b"512"),)).encode(), peer)
        assert decode(self.sock.recv(2048)) == Ack(0)
        self.sock.sendto(Data(1, b"x" * 512).encode(), peer)

    def told(self):
        """Whether the client has said that it leaves."""
        while not isinstance(packet := decode(self.sock.recv(2048)), Error):
            pass
        return packet.message


@pytest.mark.slow
def test_what_is_cancelled_anywhere_leaves_nothing_behind(loop, url, clean, tmp_path):
    # Wherever it is just then: while a name is looked up, asked, fetched or summed.
    cancelled = _after_turns_under_trio if loop.name == "trio" else _after_turns
    target = tmp_path / "target"
    for turns in range(40):
        loop.run(cancelled, turns, lambda: get(f"{url}/big", target, sha256="0" * 64))
        loop.run(cancelled, turns, lambda: put(noise(100_000), f"{url}/cancelled"))
    assert os.listdir(tmp_path) == []


async def _after_turns_under_trio(turns, function):
    async def run():
        with contextlib.suppress(WrongContent):
            await function()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


async def _after_turns(turns, function):
    task = asyncio.ensure_future(function())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, WrongContent):
        await task


async def _cancelled_under_trio(server, target):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(get, server.url, target)
        await trio.to_thread.run_sync(server.begin)
        nursery.cancel_scope.cancel()


async def _cancelled_under_asyncio(server, target):
    task = asyncio.create_task(get(server.url, target))
    await asyncio.to_thread(server.begin)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_what_is_cancelled_leaves_nothing_behind(loop, clean, tmp_path):
    server = Halting()
    under_trio = loop.name == "trio"
    cancelled = _cancelled_under_trio if under_trio else _cancelled_under_asyncio
    with server.sock:
        for _ in range(20):
            loop.run(cancelled, server, tmp_path / "target")
            assert server.told() == b"the client ended it"
            assert os.listdir(tmp_path) == []


def test_what_is_interrupted_leaves_nothing_behind(url, clean, tmp_path):
    def interrupt(done, size):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get_sync(f"{url}/big", tmp_path / "target", progress=interrupt)
    assert os.listdir(tmp_path) == []


# Many at once


async def _many_under_trio(url):
    async with trio.open_nursery() as nursery:
        for _ in range(200):
            nursery.start_soon(_checked, url)


async def _many_under_asyncio(url):
    await asyncio.gather(*(_checked(url) for _ in range(200)))


async def _checked(url):
    assert (await get(f"{url}/big")).data == noise(1_000_000)


@pytest.mark.slow
def test_200_files_are_fetched_at_once(loop, url, clean):
    under_trio = loop.name == "trio"
    loop.run(_many_under_trio if under_trio else _many_under_asyncio, url)

"""Content that comes as it is sent, over HTTP, under every kind of loop."""

import asyncio
import http.client
import socket
import struct
import threading
from contextlib import closing, contextmanager

import pytest
import trio

import download
import loops
from fastboot import events
from fastboot.blob import Blob
from fastboot.config import HttpConfig, TftpConfig
from fastboot.http.engine import Engine
from fastboot.listen import Place
from fastboot.tftp.engine import Engine as TftpEngine
from fastboot.tree import Function

HERE = [Place("127.0.0.1")]
PIECES = [b"a" * 100_000, b"", b"b", b"c" * 3_000_000]
WHOLE = b"".join(PIECES)


@pytest.fixture
def nap(loop):
    """Gives up the thread, in the manner of the loop that the tree runs under."""
    return trio.lowlevel.checkpoint if loop == "trio" else lambda: asyncio.sleep(0)


def stream(nap, pieces, size, asked=None):
    """A tree of one stream; `asked` gets the number of each piece that is asked for."""

    async def come():
        for number, piece in enumerate(pieces):
            if asked is not None:
                asked.append(number)
            await nap()
            if isinstance(piece, Exception):
                raise piece
            yield piece

    return Function(
        lambda name, client: Blob.from_stream(size, come(), kind="application/x-made")
    )


@pytest.fixture
def serve(loop):
    """Runs `work(port)` while HTTP serves a tree; what was reported."""

    def run(tree, work):
        seen = []
        engine = Engine(HttpConfig(port=0), tree, seen.append, HERE)
        try:
            loops.run(loop, [engine], lambda control: work(engine.ports[0][1]))
        finally:
            engine.close()
        return seen

    return run


def ask(connection, method="GET", **fields):
    connection.request(method, "/made", headers=fields)
    answer = connection.getresponse()
    return answer, answer.read()


@contextmanager
def connect(port):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as one:
        yield one


def test_a_stream_arrives_whole_and_the_connection_is_kept(serve, nap):
    def work(port):
        with connect(port) as connection:
            for _ in range(3):
                answer, body = ask(connection)
                assert body == WHOLE
                assert answer.headers["Content-Type"] == "application/x-made"
                assert answer.headers["Content-Length"] == str(len(WHOLE))
                assert answer.headers["Accept-Ranges"] == "none"
                assert "ETag" not in answer.headers
            ask(connection, "HEAD")  # it is read when what was before it has ended

    seen = serve(stream(nap, PIECES, len(WHOLE)), work)
    finished = [event for event in seen if isinstance(event, events.Finished)]
    sizes = [event.size for event in finished if event.size]
    assert sizes == [len(WHOLE)] * 3


def test_of_a_stream_no_part_is_had_and_its_size_without_reading_it(serve, nap):
    asked = []

    def work(port):
        with connect(port) as connection:
            answer, body = ask(connection, "HEAD")
            assert (answer.headers["Content-Length"], body) == (str(len(WHOLE)), b"")
            assert asked == []
            answer, body = ask(connection, Range="bytes=5-9")
            assert (answer.status, body) == (200, WHOLE)

    serve(stream(nap, PIECES, len(WHOLE), asked), work)


# trio says where a generator was given up, which here a client or its own size decides.
GIVEN_UP = "ignore:Exception ignored in. <async_generator:pytest.PytestUnraisableExceptionWarning"


@pytest.mark.filterwarnings(GIVEN_UP)
@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([b"short"], "shorter than it said"),
        ([b"a" * 90, b"b" * 20], "longer than it said"),
        ([b"a" * 90, ZeroDivisionError("mistaken")], "mistaken"),
    ],
)
def test_F2_a_stream_of_another_size_is_never_taken_for_the_whole(
    serve, nap, pieces, reason
):
    def work(port):
        with connect(port) as connection:
            broken = (http.client.IncompleteRead, ConnectionResetError)
            with pytest.raises(broken):
                ask(connection)

    seen = serve(stream(nap, pieces, 100), work)
    (failed,) = [event for event in seen if isinstance(event, events.Failed)]
    assert reason in failed.reason
    faults = [event for event in seen if isinstance(event, events.Fault)]
    assert bool(faults) is ("mistaken" in reason)


def test_a_piece_is_asked_for_when_the_one_before_was_taken(serve, nap):
    """Who reads slowly costs no memory but that of one piece."""
    asked = []
    many = [b"x" * (1 << 20)] * 64

    def work(port):
        with connect(port) as connection:
            connection.request("GET", "/made")
            answer = connection.getresponse()
            assert answer.read(1) == b"x"
            assert len(asked) < 32  # the kernel holds some megabytes, and no more come
            assert len(answer.read()) == (64 << 20) - 1

    serve(stream(nap, many, 64 << 20, asked), work)
    assert asked == list(range(64))


@pytest.mark.filterwarnings(GIVEN_UP)
def test_who_leaves_ends_the_stream(serve, nap):

    async def come():
        while True:
            await nap()
            yield b"x" * (1 << 20)

    tree = Function(lambda name, client: Blob.from_stream(1 << 40, come()))

    def work(port):
        with connect(port) as connection:
            connection.request("GET", "/made")
            assert connection.getresponse().read(1000)

    seen = serve(tree, work)
    (failed,) = [event for event in seen if isinstance(event, events.Failed)]
    assert failed.size < 1 << 40


class Told:
    """A stream that is no generator, and wants to know when nobody reads it."""

    def __init__(self, nap, left, mistake=None):
        self._nap = nap
        self._left = left
        self._mistake = mistake

    def __aiter__(self):
        return self

    async def __anext__(self):
        await self._nap()
        return b"x" * (1 << 20)

    async def aclose(self):
        await self._nap()
        self._left.set()
        if self._mistake:
            raise self._mistake


async def generated(nap, left):
    try:
        while True:
            await nap()
            yield b"x" * (1 << 20)
    finally:
        left.set()


@pytest.mark.parametrize("kind", [Told, generated])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_stream_is_told_at_once_that_nobody_reads_it(serve, nap, kind, method):
    left = threading.Event()
    kept = []  # no garbage collector tells what somebody still holds

    def pieces(name, client):
        kept.append(kind(nap, left))
        return Blob.from_stream(1 << 40, kept[-1])

    def work(port):
        with connect(port) as connection:
            connection.request(method, "/made")
            connection.getresponse().read(1000)
        if method == "GET" or kind is Told:  # a generator that never began has no end
            assert left.wait(20)

    serve(Function(pieces), work)


def test_a_stream_that_is_left_while_its_next_piece_is_awaited_is_told(
    serve, loop, nap
):
    left = threading.Event()
    forever = trio.sleep_forever if loop == "trio" else asyncio.Event().wait

    class Stuck(Told):
        async def __anext__(self):
            return await forever()

    tree = Function(lambda name, client: Blob.from_stream(9, Stuck(nap, left)))

    def work(port):
        with socket.create_connection(("127.0.0.1", port), 20) as sock:
            sock.sendall(b"GET /made HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(1000)
            sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        assert left.wait(20)

    serve(tree, work)


def test_a_stream_that_fails_to_end_is_reported_and_nobody_else_notices(serve, nap):
    left = threading.Event()
    mistake = ZeroDivisionError("mistaken")
    tree = Function(
        lambda name, client: Blob.from_stream(1 << 40, Told(nap, left, mistake))
    )

    def work(port):
        with connect(port) as connection:
            for _ in range(3):
                answer, _ = ask(connection, "HEAD")
                assert answer.status == 200
        assert left.wait(20)

    seen = serve(tree, work)
    faults = [event.error for event in seen if isinstance(event, events.Fault)]
    assert faults
    assert all(fault is mistake for fault in faults)


def test_a_stream_that_cannot_be_told_is_dropped(serve, nap):
    class Endless:
        def __aiter__(self):
            return self

        async def __anext__(self):
            await nap()
            return b"x" * (1 << 20)

    tree = Function(lambda name, client: Blob.from_stream(1 << 40, Endless()))

    def work(port):
        for _ in range(3):
            with connect(port) as connection:
                connection.request("GET", "/made")
                assert connection.getresponse().read(1000)

    seen = serve(tree, work)
    assert not [event for event in seen if isinstance(event, events.Fault)]


def test_tftp_reads_at_any_place_and_so_refuses_a_stream(loop, nap):
    engine = TftpEngine(
        TftpConfig(port=0), stream(nap, PIECES, len(WHOLE)), lambda event: None, HERE
    )

    def work(control):
        with pytest.raises(download.Refusal):
            download.tftp(engine.ports[0][1], "made")

    try:
        loops.run(loop, [engine], work)
    finally:
        engine.close()

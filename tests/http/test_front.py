"""Who meets the requests first: answers what was answered before, hands up the rest."""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
from contextlib import ExitStack
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastboot._ext import twin
from fastboot.events import Failed, Fault, Finished
from fastboot.http import engine as module
from fastboot.http import kept as python_kept
from fastboot.http.front import Front
from fastboot.http.limits import ANSWER_COST, SHARE
from fastboot.http.upkeep import SWEEP
from fastboot.tree import Directory
from web import LARGE, Server, ask, content, get, learn, read_answer, read_to_end

SETTLED = 946684800  # a time long ago, seconds since the epoch


def without_date(head):
    return re.sub(rb"\r\nDate: [^\r]*", b"", head)


def test_the_second_request_has_the_first_ones_answer_and_asks_nobody(serve, asked):
    asked.put("linux", content(5000))
    server = serve(asked)
    with server.polled(), server.connect() as client, server.connect() as other:
        answers = []
        for who in (client, client, other):
            who.sendall(get(b"/linux"))
            answers.append(read_answer(who))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][2] == content(5000)
    assert asked.names == ["/linux"]
    assert server.engine.stats()["requests"] == 3
    finished = [(event.name, event.size) for event in server.of(Finished)]
    assert finished == [("/linux", 5000)] * 3


@pytest.mark.parametrize("more", [b"", b"Range: bytes=5-7"])
def test_of_a_crowd_that_asks_at_once_the_first_alone_is_new(serve, asked, more):
    """Machines that are switched on together cost what they do one after the other."""
    asked.put("linux", content(200_000))
    server = serve(asked)
    with ExitStack() as stack:
        crowd = [stack.enter_context(server.connect()) for _ in range(12)]
        server.pump(lambda: server.engine.stats()["connections"] == 12)
        for client in crowd:
            client.sendall(get(b"/linux", *filter(None, [more])))
        with server.polled():
            bodies = {read_answer(client)[2] for client in crowd}
    assert bodies == {content(200_000)[5:8] if more else content(200_000)}
    assert asked.names == ["/linux"]
    assert server.engine.stats()["requests"] == 12


@pytest.mark.parametrize("size", [1, 4096, 33_000, 1 << 20, 5_000_001])
def test_files_of_every_size_arrive_bit_for_bit_again(serve, asked, size):
    asked.put("linux", content(size))
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for _ in range(4):
            client.sendall(get(b"/linux"))
            assert read_answer(client)[2] == content(size)
    assert asked.names == ["/linux"]


def test_any_single_range_is_answered_after_the_first(serve, asked):
    asked.put("disk", content(100_000))
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for first, last in [(0, 511), (512, 99_999), (99_999, 10**17), (7, 7)]:
            client.sendall(get(b"/disk", b"Range: bytes=%d-%d" % (first, last)))
            status, head, body = read_answer(client)
            assert status == 206
            assert body == content(100_000)[first : last + 1]
            shown = b"bytes %d-%d/100000" % (first, min(last, 99_999))
            assert b"\r\nContent-Range: " + shown in head
    assert asked.names == ["/disk"]
    assert server.of(Finished) == []


def test_ranges_that_cannot_be_had_are_the_machines(serve, asked):
    asked.put("disk", content(100))
    server = serve(asked)
    with server.polled(), server.connect() as client:
        statuses = []
        for value in (b"0-1", b"100-200", b"5-4", b"0-1"):
            client.sendall(get(b"/disk", b"Range: bytes=" + value))
            statuses.append(read_answer(client)[0])
    assert statuses == [206, 416, 200, 206]
    assert len(asked.names) == 3


@pytest.mark.parametrize("position", [2**63, 10**19 - 1, 2**64])
def test_H4_no_position_is_too_large_to_be_understood(serve, asked, position):
    asked.put("disk", content(100))
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for first, last, status in [(0, 1, 206), (position, position + 1, 416)]:
            client.sendall(get(b"/disk", b"Range: bytes=%d-%d" % (first, last)))
            assert read_answer(client)[0] == status
        client.sendall(get(b"/disk", b"Range: bytes=0-%d" % position))
        assert read_answer(client)[2] == content(100)


def test_F4_a_file_that_was_rewritten_and_got_its_date_back_is_asked_for_anew(
    serve, asked
):
    file = asked.put("a", b"first")
    os.utime(file, (SETTLED, SETTLED))
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for _ in range(2):
            client.sendall(get(b"/a"))
            read_answer(client)
        assert asked.names == ["/a"]
        file.write_bytes(b"other")
        os.utime(file, (SETTLED, SETTLED))
        client.sendall(get(b"/a"))
        assert read_answer(client)[2] == b"other"
    assert asked.names == ["/a", "/a"]


def test_F3_a_file_that_is_replaced_is_new_with_the_next_request(serve, asked):
    path = asked.put("linux", b"old")
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for _ in range(2):
            client.sendall(get(b"/linux"))
            assert read_answer(client)[2] == b"old"
        asked.put("new", b"another").replace(path)
        client.sendall(get(b"/linux"))
        assert read_answer(client)[2] == b"another"
        path.unlink()
        client.sendall(get(b"/linux"))
        assert read_answer(client)[0] == 404


def test_F1_F2_a_file_cut_short_on_its_second_way_is_not_called_complete(serve, asked):
    path = asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux"))
        client.recv(1000)
        os.truncate(path, 0)
        data, reset = read_to_end(client)
    assert reset
    assert len(data) < LARGE - 1000
    (failed,) = server.of(Failed)
    assert "cut short" in failed.reason
    assert asked.names == ["/linux"]


def test_F4_a_file_rewritten_on_its_second_way_is_not_called_complete(serve, asked):
    path = asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux"))
        client.recv(1000)
        with path.open("r+b") as file:
            file.write(b"other")
        _, reset = read_to_end(client)
    assert reset
    (failed,) = server.of(Failed)
    assert "rewritten" in failed.reason


def test_requests_that_come_in_pieces_or_together_are_answered_in_order(serve, asked):
    asked.put("a", b"first")
    asked.put("b", b"second")
    server = serve(asked)
    asked = (get(b"/a") + get(b"/b")) * 50 + get(b"/none") + get(b"/a")
    with server.polled(), server.connect() as client:
        for name in (b"/a", b"/b"):
            client.sendall(get(name))
            read_answer(client)
        for start in range(0, len(asked), 1000):
            client.sendall(asked[start : start + 1000])
        bodies = [read_answer(client)[2] for _ in range(102)]
    assert bodies == [b"first", b"second"] * 50 + [b"404 Not Found\n", b"first"]


def test_clients_that_ask_for_much_at_once_take_turns(serve, asked):
    asked.put("a", b"first")
    asked.put("b", b"second")
    server = serve(asked)
    with server.connect() as one, server.connect() as other:
        ask(server, one, get(b"/a"))
        ask(server, other, get(b"/b"))
        one.sendall(get(b"/a") * 100)
        other.sendall(get(b"/b") * 100)
        server.pump(lambda: len(server.of(Finished)) == 202)
    names = [event.name for event in server.of(Finished)][2:]
    turns = [len(list(turn)) for _, turn in groupby(names)]
    assert max(turns) <= 2 * SHARE // ANSWER_COST


def test_requests_that_always_come_together_are_answered_one_by_one(serve, asked):
    asked.put("a", b"first")
    asked.put("b", b"second")
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for _ in range(4):
            client.sendall(get(b"/a") + get(b"/b"))
            assert [read_answer(client)[2] for _ in "ab"] == [b"first", b"second"]


def test_an_answer_whose_head_alone_fits_into_a_turn_has_one_head(serve, asked):
    asked.put("disk", content(200_000))
    server = serve(asked)
    with server.polled(), server.connect() as client:
        client.sendall(range_of(100))
        head = len(read_answer(client)[1]) + len(b"\r\n\r\n")
        # All but some 100 bytes of the turn's share, in answers that fit into a socket.
        count, left = divmod(SHARE - 100, ANSWER_COST + head + 100)
        sizes = [100] * (count - 1) + [100 + left, 60_000]
        client.sendall(b"".join(range_of(size) for size in sizes))
        bodies = [read_answer(client)[2] for _ in sizes]
    assert bodies == [content(200_000)[100_000 : 100_000 + size] for size in sizes]


def range_of(size):
    """A request for so many bytes from the middle of a file."""
    return get(b"/disk", b"Range: bytes=100000-%d" % (100_000 + size - 1))


@pytest.mark.parametrize("size", [1000, 100_000])
def test_a_whole_file_is_reported_however_small_on_its_second_way(serve, asked, size):
    asked.put("a", content(size))
    server = serve(asked)
    with server.connect() as client:
        for _ in range(3):
            ask(server, client, get(b"/a"))
    assert [event.size for event in server.of(Finished)] == [size] * 3
    assert asked.names == ["/a"]


def test_a_small_answer_that_there_is_room_for_in_part_goes_on_later(serve, asked):
    asked.put("a", content(30_000))
    server = serve(asked)
    with server.connect(receive_buffer=4 << 10) as client:
        ask(server, client, get(b"/a"))
        count = 0
        while server.engine.idle:  # until one finds no room any more
            client.sendall(get(b"/a"))
            count += 1
            server.pump(lambda: server.engine.stats()["requests"] == 1 + count)  # noqa: B023
        with server.polled():
            bodies = {read_answer(client)[2] for _ in range(count)}
    assert bodies == {content(30_000)}


def test_H7_a_client_that_resets_on_its_second_way_is_reported(serve, asked):
    asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    client = server.connect()
    client.sendall(get(b"/linux"))
    server.pump(lambda: not server.engine.idle)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert len(server.of(Failed)) == 1
    assert not server.of(Fault)
    assert server.engine.idle


def test_H7_a_small_file_that_is_cut_off_on_its_second_way_is_reported(serve, asked):
    asked.put("initrd", content((1 << 20) - 1))  # more than is handed over at once
    server = serve(asked)
    learn(server, b"/initrd")
    with server.connect(receive_buffer=4 << 10) as client:
        client.sendall(get(b"/initrd"))
        server.pump(lambda: not server.engine.idle)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.pump(lambda: server.of(Failed))
    assert server.of(Failed)[0].name == "/initrd"


def test_H7_the_last_request_of_a_connection_is_the_machines(serve, asked):
    asked.put("a", b"first")
    server = serve(asked, max_requests=5)
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/a"))
        assert b"keep-alive" in read_answer(client)[1]
        client.sendall(get(b"/a") * 5)
        heads = [read_answer(client)[1] for _ in range(4)]
        assert [b"Connection: close" in head for head in heads] == [False] * 3 + [True]
        assert client.recv(1) == b""


def test_R9_draining_completes_what_is_on_its_second_way(serve, asked):
    asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    with server.connect() as client, server.connect() as waiting:
        server.pump(lambda: server.engine.stats()["connections"] >= 2)
        client.sendall(get(b"/linux") + get(b"/linux"))
        server.pump(lambda: not server.engine.idle)
        server.engine.drain()
        with server.polled():
            assert waiting.recv(1) == b""
            assert read_answer(client)[2] == content(LARGE)
            _, head, body = read_answer(client)
            assert b"\r\nConnection: close" in head
            assert body == content(LARGE)
            assert client.recv(1) == b""
    server.pump(lambda: server.engine.idle)
    assert len(server.of(Finished)) == 3


def test_R9_a_connection_whose_last_answer_is_sent_while_draining_is_closed(
    serve, asked
):
    asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    with server.connect() as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: not server.engine.idle)
        server.engine.drain()
        with server.polled():
            assert read_answer(client)[2] == content(LARGE)
            assert client.recv(1) == b""


def test_R9_what_was_asked_before_draining_and_waits_for_room_has_an_answer(
    serve, asked
):
    asked.put("a", content(30_000))
    server = serve(asked)
    with server.connect(receive_buffer=4 << 10) as client:
        ask(server, client, get(b"/a"))
        client.sendall(get(b"/a") * 100)
        for _ in range(50):
            server.engine.poll(0)
        server.engine.drain()
        with server.polled():
            data, reset = read_to_end(client)
    assert data.count(b"\r\nConnection: close\r\n") == 1  # the last says so
    assert data.endswith(content(30_000))
    assert not reset


def test_R9_closing_cuts_off_what_is_on_its_second_way(asked, front):
    asked.put("linux", content(LARGE))
    before = set(os.listdir("/proc/self/fd"))
    server = Server(asked, front)
    learn(server, b"/linux")
    with server.connect() as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: not server.engine.idle)
        server.engine.close()
        assert server.engine.idle
        assert read_to_end(client)[1]
    assert [event.reason for event in server.of(Failed)] == ["the server was stopped"]
    assert set(os.listdir("/proc/self/fd")) == before


def open_files(path):
    """How many descriptors of this process are for a file."""
    found = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
    return sum(os.path.islink(fd) and os.readlink(fd) == str(path) for fd in found)


def test_a_file_that_is_deleted_is_let_go(serve, asked, clock):
    path = asked.put("linux", content(5000))
    server = serve(asked)
    with server.connect() as client:
        for _ in range(2):
            ask(server, client, get(b"/linux"))
        assert open_files(path) == 1
        path.unlink()
        clock.now += SWEEP
        server.engine.poll(0)
        assert open_files(f"{path} (deleted)") == 0


def test_files_that_nobody_asks_for_are_let_go(serve, asked, clock):
    path = asked.put("linux", content(5000))
    server = serve(asked)
    with server.connect() as client:
        for _ in range(2):
            ask(server, client, get(b"/linux"))
        for held in (1, 0):
            clock.now += SWEEP
            server.engine.poll(0)
            assert open_files(path) == held
        ask(server, client, get(b"/linux"))
    assert asked.names == ["/linux"] * 2


def test_files_that_are_held_open_are_few_also_while_one_is_on_its_way(
    serve, asked, monkeypatch
):
    for kept in (twin("http_kept"), python_kept):
        if kept is not None:
            monkeypatch.setattr(kept, "FILES_MAX", 3)
    asked.put("linux", content(LARGE))
    server = serve(asked)
    with server.polled(), server.connect() as slow, server.connect() as client:
        slow.sendall(get(b"/linux"))
        read_answer(slow)
        slow.sendall(get(b"/linux"))
        slow.recv(1)
        for number in range(10):
            asked.put(f"file{number}", b"another")
            client.sendall(get(b"/file%d" % number))
            read_answer(client)
        client.sendall(get(b"/none"))  # once it is answered, the answer before is done
        read_answer(client)
        assert sum(open_files(path) for path in asked.root.iterdir()) <= 4


def test_R1_a_file_that_cannot_be_held_for_later_is_answered(serve, asked, monkeypatch):
    asked.put("linux", content(5000))
    server = serve(asked)

    def exhausted(fd):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "dup", exhausted)
    with server.polled(), server.connect() as client:
        for _ in range(2):
            client.sendall(get(b"/linux"))
            assert read_answer(client)[2] == content(5000)
    assert not server.of(Fault)


def test_a_tree_that_looks_at_the_client_is_asked_every_time(serve, asked):
    class Choosy:
        """A asked of a user's own."""

        def open(self, name, client):
            return asked.open(name, client)

    asked.put("linux", b"kernel")
    server = serve(Choosy())
    with server.polled(), server.connect() as client:
        for _ in range(3):
            client.sendall(get(b"/linux"))
            read_answer(client)
    assert asked.names == ["/linux"] * 3


# Both twins give the same answers


PIECES = st.lists(
    st.sampled_from(
        [
            *(get(b"/a"), get(b"/b"), get(b"/a", b"User-Agent: iPXE")),
            *(get(b"/b", b"Range: bytes=%d-%d" % span) for span in ((0, 9), (5, 4))),
            *(get(b"/b", b"Range: bytes=%d-%d" % span) for span in ((99, 999), (5, 5))),
            *(
                get(b"/a", b"Range: bytes=%b" % text)
                for text in (b"0-", b"-3", b"00-007")
            ),
            get(b"/a", b"If-None-Match: *"),
            get(b"/a").replace(b"GET", b"HEAD"),
            get(b"/none"),
            b"\r\n",
            b"GET /a HTTP/1.0\r\n\r\n",
            b"junk\r\n\r\n",
        ]
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """An engine with each front, on one folder with old files."""
    from fastboot._ext import twin

    compiled = twin("http_front")
    if compiled is None:
        pytest.skip("the compiled twin is not built: setup.py build_ext --inplace")
    root = tmp_path_factory.mktemp("root")
    for name, size in (("a", 3), ("b", 120_000)):
        (root / name).write_bytes(content(size))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(module, "time", lambda: 2_000_000_000.0)
        servers = [Server(Directory(root), kind) for kind in (Front, compiled.Front)]
        for server in servers:
            stack.callback(server.engine.close)
            stack.enter_context(server.polled())
        yield servers


@pytest.mark.ext
@settings(max_examples=40)
@given(pieces=PIECES, cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_both_twins_give_the_same_bytes_for_any_stream_in_any_split(
    twins, pieces, cuts
):
    stream = b"".join(pieces)
    answers = []
    for server in twins:
        with server.connect() as client:
            start = 0
            for cut in sorted(cut for cut in cuts if cut < len(stream)):
                client.sendall(stream[start:cut])
                start = cut
            try:
                client.sendall(stream[start:])
                client.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError, OSError):
                pass  # it was closed after a bad request
            answers.append(read_to_end(client)[0])
    assert without_date(answers[0]) == without_date(answers[1])

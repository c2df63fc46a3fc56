"""Who meets the requests first: answers what was answered before, hands up the rest."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import groupby

import pytest

from fastboot.events import Finished
from fastboot.http.limits import ANSWER_COST, SHARE
from web import ask, content, get, read_answer


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

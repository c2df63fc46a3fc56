"""The least that a client has to take of an answer, and since when it is counted.

Each with what is asked for the first time, and with what the front answers.
"""

from __future__ import annotations

import socket

import pytest

from disk import put_old
from fastboot.events import Failed, Finished
from web import content, get, learn, read_answer, read_to_end

known = pytest.mark.parametrize("known", [False, True], ids=["new", "known"])

LEAST = 240 << 10  # bytes in a stall timeout of 120 s, and more than is on its way


@pytest.fixture
def served(serve, folder, years_later, clock, known):
    """An engine that may know what is asked for: /linux."""
    root, tree = folder
    put_old(root / "linux", content(4 << 20))
    server = serve(tree, stall_timeout=120, min_rate=2048)
    if known:
        learn(server, b"/linux")
        server.events.clear()
    else:
        server.engine._upkeep.learn = lambda *about: None
    # The kernel takes little for connections that come from now on.
    for sock in server.engine._door._listeners.values():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
    return server


def let_it_send(server):
    """Long enough for who is told of room with others."""
    for _ in range(2):
        server.engine.poll(0.1)


def take(served, client, size):
    """Take so many bytes of an answer that goes on meanwhile."""

    def is_taken():
        nonlocal size
        try:
            size -= len(client.recv(size))
        except BlockingIOError:
            pass
        return not size

    timeout = client.gettimeout()
    client.settimeout(0)
    served.pump(is_taken)
    client.settimeout(timeout)


@known
def test_H1_what_was_taken_of_an_answer_does_not_count_for_the_next(served, clock):
    with served.polled():
        client = served.connect(receive_buffer=64 << 10)
        client.sendall(get(b"/linux"))
        read_answer(client)
    served.pump(lambda: served.of(Finished))
    clock.now += 10
    with client:
        client.sendall(get(b"/linux"))
        served.pump(lambda: not served.engine.idle)
        let_it_send(served)
        clock.now += 119
        let_it_send(served)
        assert not served.of(Failed)
        clock.now += 2
        served.pump(lambda: served.of(Failed))
        assert read_to_end(client)[1]


@pytest.mark.parametrize("known", [True])  # a machine counts what the kernel takes, too
def test_H1_a_client_that_takes_less_than_the_least_is_cut_off(served, clock):
    with served.connect(receive_buffer=16 << 10) as client:
        client.sendall(get(b"/linux"))
        served.pump(lambda: not served.engine.idle)
        let_it_send(served)
        for _ in range(5):
            clock.now += 23.9
            take(served, client, LEAST // 10)
            let_it_send(served)
            assert not served.of(Failed)
        clock.now += 2
        served.pump(lambda: served.of(Failed))
        assert read_to_end(client)[1]


@known
def test_H1_what_was_taken_long_ago_counts_for_little(served, clock):
    """Who takes less is cut off a stall timeout after that, whatever it took before."""
    with served.connect(receive_buffer=16 << 10) as client:
        client.sendall(get(b"/linux"))
        served.pump(lambda: not served.engine.idle)
        for _ in range(3):  # the last completes the least, for the second time
            clock.now += 20
            take(served, client, LEAST * 3 // 4)
        for _ in range(4):
            clock.now += 29.9
            take(served, client, LEAST // 12)
            let_it_send(served)
            assert not served.of(Failed)
        clock.now += 2
        served.pump(lambda: served.of(Failed))
        assert read_to_end(client)[1]


@known
def test_a_client_that_takes_a_little_more_than_the_least_is_waited_for(served, clock):
    with served.connect(receive_buffer=16 << 10) as client:
        client.sendall(get(b"/linux"))
        served.pump(lambda: not served.engine.idle)
        let_it_send(served)
        for _ in range(20):
            clock.now += 24
            take(served, client, LEAST * 3 // 10)
            let_it_send(served)
            assert not served.of(Failed)


@known
@pytest.mark.parametrize("size", [100, 300_000])
def test_after_an_answer_a_connection_has_its_time_to_ask_again(
    serve, folder, years_later, clock, known, size
):
    root, tree = folder
    put_old(root / "linux", content(size))
    server = serve(tree, head_timeout=15, stall_timeout=30, idle_timeout=75)
    if known:
        learn(server, b"/linux")
    with server.polled():
        client = server.connect()
    with client:
        for _ in range(3):
            client.sendall(get(b"/linux"))
            with server.polled():
                assert len(read_answer(client)[2]) == size
            server.pump(lambda: server.engine.idle)
            clock.now += 74
            server.engine.poll(0)
        clock.now += 2
        server.engine.poll(0)
        assert read_to_end(client) == (b"", False)

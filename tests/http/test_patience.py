"""Clients that take their time: which are waited for, and which are not.

Each with what is asked for the first time, and for the second, which the front answers.
"""

from __future__ import annotations

import select

import pytest

from fastboot.events import Dropped, Failed, Finished
from fastboot.http.places import Places
from fastboot.tree import Memory
from web import (
    LARGE,
    ask,
    content,
    get,
    learn,
    read_answer,
    read_answer_head,
    read_to_end,
)

known = pytest.mark.parametrize("known", [False, True])


@pytest.fixture
def tree(folder, years_later):
    """A folder whose files are old: the clock on the wall is an hour ahead."""
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    (root / "a").write_bytes(b"first")
    return tree


def is_readable(descriptor):
    return bool(select.select([descriptor], [], [], 0)[0])


def take(client, size):
    while size:
        size -= len(client.recv(size))


def test_H1_a_head_that_does_not_come_is_answered_408(serve, clock):
    server = serve(Memory({}), head_timeout=15)
    with server.connect() as client:
        client.sendall(b"GET / HT")
        server.pump(lambda: server.engine.stats()["connections"] == 1)
        server.pump(lambda: not server.engine.idle)
        clock.now += 15.5
        server.pump(lambda: server.of(Dropped))
        assert read_answer(client)[0] == 408
        clock.now += 5.5
        server.pump(lambda: server.engine.stats()["connections"] == 0)


def test_H1_a_second_head_that_does_not_come_is_answered_408(serve, tree, clock):
    server = serve(tree, head_timeout=15)
    with server.connect() as client:
        ask(server, client, get(b"/a"))
        client.sendall(get(b"/a")[:-1])
        server.pump(lambda: not server.engine.idle)
        clock.now += 16
        server.pump(lambda: server.of(Dropped))
        assert read_answer(client)[0] == 408


def test_H1_a_connection_that_asks_nothing_more_is_closed(serve, tree, clock):
    server = serve(tree, idle_timeout=75, head_timeout=15)
    with server.connect() as client, server.connect() as silent:
        for _ in range(2):
            ask(server, client, get(b"/a"))
        clock.now += 16
        server.pump(lambda: is_readable(silent))
        assert silent.recv(1) == b""
        clock.now += 60
        server.pump(lambda: is_readable(client))
        assert client.recv(1) == b""
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert server.events == server.of(Finished)


@known
def test_H1_a_client_that_stops_to_read_is_cut_off(serve, tree, clock, known):
    server = serve(tree, stall_timeout=120)
    if known:
        learn(server, b"/linux")
    with server.connect() as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: not server.engine.idle)
        for _ in range(50):
            server.engine.poll(0)
        clock.now += 121
        server.pump(lambda: server.of(Failed))
        assert read_to_end(client)[1]
    (failed,) = server.of(Failed)
    assert 0 < failed.size < LARGE
    assert "too little" in failed.reason
    assert server.engine.idle


@known
def test_H1_a_slow_client_lives_on_what_it_takes_of_what_the_kernel_has(
    serve, tree, clock, known
):
    server = serve(tree, stall_timeout=120, min_rate=64)
    if known:
        learn(server, b"/linux")
    with server.connect(receive_buffer=4 << 10) as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: not server.engine.idle)
        for _ in range(50):
            server.engine.poll(0)
        sent = server.engine.stats()["sent_bytes"]
        for _ in range(2):
            clock.now += 119
            take(client, 32 << 10)  # more than the least rate and what is on its way
            clock.now += 2
            server.engine.poll(0)
            assert not server.of(Failed)
        # There was room for nothing; but a machine tries whenever it is looked at.
        assert server.engine.stats()["sent_bytes"] == sent or not known
        clock.now += 121
        server.pump(lambda: server.of(Failed))
        assert read_to_end(client)[1]


@known
def test_a_client_that_stops_to_read_does_not_keep_the_engine_busy(serve, tree, known):
    server = serve(tree)
    if known:
        learn(server, b"/linux")
    with server.connect() as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: not server.engine.idle and not is_readable(server.engine))


def test_a_slow_client_is_served_with_others_and_gets_every_byte(
    serve, tree, monkeypatch, clock
):
    monkeypatch.setattr(Places, "__len__", lambda room: 300)  # it has little room
    server = serve(tree, stall_timeout=120)
    learn(server, b"/linux")
    with server.connect(receive_buffer=64 << 10) as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: is_readable(client))
        read_answer_head(client)
        body = b""
        while len(body) < LARGE // 2:
            clock.now += 0.3
            server.pump(lambda: is_readable(client))
            body += client.recv(1 << 20)
        assert len(server.engine._poller.own) == 4  # somebody waits LATER
        with server.polled():  # in no time now: it is as any other
            while len(body) < LARGE:
                body += client.recv(1 << 20)
    assert body == content(LARGE)
    server.pump(lambda: server.engine.stats()["connections"] == 0)


def test_of_clients_that_are_slow_and_leave_nothing_stays(
    serve, tree, monkeypatch, clock
):
    monkeypatch.setattr(Places, "__len__", lambda room: 300)
    server = serve(tree, stall_timeout=120)
    learn(server, b"/linux")
    for _ in range(3):  # the descriptor is another's then
        with server.connect(receive_buffer=64 << 10) as client:
            client.sendall(get(b"/linux"))
            for _ in range(12):
                clock.now += 0.3
                server.pump(lambda: is_readable(client))
                client.recv(1 << 20)
        server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert len(server.of(Failed)) == 3

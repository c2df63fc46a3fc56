"""HTTP's engine as its owner has it: ports, idleness, faults, draining and the end."""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import ExitStack

import pytest

from fastboot.config import HttpConfig
from fastboot.errors import ConfigError, ListenError
from fastboot.events import Failed, Fault, Finished, RequestRefused
from fastboot.http.engine import Engine
from fastboot.tree import Memory
from web import (
    LARGE,
    LOOPBACK,
    PATIENCE,
    Server,
    content,
    get,
    read_answer,
    read_to_end,
)


class Broken:
    """A tree with a mistake in it."""

    def open(self, name, client):
        if name == "/broken":
            raise ZeroDivisionError
        return Memory({"f": b"fine"}).open(name, client)


def test_a_mistake_of_a_tree_costs_one_answer(serve):
    server = serve(Broken())
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/broken"))
        assert read_answer(client)[0] == 500
        client.sendall(get(b"/f"))
        assert read_answer(client)[2] == b"fine"
    (fault,) = server.of(Fault)
    assert isinstance(fault.error, ZeroDivisionError)
    assert server.engine.stats()["faults"] == 1


def test_it_tells_where_it_listens(serve):
    server = serve(Memory({}))
    assert server.address[0] == "127.0.0.1"
    assert server.address[1] > 0
    assert server.engine.idle
    assert server.engine.stats()["connections"] == 0


def test_a_port_that_is_taken_is_an_error_for_a_person(serve):
    server = serve(Memory({}))
    taken = HttpConfig(port=server.address[1])
    with pytest.raises(ListenError, match="this program has it"):
        Engine(taken, Memory({}), server.events.append, LOOPBACK)


def test_a_port_that_was_never_chosen_is_an_error():
    with pytest.raises(ConfigError):
        Engine(HttpConfig(), Memory({}), print, LOOPBACK)


def test_whether_it_is_idle_may_be_asked_from_any_thread(serve):
    server = serve(Memory({"f": b"fine"}))
    stop = threading.Event()
    failures = []

    def watch():
        try:
            while not stop.is_set():
                assert server.engine.idle in (True, False)
        except RuntimeError as error:
            failures.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # the watcher, which never waits, would keep the others
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with server.polled(), ExitStack() as stack:
            for _ in range(500):  # with so many links the watcher is always among them
                stack.enter_context(server.connect())
            for _ in range(300):
                server.connect().close()
    finally:
        stop.set()
        watcher.join(PATIENCE)
        sys.setswitchinterval(interval)
    assert failures == []


def test_it_is_idle_unless_a_request_is_read_or_answered(serve, folder):
    root, tree = folder
    (root / "large").write_bytes(content(LARGE))
    server = serve(tree)
    engine = server.engine
    assert engine.idle
    for ask in (get(b"/large"), get(b"/large")[:9], get(b"/missing")):
        with server.connect() as client:
            server.pump(lambda: engine.stats()["connections"] == 1)
            assert engine.idle
            client.sendall(ask)
            if ask == get(b"/missing"):
                server.pump(lambda: server.of(RequestRefused))
                assert engine.idle  # the connection is kept
            else:
                server.pump(lambda: not engine.idle)
        server.pump(lambda: engine.stats()["connections"] == 0)
        assert engine.idle


def test_what_a_fault_or_the_end_cuts_off_is_not_under_way_any_more(serve):
    server = serve(Broken())
    with server.connect() as client, server.connect() as other:
        client.sendall(get(b"/f")[:9])
        server.pump(lambda: not server.engine.idle)
        client.sendall(get(b"/f")[9:] + get(b"/broken"))
        server.pump(lambda: server.of(Fault))
        assert server.engine.idle
        other.sendall(get(b"/f")[:9])
        server.pump(lambda: not server.engine.idle)
        server.engine.close()
        assert server.engine.idle


def test_wake_ends_a_poll_without_end(serve):
    server = serve(Memory({}))
    server.engine.wake()
    server.engine.poll(None)


def test_R9_draining_completes_what_is_under_way_and_takes_nothing_new(serve):
    server = serve(Memory({"large": content(LARGE)}))
    with server.connect() as client, server.connect() as waiting:
        client.sendall(get(b"/large"))
        server.pump(lambda: server.engine.stats()["sent_bytes"])
        server.pump(lambda: server.engine.stats()["connections"] == 2)
        server.engine.drain()
        assert server.engine.ports == ()
        assert not server.engine.idle
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        assert waiting.recv(1) == b""
        with server.polled():
            data, reset = read_to_end(client)
        assert data.endswith(content(LARGE)[-1000:])
        assert not reset
    server.pump(lambda: server.engine.idle)
    assert len(server.of(Finished)) == 1


def test_closing_ends_all_and_gives_every_descriptor_back(folder, front):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    before = set(os.listdir("/proc/self/fd"))
    server = Server(tree, front)
    with server.connect() as client, server.connect() as waiting:
        client.sendall(get(b"/linux"))
        server.pump(lambda: server.engine.stats()["sent_bytes"])
        server.pump(lambda: server.engine.stats()["connections"] == 2)
        server.engine.close()
        server.engine.close()
        assert read_to_end(client)[1]
        assert waiting.recv(1) == b""
    assert set(os.listdir("/proc/self/fd")) == before
    assert [event.reason for event in server.of(Failed)] == ["the server was stopped"]


@pytest.mark.parametrize("times", [1, 2])  # by a machine, and by the front
def test_who_looks_is_told_what_is_under_way(serve, folder, times):
    root, tree = folder
    (root / "linux").write_bytes(bytes(LARGE))
    os.utime(root / "linux", (1, 1))
    server, seen = serve(tree), []
    with server.connect() as client:
        for _ in range(times - 1):
            client.sendall(get(b"/linux"))
            with server.polled():
                read_answer(client)
        client.sendall(get(b"/linux"))
        server.pump(lambda: select.select([client], [], [], 0)[0])
        server.engine.look(seen.append)
        server.engine.poll(PATIENCE)
        ((running,),) = seen
        assert (running.client, running.name) == ("127.0.0.1", "/linux")
        assert running.size == LARGE
        assert 0 < running.done < LARGE
        assert running.seconds >= 0
        server.engine.poll(0)
        assert len(seen) == 1

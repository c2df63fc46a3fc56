"""HTTP's connections over loopback: those that reset, are too many, or find no descriptor."""

from __future__ import annotations

import math
import os
import resource
import select
import socket
import struct
from contextlib import ExitStack, contextmanager

from fastboot.events import Dropped, Failed, Fault
from fastboot.http.actions import Send
from fastboot.http.door import PAUSE, Door
from fastboot.http.link import Link
from fastboot.http.places import TURNED_AWAY
from fastboot.timers import Timers
from fastboot.tree import Memory
from web import LARGE, PATIENCE, content, get, read_answer, read_to_end


def test_H7_a_client_that_resets_mid_transfer_is_reported_and_forgotten(serve, folder):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    server = serve(tree)
    client = server.connect()
    client.sendall(get(b"/linux"))
    server.pump(lambda: server.engine.stats()["sent_bytes"])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    (failed,) = server.of(Failed)
    assert 0 < failed.size < LARGE
    assert not server.of(Fault)


def test_H7_a_client_that_resets_between_requests_is_forgotten(serve):
    server = serve(Memory({"f": b"fine"}))
    client = server.connect()
    server.pump(lambda: server.engine.stats()["connections"] == 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert server.events == []


def test_R4_a_head_that_is_taken_in_pieces_arrives_whole():
    class Narrow:
        """A socket that takes seven bytes at a time."""

        def __init__(self):
            self.got = b""

        def fileno(self):
            return -1

        def send(self, data, flags):
            self.got += bytes(data[:7])
            return min(7, len(data))

    sock = Narrow()
    link = Link(sock, None)
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    link.queue.append(Send(head))
    while link.queue:
        link.send(link.queue[0])
    assert sock.got == head


def test_connections_above_the_limit_are_told_so_and_then_not(serve):
    server = serve(Memory({"f": b"fine"}), max_connections=2)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(server.connect()) for _ in range(3 + TURNED_AWAY)
        ]
        server.pump(lambda: server.engine.stats()["accepted"] == len(clients))
        with server.polled():
            for client in clients[:2]:
                client.sendall(get(b"/f"))
                assert read_answer(client)[2] == b"fine"
            clients[2].sendall(get(b"/f"))
            status, head, _ = read_answer(clients[2])
            assert status == 503
            assert b"\r\nRetry-After: 5\r\n" in head
            assert read_to_end(clients[2]) == (b"", False)
            assert read_to_end(clients[-1])[0] == b""
    assert server.engine.stats()["turned_away"] == 1 + TURNED_AWAY
    assert len(server.of(Dropped)) == TURNED_AWAY


def test_H1_one_address_has_no_more_connections_than_its_share(serve):
    server = serve(Memory({"f": b"fine"}), max_per_client=1)
    with server.polled(), server.connect() as first, server.connect() as second:
        first.sendall(get(b"/f"))
        assert read_answer(first)[2] == b"fine"
        assert read_answer(second)[0] == 503
        other = socket.create_connection(
            server.address, PATIENCE, source_address=("127.0.0.9", 0)
        )
        with other:
            other.sendall(get(b"/f"))
            assert read_answer(other)[2] == b"fine"
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    with server.polled(), server.connect() as again:  # its place was given back
        again.sendall(get(b"/f"))
        assert read_answer(again)[2] == b"fine"


@contextmanager
def no_descriptors_left():
    """Let the process open no further file."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.dup(0)
    os.close(spare)  # the lowest free number
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_R1_without_descriptors_the_engine_waits_and_goes_on(serve, clock):
    server = serve(Memory({"f": b"fine"}))
    with server.connect() as first, server.connect() as second:
        server.pump(lambda: server.engine.stats()["accepted"] == 2)
        with server.connect() as third:
            with no_descriptors_left():
                server.engine.poll(1.0)
                assert server.engine.stats()["accepted"] == 2
                readable, _, _ = select.select([third], [], [], 0)
                assert not readable
                first.sendall(get(b"/f"))  # who is there already is served
                server.pump(lambda: server.engine.stats()["requests"] == 1)
            assert server.engine.stats()["accepted"] == 2  # not asked again and again
            clock.now += PAUSE
            second.sendall(get(b"/f"))
            server.pump(lambda: server.engine.stats()["accepted"] == 3)


def test_R1_without_descriptors_the_engine_does_not_spin(serve, monkeypatch, clock):
    accepts = []
    pause = Door.pause

    def counted(*args):
        accepts.append(clock.now)
        return pause(*args)

    monkeypatch.setattr(Door, "pause", counted)
    server = serve(Memory({}))
    with server.connect():
        with no_descriptors_left():
            for _ in range(20):
                server.engine.poll(0)
            server.pump(lambda: accepts)
            for _ in range(20):
                server.engine.poll(0)
            assert len(accepts) == 1
            clock.now += PAUSE
            for _ in range(20):
                server.engine.poll(0)
            assert len(accepts) == 2
        clock.now += PAUSE
        server.pump(lambda: server.engine.stats()["accepted"] == 1)


def test_a_connection_that_is_gone_leaves_no_deadline_behind(serve):
    server = serve(Memory({}))
    with server.connect():
        server.pump(lambda: server.engine.stats()["connections"] == 1)
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert server.engine._timers.due(math.inf) == []


def test_a_deadline_without_a_connection_is_nothing_to_do(serve, monkeypatch, clock):
    monkeypatch.setattr(Timers, "forget", lambda timers, key: None)
    server = serve(Memory({"f": b"fine"}))
    with server.connect():
        server.pump(lambda: server.engine.stats()["connections"] == 1)
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    clock.now += 1000.0
    server.engine.poll(0)  # before the descriptor has another connection
    with server.connect() as client:
        client.sendall(get(b"/f", b"Connection: close"))
        server.pump(lambda: server.engine.stats()["requests"] == 1)
        assert read_answer(client)[2] == b"fine"

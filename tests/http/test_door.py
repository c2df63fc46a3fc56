"""Where connections come in: each has its place, its options, and leaves nothing."""

from __future__ import annotations

import errno
import socket

import pytest

from fastboot.http import door as module
from fastboot.http.door import Door
from fastboot.http.peer import TCP_NOTSENT_LOWAT, unsent
from fastboot.http.places import Places
from fastboot.listen import Place
from fastboot.poller import Poller
from fastboot.tree import Memory
from web import get, read_answer


@pytest.fixture
def door():
    poller = Poller()
    made = Door(poller, 0, [Place("127.0.0.1")], Places(1, 1))
    yield made
    made.close()
    poller.close()


def test_a_connection_that_is_gone_before_it_is_served_leaves_its_place(
    door, monkeypatch
):
    def gone(sock, connections):
        raise OSError(errno.EINVAL, "the connection is gone")

    (fd,) = door._listeners
    with monkeypatch.context() as patch, socket.create_connection(door.ports[0]):
        patch.setattr(module, "prepare", gone)
        assert list(door.accept(fd, 0.0)) == []
        assert len(door.room) == 0
    with socket.create_connection(door.ports[0]):
        ((sock, client, told),) = door.accept(fd, 0.0)
        assert (client, told) == ("127.0.0.1", False)
        sock.close()
    assert door.accepted == 2


def test_who_is_to_speak_otherwise_does_so_from_the_start(door):
    class Wrapped(socket.socket):
        """Stands for a socket that encrypts."""

    door.wrap = lambda sock: Wrapped(fileno=sock.detach())
    (fd,) = door._listeners
    with socket.create_connection(door.ports[0]):
        ((sock, _, _),) = door.accept(fd, 0.0)
        with sock:
            assert type(sock) is Wrapped
            assert not sock.getblocking()


def test_a_connection_that_is_gone_before_it_is_wrapped_leaves_its_place(door):
    def gone(sock):
        sock.detach()
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    (fd,) = door._listeners
    door.wrap = gone
    with socket.create_connection(door.ports[0]):
        assert list(door.accept(fd, 0.0)) == []
        assert len(door.room) == 0


def options(fd):
    """Whether small packets are sent at once, and how much may be unsent."""
    sock = socket.socket(fileno=fd)
    try:
        no_delay = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        return bool(no_delay), sock.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT)
    finally:
        sock.detach()


@pytest.mark.parametrize("others", [0, 31, 300, 2000])
def test_each_connection_has_its_options_whoever_accepts_it(serve, others, monkeypatch):
    """The compiled front has them from the listening socket, as far as they are the same."""
    server = serve(Memory({"f": b"fine"}))
    monkeypatch.setattr(Places, "__len__", lambda room: others)
    before = sockets()
    with server.connect() as client:
        server.pump(lambda: server.engine.stats()["connections"] == 1)
        new = sockets() - before - {client.fileno()}
        assert [options(fd) for fd in new] == [(True, unsent(others))]


def sockets():
    """The descriptors of this process that are connected sockets."""
    found = set()
    for fd in range(1024):
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            continue
        try:
            sock.getpeername()
            found.add(fd)
        except OSError:
            pass
        finally:
            sock.detach()
    return found


def test_a_place_is_free_as_soon_as_its_client_has_left(serve):
    """Not only when the next news are told."""
    server = serve(Memory({"f": b"fine"}), max_connections=1)
    with server.polled():
        for _ in range(20):
            with server.connect() as client:
                client.sendall(get(b"/f"))
                assert read_answer(client)[0] == 200
                client.shutdown(socket.SHUT_WR)
                assert client.recv(1) == b""


def test_who_leaves_is_no_connection_any_more(serve):
    server = serve(Memory({"f": b"fine"}))
    clients = [server.connect() for _ in range(5)]
    server.pump(lambda: server.engine.stats()["connections"] == 5)
    for client in clients:
        client.close()
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert server.engine.stats()["accepted"] == 5
    assert len(server.engine._places) == 0

"""What goes wrong around connections: descriptors run out, files change, signals come."""

from __future__ import annotations

import errno
import os
import signal
import ssl
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest

from disk import Disk, forget, put, put_old, require_cold_files
from fastboot.events import Failed, Fault, Finished
from fastboot.http.limits import ANSWER_COST, SHARE
from fastboot.http.places import Places
from fastboot.http.recall import ANSWER_HEAD_MAX
from fastboot.patient import Patient
from fastboot.tree import Directory, Memory
from web import (
    LARGE,
    PATIENCE,
    content,
    get,
    learn,
    read_answer,
    read_answer_head,
    read_to_end,
)


@pytest.fixture
def tree(tmp_path, years_later):
    """A folder; the clock on the wall is years ahead, so that its files are old."""
    tree = Directory(tmp_path)
    yield tree
    tree.close()


def until(holds):
    """Wait until something holds that another thread brings about."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)


def test_R1_where_no_descriptor_is_left_a_slow_client_gets_its_file(
    serve, tree, monkeypatch, clock
):
    def none_left(patient, epoll):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Patient, "__init__", none_left)
    monkeypatch.setattr(Places, "__len__", lambda room: 300)  # it has little room
    put_old(tree.root / "linux", content(LARGE))
    server = serve(tree, stall_timeout=120)
    learn(server, b"/linux")
    with server.connect(receive_buffer=64 << 10) as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: not server.engine.idle)
        read_answer_head(client)
        client.setblocking(False)
        body = b""

        def take():
            nonlocal body
            clock.now += 0.3
            try:
                body += client.recv(1 << 20)
            except BlockingIOError:
                pass
            return len(body) == LARGE

        server.pump(take)
    assert body == content(LARGE)
    assert not server.of(Failed)


@contextmanager
def rewritten_while_the_disk_is_read(server, tree, monkeypatch):
    """A client that asked for a small file, which was rewritten before it was read."""
    require_cold_files(tree.root)
    disk = Disk(monkeypatch)
    put(tree.root / "small", content(4096))
    learn(server, b"/small")
    disk.reads.clear()
    disk.free.clear()
    with server.polled(), server.connect() as client:
        for told in range(1, 100):
            forget(tree.root / "small")
            client.sendall(get(b"/small"))
            until(lambda: disk.reads or len(server.of(Finished)) > told)  # noqa: B023
            if disk.reads:
                break
            read_answer(client)  # a first look had the kernel read it, and it was quick
        (tree.root / "small").write_bytes(content(4096, 1))
        disk.free.set()
        yield client
    (failed,) = server.of(Failed)
    assert "rewritten" in failed.reason


def test_F4_a_small_file_that_is_rewritten_before_it_is_read_is_not_called_complete(
    serve, tree, monkeypatch
):
    with rewritten_while_the_disk_is_read(serve(tree), tree, monkeypatch) as client:
        assert read_to_end(client) == (b"", True)


def test_F4_over_tls_a_small_file_that_is_rewritten_before_it_is_read_is_not_sent(
    serve_secure, tree, monkeypatch
):
    server = serve_secure(tree)
    with (
        rewritten_while_the_disk_is_read(server, tree, monkeypatch) as client,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        client.recv(1)


@pytest.mark.parametrize("size", [ANSWER_HEAD_MAX - 300, ANSWER_HEAD_MAX, 300_000])
def test_R16_a_tree_may_add_fields_of_any_length(serve, tree, size):
    class Talkative:
        """The folder, with a field of its own."""

        path_of = tree.path_of

        def open(self, name, client):
            blob = tree.open(name, client)
            blob.fields = (("X-Much", "y" * size),)
            return blob

    put_old(tree.root / "small", content(32 << 10))
    server = serve(Talkative())
    with server.polled(), server.connect() as client:
        client.settimeout(PATIENCE)
        for _ in range(3):
            client.sendall(get(b"/small"))
            _, head, body = read_answer(client)
            assert b"y" * size in head
            assert body == content(32 << 10)


def test_requests_that_wait_for_their_turn_are_not_idleness(serve, tree):
    """Who drains a server and looks whether it is idle would cut them off."""
    put_old(tree.root / "small", content(100))
    server = serve(tree)
    learn(server, b"/small")
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    a_turn = SHARE // ANSWER_COST
    answered = server.engine.stats()["requests"]
    with server.connect() as client:
        server.pump(lambda: server.engine.stats()["connections"] == 1)
        client.sendall(get(b"/small") * 2 * a_turn)
        while server.engine.stats()["requests"] == answered:
            server.engine.poll(0)
        assert server.engine.stats()["requests"] < answered + 2 * a_turn
        assert not server.engine.idle
        server.pump(lambda: server.engine.idle)
        assert server.engine.stats()["requests"] == answered + 2 * a_turn


def test_R16_a_signal_is_heeded_while_the_engine_waits(serve):
    class Told(Exception):
        """What the signal's handler raises."""

    def tell(number, frame):
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise Told

    def wait():
        # Again and again: one that comes just before the wait does not end it.
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        server.engine.poll(None)

    server = serve(Memory({}))
    server.engine.poll(0)
    rescue = threading.Timer(PATIENCE, server.engine.wake)
    before = signal.signal(signal.SIGALRM, tell)
    rescue.start()
    try:
        with pytest.raises(Told):
            wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        rescue.cancel()
        rescue.join()


@pytest.mark.parametrize("method", ["close", "drain"])
def test_R16_whoever_is_told_of_an_answer_may_end_the_engine(serve, tree, method):
    put_old(tree.root / "small", content(100))
    server = serve(tree)
    learn(server, b"/small")
    told = []

    def end(event):
        told.append(event)
        if isinstance(event, Finished):
            getattr(server.engine, method)()

    server.engine._emit = end
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(4)]
        server.pump(lambda: server.engine.stats()["connections"] >= 4)
        clients[0].sendall(get(b"/small"))
        for client in clients[1:]:
            client.sendall(get(b"/other"))
        server.pump(lambda: told)
    assert not [event for event in told if isinstance(event, Fault)]
    assert server.engine.idle


def test_R16_whoever_is_asked_for_a_file_may_end_the_engine(serve):
    class Last(Memory):
        """A tree that is closed with its engine by who asks for it."""

        def open(self, name, client):
            server.engine.close()
            return super().open(name, client)

    server = serve(Last({"f": b"fine"}))
    with server.connect() as client:
        client.sendall(get(b"/f"))
        server.pump(lambda: server.engine.stats()["requests"])
        assert read_answer(client)[2] == b"fine"
        assert client.recv(1) == b""
    assert not server.events or not server.of(Fault)
    with pytest.raises(ValueError, match="closed"):
        server.engine.poll(0)

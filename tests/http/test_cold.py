"""Files that are not in memory are read aside, once for all who wait for them."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack

import pytest

from disk import forget, put, require_cold_files
from fastboot.cold import WINDOW
from fastboot.events import Failed, Fault
from fastboot.tree import Directory
from web import content, get, learn, read_answer

RESET = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.fixture(autouse=True, scope="module")
def cold_files(tmp_path_factory):
    """A file system whose files can be cold, and that can tell."""
    require_cold_files(tmp_path_factory.mktemp("cold"))


@pytest.fixture
def tree(tmp_path, years_later):
    """A folder with a large file and a small one, none of it in memory, all of it old."""
    put(tmp_path / "large", content(3 * WINDOW + 5))
    put(tmp_path / "small", content(4096, 1))
    tree = Directory(tmp_path)
    yield tree
    tree.close()


@pytest.mark.parametrize("name", ["large", "small"])
def test_a_cold_file_arrives_bit_for_bit_each_time(serve, tree, disk, name):
    expected = (tree.root / name).read_bytes()
    server = serve(tree)
    with server.polled(), server.connect() as client:
        for _ in range(3):
            forget(tree.root / name)
            client.sendall(get(b"/" + name.encode()))
            assert read_answer(client)[2] == expected
    # A quick disk is there before anybody can ask, now and then.
    assert 0 in disk.reads
    assert all(at % WINDOW == 0 for at in disk.reads)
    assert not server.of(Fault)


@pytest.mark.parametrize("known", [False, True])
def test_F6_who_waits_for_the_disk_keeps_nobody_else_waiting(serve, tree, disk, known):
    server = serve(tree)
    with server.polled(), ExitStack() as stack:
        slow, other, quick = (stack.enter_context(server.connect()) for _ in "abc")
        if known:
            slow.sendall(get(b"/large"))
            read_answer(slow)
            forget(tree.root / "large")
        (tree.root / "small").read_bytes()  # this one is in memory
        disk.reads.clear()
        disk.free.clear()
        for client in (slow, other):
            client.sendall(get(b"/large"))
        for _ in range(3):
            quick.sendall(get(b"/small"))
            assert read_answer(quick)[2] == content(4096, 1)
        disk.free.set()
        for client in (slow, other):
            assert read_answer(client)[2] == content(3 * WINDOW + 5)
    assert disk.reads.count(0) == 1  # one reading for both


@pytest.mark.parametrize("known", [False, True])
def test_a_client_that_leaves_while_the_disk_is_busy_is_forgotten(
    serve, tree, disk, known
):
    server = serve(tree)
    if known:
        learn(server, b"/large")
        forget(tree.root / "large")
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    disk.reads.clear()
    disk.free.clear()
    with server.connect() as client:
        client.sendall(get(b"/large"))
        server.pump(lambda: disk.reads)
        client.setsockopt(*RESET)
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert [event.reason for event in server.of(Failed)] == ["the client is gone"]
    assert not server.engine._reads._span_of  # whoever has its descriptor next
    disk.free.set()
    server.engine.poll(0.1)
    assert server.engine.idle
    assert not server.of(Fault)


@pytest.mark.parametrize("known", [False, True])
def test_the_engine_may_be_closed_while_the_disk_is_busy(serve, tree, disk, known):
    server = serve(tree)
    if known:
        learn(server, b"/large")
        forget(tree.root / "large")
    disk.reads.clear()
    disk.free.clear()
    with server.connect() as client:
        client.sendall(get(b"/large"))
        server.pump(lambda: disk.reads)
        server.engine.close()
    assert [event.reason for event in server.of(Failed)] == ["the server was stopped"]


def test_F6_over_tls_who_waits_for_the_disk_keeps_nobody_else_waiting(
    serve_secure, tree, disk
):
    server = serve_secure(tree)
    (tree.root / "small").read_bytes()  # this one is in memory
    with server.polled(), server.connect() as slow, server.connect() as quick:
        disk.free.clear()
        slow.sendall(get(b"/large"))
        for _ in range(3):
            quick.sendall(get(b"/small"))
            assert read_answer(quick)[2] == content(4096, 1)
        disk.free.set()
        assert read_answer(slow)[2] == content(3 * WINDOW + 5)
    assert 0 in disk.reads

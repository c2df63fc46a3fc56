"""Storage that does not answer: told as that, and its time is not the client's."""

from __future__ import annotations

import socket

import pytest

from disk import forget, put, require_cold_files
from fastboot.cold import WINDOW, Cold
from fastboot.events import Failed, Finished
from fastboot.http import secure_front
from fastboot.tree import Directory
from hanging import stuck_folder
from web import content, get, read_answer

HUNG = "the storage did not answer for 120 s"
TOO_LITTLE = "the client took too little for 120 s"


@pytest.fixture
def tree(tmp_path, years_later):
    """A folder with a file, which is old and not in memory."""
    require_cold_files(tmp_path)
    put(tmp_path / "linux", content(2 * WINDOW))
    tree = Directory(tmp_path)
    yield tree
    tree.close()


def ask(server, disk, **options):
    """Ask for a file that the disk holds up; the client's socket."""
    disk.reads.clear()
    disk.free.clear()
    with server.polled():
        client = server.connect(**options)
    client.sendall(get(b"/linux"))
    server.pump(lambda: disk.reads)
    return client


def narrow(server):
    """Have the kernel take little for a connection that comes."""
    for sock in server.engine._door._listeners.values():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)


def ask_before(server, tree):
    """Have the front know the answer, and the kernel not the file."""
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux"))
        read_answer(client)
    forget(tree.root / "linux")


known = pytest.mark.parametrize("known", [False, True], ids=["new", "known"])


@known
def test_F6_what_a_disk_does_not_answer_is_not_told_as_the_clients_fault(
    serve, tree, disk, clock, known
):
    server = serve(tree, stall_timeout=120)
    if known:
        ask_before(server, tree)
    with ask(server, disk):
        clock.now += 119
        server.engine.poll(0)
        assert not server.of(Failed)
        clock.now += 2
        server.pump(lambda: server.of(Failed))
    assert [event.reason for event in server.of(Failed)] == [HUNG]
    assert server.engine.idle


@known
def test_F6_a_client_has_all_its_time_once_the_disk_has_answered(
    serve, tree, disk, clock, known
):
    server = serve(tree, stall_timeout=120)
    narrow(server)
    if known:
        ask_before(server, tree)
    with ask(server, disk, receive_buffer=4 << 10):
        before = server.engine.stats()["sent_bytes"]
        clock.now += 119
        disk.free.set()
        server.pump(lambda: server.engine.stats()["sent_bytes"] > before + 5000)
        clock.now += 119
        server.engine.poll(0)
        assert not server.of(Failed)
        clock.now += 2
        server.pump(lambda: server.of(Failed))
    assert [event.reason for event in server.of(Failed)] == [TOO_LITTLE]


def test_F6_over_tls_it_is_told_as_that_too(serve_secure, tree, disk, clock):
    server = serve_secure(tree, stall_timeout=120)
    with ask(server, disk):
        clock.now += 121
        server.pump(lambda: server.of(Failed))
    assert [event.reason for event in server.of(Failed)] == [HUNG]


def test_F6_over_tls_a_small_file_has_its_time_as_well(
    serve_secure, tree, disk, clock, monkeypatch
):
    """A disk may be quick with what is small; so nobody asks this one."""

    def fill(file, buffer, at, *, wait=False):
        if not wait:
            raise Cold(file, 0)
        really(file, buffer, at, wait=True)

    (tree.root / "linux").write_bytes(content(64 << 10))
    server = serve_secure(tree, stall_timeout=120)
    ask_before(server, tree)
    really = secure_front.fill
    monkeypatch.setattr(secure_front, "fill", fill)
    for seconds in (119, 121):
        with ask(server, disk) as client:
            clock.now += seconds
            server.engine.poll(0)
            disk.free.set()
            if seconds == 119:
                server.pump(lambda: len(server.of(Finished)) == 2)
                assert read_answer(client)[2] == content(64 << 10)
    assert [event.reason for event in server.of(Failed)] == [HUNG]


def test_F6_nor_is_what_a_file_system_in_user_space_does_not(serve, tmp_path, clock):
    with stuck_folder(tmp_path) as (file_system, tree):
        server = serve(tree, stall_timeout=120)
        with server.polled():
            client = server.connect(receive_buffer=4 << 10)
        with client:
            client.setblocking(False)
            client.sendall(get(b"/linux"))
            server.pump(lambda: server.engine.stats()["sent_bytes"] > 5000)
            file_system.hang()

            def waits():
                try:
                    client.recv(1 << 16)
                except BlockingIOError:
                    pass
                return [1 for link in server.engine._links.values() if link.cold]

            server.pump(waits)
            clock.now += 121
            server.pump(lambda: server.of(Failed))
        file_system.go_on()
    assert [event.reason for event in server.of(Failed)] == [HUNG]

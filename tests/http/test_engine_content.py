"""What HTTP's engine sends over loopback: bit-exact, shared fairly, never less than it said."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import selectors
import socket
import threading
from contextlib import ExitStack

import pytest

from fastboot.events import Failed, Fault, Finished
from fastboot.http.limits import SHARE
from fastboot.tree import Blob, Memory
from web import LARGE, PATIENCE, content, get, read_answer, read_to_end


@pytest.mark.parametrize("size", [0, 1, 4096, SHARE, 5_000_001])
def test_a_file_arrives_bit_for_bit(serve, folder, size):
    root, tree = folder
    (root / "linux").write_bytes(content(size))
    server = serve(tree)
    with server.polled(), server.connect() as client:
        for _ in range(2):  # on one connection
            client.sendall(get(b"/linux"))
            status, _, body = read_answer(client)
            assert status == 200
            assert body == content(size)
    assert server.engine.stats()["requests"] == 2


def test_F7_a_hundred_clients_get_their_files_bit_for_bit(serve, folder):
    root, tree = folder
    size = 2_000_003
    digests = []
    for seed in range(4):
        (root / f"file{seed}").write_bytes(content(size, seed))
        digests.append(hashlib.sha256(content(size, seed)).digest())
    server = serve(tree)
    with server.polled(), ExitStack() as stack, selectors.DefaultSelector() as ready:
        bodies = {}
        for number in range(100):
            client = stack.enter_context(server.connect())
            client.sendall(get(b"/file%d" % (number % 4), b"Connection: close"))
            ready.register(client, selectors.EVENT_READ, number)
            bodies[number] = bytearray()
        while ready.get_map():
            events = ready.select(PATIENCE)
            assert events
            for key, _ in events:
                data = key.fileobj.recv(1 << 18)
                if data:
                    bodies[key.data] += data
                else:
                    ready.unregister(key.fileobj)
    for number, data in bodies.items():
        body = data.partition(b"\r\n\r\n")[2]
        assert hashlib.sha256(body).digest() == digests[number % 4]
    assert len(server.of(Finished)) == 100


def test_one_turn_gives_a_client_no_more_than_its_share(serve, folder, monkeypatch):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    counts = []
    sendfile = os.sendfile

    def counted(out, fd, offset, length):
        count = sendfile(out, fd, offset, length)
        counts.append(count)
        return count

    monkeypatch.setattr(os, "sendfile", counted)
    server = serve(tree)
    with server.connect() as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: counts)
    assert sum(counts) <= SHARE


def sendfile_that_fails(*_):
    raise OSError(errno.EINVAL, "Invalid argument")


@pytest.mark.parametrize("missing", [True, False])
def test_a_file_arrives_without_sendfile_as_well(serve, folder, monkeypatch, missing):
    if missing:
        monkeypatch.delattr(os, "sendfile")
    else:
        monkeypatch.setattr(os, "sendfile", sendfile_that_fails)
    root, tree = folder
    (root / "linux").write_bytes(content(3_000_000))
    server = serve(tree)
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux"))
        assert read_answer(client)[2] == content(3_000_000)


def test_content_in_memory_arrives_bit_for_bit(serve):
    server = serve(Memory({"boot.ipxe": b"#!ipxe\n", "large": content(3_000_000)}))
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/boot.ipxe") + get(b"/large", b"Range: bytes=1000000-"))
        assert read_answer(client)[2] == b"#!ipxe\n"
        status, head, body = read_answer(client)
    assert (status, body) == (206, content(3_000_000)[1_000_000:])
    assert b"\r\nContent-Range: bytes 1000000-2999999/3000000\r\n" in head


def test_a_client_that_sends_no_more_gets_its_answer(serve):
    server = serve(Memory({"large": content(3_000_000)}))
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/large"))
        client.shutdown(socket.SHUT_WR)
        data, reset = read_to_end(client)
    assert data.endswith(content(3_000_000))
    assert not reset


def test_H7_thousands_of_pipelined_requests_are_answered_in_order(serve):
    server = serve(Memory({"a": b"first", "b": b"second"}))
    with server.polled(), server.connect() as client:
        asked = (get(b"/a") + get(b"/b")) * 2500 + get(b"/a", b"Connection: close")
        sender = threading.Thread(target=client.sendall, args=(asked,))
        sender.start()
        data, reset = read_to_end(client)
        sender.join(PATIENCE)
    assert re.findall(rb"first|second", data) == [b"first", b"second"] * 2500 + [
        b"first"
    ]
    assert not reset


# Files that change


def test_F1_F2_a_file_cut_short_ends_its_transfers_and_no_others(serve, folder):
    root, tree = folder
    (root / "cut").write_bytes(content(LARGE))
    (root / "whole").write_bytes(content(LARGE, 1))
    server = serve(tree)
    with server.polled(), ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(6)]
        for number, client in enumerate(clients):
            client.sendall(get(b"/whole" if number % 2 else b"/cut"))
            client.recv(1000)
        os.truncate(root / "cut", 0)
        for client in clients[::2]:
            data, reset = read_to_end(client)
            assert len(data) < LARGE - 1000
            assert reset  # what is missing is never mistaken for the end
        for client in clients[1::2]:
            client.shutdown(socket.SHUT_WR)
            data, reset = read_to_end(client)
            assert len(data) > LARGE - 1000  # the first bytes are read already
            assert not reset
    failed = server.of(Failed)
    assert [event.name for event in failed] == ["/cut"] * 3
    assert all(event.size < LARGE for event in failed)
    assert not server.of(Fault)


def test_F3_a_file_that_is_replaced_is_sent_as_it_was(serve, folder):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    (root / "new").write_bytes(b"new")
    server = serve(tree)
    with server.polled(), server.connect() as client, server.connect() as other:
        client.sendall(get(b"/linux"))
        start = client.recv(1000)
        (root / "new").replace(root / "linux")
        other.sendall(get(b"/linux"))
        assert read_answer(other)[2] == b"new"
        client.shutdown(socket.SHUT_WR)
        data, _ = read_to_end(client)
    assert (start + data).partition(b"\r\n\r\n")[2] == content(LARGE)


def test_F4_a_file_that_is_rewritten_in_place_is_not_called_complete(serve, folder):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    server = serve(tree)
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux"))
        client.recv(1000)
        with (root / "linux").open("r+b") as file:
            file.write(b"other")
        data, reset = read_to_end(client)
    assert reset
    assert len(data) < LARGE
    (event,) = server.of(Failed)
    assert "rewritten" in event.reason


def test_F5_a_file_that_grows_is_sent_to_its_first_size(serve, folder):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    server = serve(tree)
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux", b"Connection: close"))
        start = client.recv(1000)
        with (root / "linux").open("ab") as file:
            file.write(b"more")
        data, reset = read_to_end(client)
    assert (start + data).partition(b"\r\n\r\n")[2] == content(LARGE)
    assert not reset


class Failing(Memory):
    """A tree on a disk that fails: /stale fails when it is read."""

    def open(self, name, client):
        blob = super().open(name, client)
        return Stale(size=blob.size, etag='"s"') if name == "/stale" else blob


class Stale(Blob):
    """What an NFS server does not know any more."""

    def read(self, offset, length):
        raise OSError(errno.ESTALE, "Stale file handle")


def test_F6_a_file_that_cannot_be_read_any_more_ends_its_transfer_and_no_other(serve):
    server = serve(Failing({"stale": b"gone", "f": b"fine"}))
    with server.polled(), server.connect() as client, server.connect() as other:
        client.sendall(get(b"/stale"))
        data, reset = read_to_end(client)
        assert reset
        assert not data.endswith(b"gone")
        other.sendall(get(b"/f"))
        assert read_answer(other)[2] == b"fine"
    (event,) = server.of(Failed)
    assert event.reason == "Stale file handle"
    assert not server.of(Fault)

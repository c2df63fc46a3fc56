"""Small answers that were given before: in one piece, at once, and told together."""

from __future__ import annotations

import os
import socket
import struct
import threading
from contextlib import closing

import pytest

from fastboot.cold import WINDOW
from fastboot.events import Failed, Finished
from fastboot.http.front import Front
from fastboot.http.kept import File
from fastboot.http.outlet import SHORT, send_at_once
from fastboot.tree import Client, Directory
from web import PATIENCE, Server, content, get, read_answer, read_to_end

CLIENT = Client("127.0.0.1", "http")
SIZE = 30_000


@pytest.fixture
def tree(tmp_path, years_later):
    """A folder with an old file, as the clock on the wall has it."""
    (tmp_path / "small").write_bytes(content(SIZE))
    tree = Directory(tmp_path)
    yield tree
    tree.close()


def test_H7_a_client_that_asks_and_resets_is_reported(serve, tree):
    server = serve(tree)
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/small"))
        read_answer(client)
    client = server.connect()
    server.pump(lambda: server.engine.stats()["connections"] == 1)
    client.sendall(get(b"/small"))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert [(event.name, event.size) for event in server.of(Failed)] == [("/small", 0)]
    assert server.engine.idle


def test_F2_a_small_file_that_is_cut_short_before_it_is_read_is_not_called_complete(
    tree, monkeypatch
):
    """Between the look at its path and the reading, where only this twin can be held."""
    server = Server(tree, Front)
    with closing(server.engine), server.polled(), server.connect() as client:
        client.sendall(get(b"/small"))
        read_answer(client)
        monkeypatch.setattr(File, "is_same", True)
        (tree.root / "small").write_bytes(b"short")
        client.sendall(get(b"/small"))
        data, reset = read_to_end(client)
    assert reset
    assert data == b""
    (failed,) = server.of(Failed)
    assert "cut short" in failed.reason


def test_answers_are_told_together_and_soon(serve, tree):
    """An event of each would cost more than the answer."""
    server, told, all_told = serve(tree), [], threading.Event()

    class Reader:
        """Takes events, and many at once."""

        def __call__(self, event):
            self.answered([event])

        def many(self, batch):
            raise AssertionError("these are TFTP's")

        def answered(self, answers):
            told.append(list(answers))
            if sum(map(len, told)) == 200:
                all_told.set()

    server.engine._emit = Reader()
    with server.polled(), server.connect() as client:
        for _ in range(200):
            client.sendall(get(b"/small"))
            read_answer(client)
        assert all_told.wait(PATIENCE)  # nothing comes that would end the engine's wait
    events = {
        (type(event), event.name, event.size) for batch in told for event in batch
    }
    assert events == {(Finished, "/small", SIZE)}
    assert len(told) < 200


class Other(socket.socket):
    """A socket of another kind, as those of TLS are."""


@pytest.mark.parametrize("size", [1000, 32 << 10, (32 << 10) + 1, 100_000])
def test_what_goes_at_once_is_the_answer_from_its_first_byte(tree, size):
    (tree.root / "linux").write_bytes(content(200_000))
    ours, client = socket.socketpair()
    with closing(tree.open("/linux", CLIENT)) as blob, ours, client:
        ours.setblocking(False)
        sent = send_at_once(ours, blob, b"head", 5, size)
        assert sent > 0
        ours.close()
        data, _ = read_to_end(client)
    assert data == (b"head" + content(200_000)[5 : 5 + size])[:sent]


def test_past_tls_nothing_is_sent_by_the_kernel(tree):
    (tree.root / "linux").write_bytes(content(200_000))
    ours, client = socket.socketpair()
    with closing(tree.open("/linux", CLIENT)) as blob, client:
        with Other(fileno=ours.detach()) as sock:
            sock.setblocking(False)
            assert send_at_once(sock, blob, b"head", 0, (32 << 10) + 1) == 0
        assert read_to_end(client) == (b"", False)


@pytest.mark.parametrize("size", [1000, 100_000])
def test_F4_of_a_file_that_was_cut_short_nothing_goes_at_once(tree, size):
    (tree.root / "linux").write_bytes(content(200_000))
    ours, client = socket.socketpair()
    with closing(tree.open("/linux", CLIENT)) as blob, ours, client:
        os.truncate(tree.root / "linux", 10)
        assert send_at_once(ours, blob, b"head", 0, size) == 0
        ours.close()
        assert read_to_end(client) == (b"", False)


def test_what_is_long_or_crosses_a_window_is_left_to_who_sends_in_pieces(tree):
    (tree.root / "linux").write_bytes(content(WINDOW + SHORT))
    with closing(tree.open("/linux", CLIENT)) as blob, socket.socket() as sock:
        assert send_at_once(sock, blob, b"head", 0, SHORT + 1) == 0
        assert send_at_once(sock, blob, b"head", WINDOW - 1000, SHORT) == 0

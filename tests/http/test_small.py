"""Small answers that were given before: in one piece, at once, and told together."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import closing

import pytest

from fastboot.events import Failed, Finished
from fastboot.http import engine as module
from fastboot.http.front import Front
from fastboot.http.kept import File
from fastboot.tree import Directory
from web import PATIENCE, Server, content, get, read_answer, read_to_end

SIZE = 30_000


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with an old file, as the clock on the wall has it."""
    monkeypatch.setattr(module, "time", lambda: 2_000_000_000.0)
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

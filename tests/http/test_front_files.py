"""Files that the front knows: read anew when they change, let go when nobody asks."""

from __future__ import annotations

import errno
import os

from fastboot._ext import twin
from fastboot.events import Failed, Fault
from fastboot.http import kept as python_kept
from fastboot.http.upkeep import SWEEP
from web import LARGE, ask, content, get, learn, read_answer, read_to_end

SETTLED = 946684800  # a time long ago, seconds since the epoch


def test_F4_a_file_that_was_rewritten_and_got_its_date_back_is_asked_for_anew(
    serve, asked
):
    file = asked.put("a", b"first")
    os.utime(file, (SETTLED, SETTLED))
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for _ in range(2):
            client.sendall(get(b"/a"))
            read_answer(client)
        assert asked.names == ["/a"]
        file.write_bytes(b"other")
        os.utime(file, (SETTLED, SETTLED))
        client.sendall(get(b"/a"))
        assert read_answer(client)[2] == b"other"
    assert asked.names == ["/a", "/a"]


def test_F3_a_file_that_is_replaced_is_new_with_the_next_request(serve, asked):
    path = asked.put("linux", b"old")
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for _ in range(2):
            client.sendall(get(b"/linux"))
            assert read_answer(client)[2] == b"old"
        asked.put("new", b"another").replace(path)
        client.sendall(get(b"/linux"))
        assert read_answer(client)[2] == b"another"
        path.unlink()
        client.sendall(get(b"/linux"))
        assert read_answer(client)[0] == 404


def test_F1_F2_a_file_cut_short_on_its_second_way_is_not_called_complete(serve, asked):
    path = asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux"))
        client.recv(1000)
        os.truncate(path, 0)
        data, reset = read_to_end(client)
    assert reset
    assert len(data) < LARGE - 1000
    (failed,) = server.of(Failed)
    assert "cut short" in failed.reason
    assert asked.names == ["/linux"]


def test_F4_a_file_rewritten_on_its_second_way_is_not_called_complete(serve, asked):
    path = asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux"))
        client.recv(1000)
        with path.open("r+b") as file:
            file.write(b"other")
        _, reset = read_to_end(client)
    assert reset
    (failed,) = server.of(Failed)
    assert "rewritten" in failed.reason


def open_files(path):
    """How many descriptors of this process are for a file."""
    found = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
    return sum(os.path.islink(fd) and os.readlink(fd) == str(path) for fd in found)


def test_a_file_that_is_deleted_is_let_go(serve, asked, clock):
    path = asked.put("linux", content(5000))
    server = serve(asked)
    with server.connect() as client:
        for _ in range(2):
            ask(server, client, get(b"/linux"))
        assert open_files(path) == 1
        path.unlink()
        clock.now += SWEEP
        server.engine.poll(0)
        assert open_files(f"{path} (deleted)") == 0


def test_files_that_nobody_asks_for_are_let_go(serve, asked, clock):
    path = asked.put("linux", content(5000))
    server = serve(asked)
    with server.connect() as client:
        for _ in range(2):
            ask(server, client, get(b"/linux"))
        for held in (1, 0):
            clock.now += SWEEP
            server.engine.poll(0)
            assert open_files(path) == held
        ask(server, client, get(b"/linux"))
    assert asked.names == ["/linux"] * 2


def test_files_that_are_held_open_are_few_also_while_one_is_on_its_way(
    serve, asked, monkeypatch
):
    for kept in (twin("http_kept"), python_kept):
        if kept is not None:
            monkeypatch.setattr(kept, "FILES_MAX", 3)
    asked.put("linux", content(LARGE))
    server = serve(asked)
    with server.polled(), server.connect() as slow, server.connect() as client:
        slow.sendall(get(b"/linux"))
        read_answer(slow)
        slow.sendall(get(b"/linux"))
        slow.recv(1)
        for number in range(10):
            asked.put(f"file{number}", b"another")
            client.sendall(get(b"/file%d" % number))
            read_answer(client)
        client.sendall(get(b"/none"))  # once it is answered, the answer before is done
        read_answer(client)
        assert sum(open_files(path) for path in asked.root.iterdir()) <= 4


def test_R1_a_file_that_cannot_be_held_for_later_is_answered(serve, asked, monkeypatch):
    asked.put("linux", content(5000))
    server = serve(asked)

    def exhausted(fd):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "dup", exhausted)
    with server.polled(), server.connect() as client:
        for _ in range(2):
            client.sendall(get(b"/linux"))
            assert read_answer(client)[2] == content(5000)
    assert not server.of(Fault)

"""Files that are not in memory are read aside, once for all who wait for them."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
import threading
import time
from contextlib import ExitStack

import pytest

from fastboot.events import Failed, Fault
from fastboot.http import cold
from fastboot.http.cold import WINDOW, Cold, Reads, check_warm
from fastboot.tree import Directory
from web import content, get, read_answer

OLD = 946684800  # a time long ago, seconds since the epoch
PATIENCE = 20.0
LIBC = ctypes.CDLL(None)
RESET = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def put(path, data):
    """Write a file, and have the kernel forget what is in it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.utime(path, (OLD, OLD))
    forget(path)


def forget(path):
    """Have the kernel forget what is in a file; it does once nothing uses it."""
    with path.open("rb") as file:
        for _ in range(2000):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if not in_memory(file):
                return
            time.sleep(0.001)
    pytest.skip("this file system keeps everything in memory")


def in_memory(file):
    """How many pages of a file are in memory, without a look into it (mincore(2))."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as pages:
        held = (ctypes.c_ubyte * (len(pages) // mmap.PAGESIZE + 1))()
        first = ctypes.c_char.from_buffer(pages)
        place = ctypes.c_void_p(ctypes.addressof(first))
        failed = LIBC.mincore(place, ctypes.c_size_t(len(pages)), held)
        del first
    assert not failed
    return sum(page & 1 for page in held)


@pytest.fixture(autouse=True, scope="module")
def cold_files(tmp_path_factory):
    """A file system whose files can be cold, and that can tell."""
    path = tmp_path_factory.mktemp("cold") / "file"
    put(path, content(WINDOW))
    with path.open("rb") as file:
        for _ in range(100):
            try:
                check_warm(file.fileno(), 0, WINDOW)
            except Cold:
                return
            forget(path)
    pytest.skip("this file system keeps everything in memory, or cannot tell")


class Disk:
    """A disk that the test can hold up.

    Attributes:
        reads: The places that were read.
        free: Whether it reads at all.
    """

    def __init__(self, monkeypatch):
        self.reads = []
        self.free = threading.Event()
        self.free.set()
        really = cold.read

        def read(file, at):
            self.reads.append(at)
            assert self.free.wait(PATIENCE)
            really(file, at)

        monkeypatch.setattr(cold, "read", read)


@pytest.fixture
def disk(monkeypatch):
    """The disk under the test's files."""
    disk = Disk(monkeypatch)
    yield disk
    disk.free.set()


@pytest.fixture
def tree(tmp_path):
    """A folder with a large file and a small one, none of it in memory."""
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
            disk.reads.clear()
            client.sendall(get(b"/" + name.encode()))
            assert read_answer(client)[2] == expected
            assert disk.reads[0] == 0
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
        with server.polled(), server.connect() as client:
            client.sendall(get(b"/large"))
            read_answer(client)
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
    disk.free.set()
    server.engine.poll(0.1)
    assert server.engine.idle
    assert not server.of(Fault)


@pytest.mark.parametrize("known", [False, True])
def test_the_engine_may_be_closed_while_the_disk_is_busy(serve, tree, disk, known):
    server = serve(tree)
    if known:
        with server.polled(), server.connect() as client:
            client.sendall(get(b"/large"))
            read_answer(client)
        forget(tree.root / "large")
    disk.reads.clear()
    disk.free.clear()
    with server.connect() as client:
        client.sendall(get(b"/large"))
        server.pump(lambda: disk.reads)
        server.engine.close()
    assert [event.reason for event in server.of(Failed)] == ["the server was stopped"]


def test_a_file_that_cannot_be_read_is_found_out_by_who_sends_it(tmp_path, monkeypatch):
    def broken(file, at):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(cold, "read", broken)
    woken = threading.Event()
    reads = Reads(woken.set)
    (tmp_path / "file").write_bytes(b"x")
    with (tmp_path / "file").open("rb") as file:
        reads.wait(7, file.fileno(), 0)
        assert woken.wait(PATIENCE)
        assert reads.ready() == [7]
    reads.close()


def test_what_a_file_system_cannot_tell_counts_as_warm(monkeypatch):
    read, write = os.pipe()
    check_warm(read, 0, 1)  # no place in a pipe
    os.close(read)
    os.close(write)
    monkeypatch.setattr(cold, "_NOWAIT", None)
    check_warm(-1, 0, 1)


def test_R1_without_a_descriptor_nobody_waits_for_a_window(tmp_path, monkeypatch):
    def exhausted(fd):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "dup", exhausted)
    (tmp_path / "linux").write_bytes(b"kernel")
    woken = []
    reads = Reads(lambda: woken.append(True))
    with (tmp_path / "linux").open("rb") as file:
        reads.wait(7, file.fileno(), 0)
    assert woken
    assert reads.ready() == [7]

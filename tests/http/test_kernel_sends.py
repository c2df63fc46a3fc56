"""Files over TLS where the kernel encrypts: by sendfile(2), as over HTTP.

What stands in for a kernel that can encrypts by OpenSSL.
"""

from __future__ import annotations

import os
import ssl

import pytest

from disk import Disk, put_old
from fastboot.cold import WINDOW, Cold
from fastboot.events import Failed, Fault
from fastboot.http import link as link_module
from fastboot.http import secure
from fastboot.tree import Blob, Directory
from secure_web import CLOSE, body, fetch
from web import content, get, read_answer_head

SIZE = 2 * WINDOW + 5


class Kernel:
    """Encrypts what sendfile(2) is given.

    Attributes:
        sent: Where in the file it was asked to begin, each time.
    """

    def __init__(self, monkeypatch):
        self.sent = []
        self._sockets = {}
        monkeypatch.setattr(secure, "kernel_encrypts", self.encrypts)
        monkeypatch.setattr(os, "sendfile", self.sendfile)

    def encrypts(self, sock):
        self._sockets[sock.fileno()] = sock
        return True

    def sendfile(self, to, file, at, length):
        self.sent.append(at)
        return self._sockets[to].send(os.pread(file, min(length, 16 << 10), at))


@pytest.fixture
def kernel(monkeypatch):
    """The kernel."""
    return Kernel(monkeypatch)


@pytest.fixture
def disk(monkeypatch):
    """A disk whose files are in memory once they were read, and no sooner."""
    disk = Disk(monkeypatch)

    def check_warm(file, at, length):
        if at - at % WINDOW not in disk.reads or not disk.free.is_set():
            raise Cold(file, at - at % WINDOW)

    monkeypatch.setattr(link_module, "check_warm", check_warm)
    yield disk
    disk.free.set()


@pytest.fixture
def tree(tmp_path):
    """A folder with the file /linux."""
    put_old(tmp_path / "linux", content(SIZE))
    tree = Directory(tmp_path)
    yield tree
    tree.close()


def test_what_the_kernel_encrypts_arrives_bit_for_bit(serve_secure, tree, kernel):
    server = serve_secure(tree)
    with server.polled(), server.connect() as client:
        assert body(fetch(client, get(b"/linux", CLOSE))) == content(SIZE)
    assert kernel.sent[0] == 0
    assert not server.of(Fault)


def test_F6_the_kernel_is_given_nothing_that_is_not_in_memory(
    serve_secure, tree, kernel, disk
):
    """It would wait for the disk, and every other client with it."""
    server = serve_secure(tree)
    disk.free.clear()
    with server.polled():
        client = server.connect()
    with client:
        client.sendall(get(b"/linux", CLOSE))
        server.pump(lambda: disk.reads)
        for _ in range(20):
            server.engine.poll(0)
        assert kernel.sent == []
        disk.free.set()
        with server.polled():
            assert body(fetch(client, b"")) == content(SIZE)
    assert disk.reads == [0, WINDOW, 2 * WINDOW]
    assert not server.of(Fault)


def test_F6_the_kernel_is_given_nothing_of_a_file_that_may_hang(
    serve_secure, tree, kernel, disk, monkeypatch
):
    """What was read of it aside the kernel may have forgotten, or never kept."""
    monkeypatch.setattr(Blob, "slow", True)
    server = serve_secure(tree)
    with server.polled(), server.connect() as client:
        assert body(fetch(client, get(b"/linux", CLOSE))) == content(SIZE)
    assert kernel.sent == []
    assert disk.reads
    assert not server.of(Fault)


@pytest.mark.parametrize("how", ["cut short", "rewritten"])
def test_F1_F4_a_file_that_changes_while_the_kernel_sends_it_is_not_called_complete(
    serve_secure, tree, kernel, how
):
    server = serve_secure(tree)
    with server.polled():
        client = server.connect()
    with client:
        client.sendall(get(b"/linux", CLOSE))
        server.pump(lambda: kernel.sent)
        if how == "rewritten":
            (tree.root / "linux").write_bytes(content(SIZE, 1))
        else:
            os.truncate(tree.root / "linux", 10)
        with server.polled():
            read_answer_head(client)
            with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
                fetch(client, b"")
    (failed,) = server.of(Failed)
    assert how in failed.reason

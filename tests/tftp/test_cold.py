"""Files that take their time are waited for by who asked, and by nobody else."""

import errno
import os
import random
import socket

import pytest

from disk import put, put_old, require_cold_files
from fastboot import cold, events
from fastboot.mounts import Mounts
from fastboot.tftp.packet import Error
from fastboot.tftp.transfer import TOO_SLOW
from fastboot.tree import Directory, Memory, Overlay
from fetching import Clients

FILE = random.Random(2).randbytes(400_000)
WIDE = ((b"blksize", b"1428"), (b"windowsize", b"16"))
may_hang = pytest.mark.parametrize("tree", ["slow"], indirect=True)


@pytest.fixture(params=["cold", "slow"])
def tree(request, tmp_path, monkeypatch):
    """A folder with a file that is not in memory, or where reading may hang."""
    if request.param == "cold":
        require_cold_files(tmp_path)
        put(tmp_path / "linux", FILE)
    else:
        monkeypatch.setattr(Mounts, "may_hang", lambda self, device: True)
        put_old(tmp_path / "linux", FILE)
    folder = Directory(tmp_path)
    yield Overlay(Memory({"warm": b"in memory"}), folder)
    folder.close()


@pytest.fixture
def clients(serve, tree):
    """Clients of a server of that folder."""
    return Clients(serve(tree))


@pytest.mark.parametrize("options", [(), WIDE], ids=["plain", "windows"])
def test_it_arrives_bit_for_bit_each_time(clients, disk, tmp_path, options):
    for _ in range(2):
        client = clients.ask(b"linux", *options)
        clients.finish(client)
        assert client.payload == FILE
        forget_if_possible(tmp_path / "linux")
    clients.pump(until=lambda: clients.served.engine.idle)


def forget_if_possible(path):
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def test_it_arrives_in_netascii_too(clients, disk):
    client = clients.ask(b"linux", mode=b"netascii")
    clients.finish(client)
    assert client.payload == FILE.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


@may_hang
@pytest.mark.parametrize("options", [(), WIDE], ids=["plain", "windows"])
def test_F6_who_waits_for_the_disk_keeps_nobody_else_waiting(clients, disk, options):
    disk.free.clear()
    slow, other = (clients.ask(b"linux", *options) for _ in "ab")
    clients.pump(slow, other, until=lambda: disk.reads)
    for _ in range(3):
        quick = clients.ask(b"warm")
        clients.finish(quick, beside=(slow, other))
        assert quick.payload == b"in memory"
    assert not slow.payload
    assert disk.reads == [0]  # one reading for both
    disk.free.set()
    clients.finish(slow, other)
    assert slow.payload == other.payload == FILE


@may_hang
@pytest.mark.parametrize("options", [(), WIDE], ids=["plain", "windows"])
def test_F6_a_disk_that_never_answers_is_not_waited_for_for_ever(
    clients, disk, options
):
    disk.free.clear()
    client = clients.ask(b"linux", *options)
    clients.pump(client, until=lambda: disk.reads)
    clients.served.poll(61.0)
    clients.pump(client, until=lambda: client.reader.error)
    assert client.reader.error[0] == 0
    (failed,) = clients.served.events
    assert isinstance(failed, events.Failed)
    assert failed.reason == TOO_SLOW
    assert clients.served.engine.idle


@may_hang
def test_a_client_that_leaves_while_the_disk_is_busy_is_forgotten(clients, disk):
    disk.free.clear()
    client = clients.ask(b"linux", *WIDE)
    clients.pump(client, until=lambda: disk.reads)
    client.sock.sendto(Error(0, b"bye").encode(), port_of(clients.served))
    clients.pump(client, until=lambda: clients.served.engine.idle)
    disk.free.set()
    again = clients.ask(b"linux", *WIDE)
    clients.finish(again)
    assert again.payload == FILE


def port_of(served):
    """Where the only transfer runs."""
    (line,) = served.engine._table.lines
    with socket.socket(fileno=os.dup(line[0])) as sock:
        return "127.0.0.1", sock.getsockname()[1]


@may_hang
def test_the_engine_may_be_closed_while_the_disk_is_busy(clients, disk):
    disk.free.clear()
    client = clients.ask(b"linux", *WIDE)
    clients.pump(client, until=lambda: disk.reads)
    clients.served.engine.close()
    assert [type(event) for event in clients.served.events] == [events.Failed]


@may_hang
def test_a_disk_that_fails_ends_the_transfer(clients, monkeypatch):
    def broken(file, at, length):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(cold, "read", broken)
    client = clients.ask(b"linux")
    clients.pump(client, until=lambda: client.reader.error)
    (failed,) = clients.served.events
    assert "Input/output error" in failed.reason


@may_hang
def test_a_file_rewritten_while_it_is_read_ends_the_transfer(clients, disk, tmp_path):
    disk.free.clear()
    client = clients.ask(b"linux")
    clients.pump(client, until=lambda: disk.reads)
    (tmp_path / "linux").write_bytes(FILE[::-1])
    disk.free.set()
    clients.pump(client, until=lambda: client.reader.error)
    (failed,) = clients.served.events
    assert failed.reason == "the file was rewritten while it was read"

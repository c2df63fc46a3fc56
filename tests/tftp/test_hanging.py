"""A file system whose program is stuck: the kernel's own, by FUSE."""

import errno
import os

import pytest

from fastboot.aside import TOO_LATE
from fetching import Clients
from hanging import stuck_folder

WIDE = ((b"blksize", b"1428"), (b"windowsize", b"16"))


@pytest.fixture
def stuck(tmp_path):
    """A folder that can be made to hang, and a tree over it."""
    with stuck_folder(tmp_path) as (file_system, tree):
        yield file_system, tree


def test_F6_a_request_for_what_hangs_keeps_nobody_else_waiting(serve, stuck):
    file_system, tree = stuck
    clients = Clients(serve(tree))
    file_system.hang()
    slow = clients.ask(b"linux", *WIDE)
    for _ in range(3):
        quick = clients.ask(b"warm")
        clients.finish(quick)
        assert quick.payload == b"in memory"
    assert not slow.payload
    file_system.go_on()
    clients.finish(slow)
    assert slow.payload == file_system.content


@pytest.mark.parametrize("options", [(), WIDE], ids=["plain", "windows"])
def test_F6_a_transfer_that_hangs_keeps_nobody_else_waiting(serve, stuck, options):
    file_system, tree = stuck
    clients = Clients(serve(tree))
    slow = clients.ask(b"linux", *options)
    clients.pump(slow, until=lambda: len(slow.reader.payload) > 20)
    file_system.hang()
    for _ in range(3):
        quick = clients.ask(b"warm")
        clients.finish(quick, beside=(slow,))
    file_system.go_on()
    clients.finish(slow)
    assert slow.payload == file_system.content


def test_R1_F6_nor_does_it_where_no_descriptor_is_left(serve, stuck, monkeypatch):
    def exhausted(fd):
        raise OSError(errno.EMFILE, "Too many open files")

    file_system, tree = stuck
    clients = Clients(serve(tree))
    slow = clients.ask(b"linux", *WIDE)
    clients.pump(slow, until=lambda: len(slow.reader.payload) > 20)
    monkeypatch.setattr(os, "dup", exhausted)
    file_system.hang()
    for _ in range(3):
        quick = clients.ask(b"warm")
        clients.finish(quick, beside=(slow,))
    file_system.go_on()
    clients.finish(slow)
    assert slow.payload == file_system.content


def test_F6_what_hangs_for_long_is_refused(serve, stuck):
    file_system, tree = stuck
    clients = Clients(serve(tree, answer_timeout=1))
    file_system.hang()
    client = clients.ask(b"linux", *WIDE)
    clients.pump(client, until=lambda: client.reader.error)
    assert client.reader.error[0] == 0
    (refused,) = clients.served.events
    assert TOO_LATE in refused.reason


def test_a_name_that_is_not_there_is_refused_as_ever(serve, stuck):
    _, tree = stuck
    clients = Clients(serve(tree))
    client = clients.ask(b"none")
    clients.pump(client, until=lambda: client.reader.error)
    assert client.reader.error[0] == 1


def test_the_engine_may_be_closed_while_the_file_system_hangs(serve, stuck):
    file_system, tree = stuck
    clients = Clients(serve(tree))
    begun = clients.ask(b"linux", *WIDE)
    clients.pump(begun, until=lambda: len(begun.reader.payload) > 20)
    file_system.hang()
    clients.ask(b"linux")
    clients.served.engine.close()

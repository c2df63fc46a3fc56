"""A connection's socket and what is read aside for it."""

from __future__ import annotations

import os
import socket
from contextlib import closing

import pytest

from fastboot.cold import Part
from fastboot.config import HttpConfig
from fastboot.events import Failed
from fastboot.http.actions import Close
from fastboot.http.connection import Connection
from fastboot.http.link import Link
from fastboot.tree import Directory
from web import get


@pytest.fixture
def file(tmp_path):
    """A file that is being sent: its path, the connection's link, and what is told."""
    path = tmp_path / "linux"
    path.write_bytes(b"first")
    told = []
    ask = {"client": "10.0.0.7", "server": "10.0.0.1", "now": 0.0}
    with closing(Directory(tmp_path)) as tree:
        machine = Connection(HttpConfig(), tree.open, told.append, lambda: 2e9, **ask)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            link = Link(ours, machine)
            link.queue.append(machine.receive(get(b"/linux"), 0.0)[1])
            yield path, link, told
            machine.fail("the test is over", 3.0)


def test_what_was_read_aside_of_a_file_is_sent(file):
    path, link, told = file
    assert link.warm(Part(0, b"first", os.stat(path)), 1.0) == []
    assert told == []


def test_F4_a_file_that_was_rewritten_while_it_was_read_aside_is_not_sent(file):
    path, link, told = file
    path.write_bytes(b"other")
    os.utime(path, (946684800, 946684800))
    assert link.warm(Part(0, b"other", os.stat(path)), 1.0) == [Close(reset=True)]
    assert [type(event) for event in told] == [Failed]
    assert "rewritten" in told[0].reason


def test_F6_a_file_that_cannot_be_read_aside_is_not_sent(file):
    _, link, told = file
    assert link.warm(OSError(5, "Input/output error"), 1.0) == [Close(reset=True)]
    assert told[0].reason == "Input/output error"

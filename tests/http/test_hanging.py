"""A file system whose program is stuck: the kernel's own, by FUSE."""

import errno
import os

import pytest

from fastboot.aside import TOO_LATE
from fastboot.events import Fault
from hanging import stuck_folder
from secure_web import CLOSE, body, fetch
from web import get, read_answer


@pytest.fixture(params=[False, True], ids=["kept in memory", "direct"])
def stuck(request, tmp_path):
    """A folder that can be made to hang, and a tree over it."""
    with stuck_folder(tmp_path, direct=request.param) as (file_system, tree):
        yield file_system, tree


def test_F6_a_request_for_what_hangs_keeps_nobody_else_waiting(serve, stuck):
    file_system, tree = stuck
    server = serve(tree)
    with server.polled(), server.connect() as slow, server.connect() as quick:
        file_system.hang()
        slow.sendall(get(b"/linux"))
        for _ in range(3):
            quick.sendall(get(b"/warm"))
            assert read_answer(quick)[2] == b"in memory"
        file_system.go_on()
        assert read_answer(slow)[2] == file_system.content
    assert not server.of(Fault)


def test_F6_an_answer_that_hangs_keeps_nobody_else_waiting(serve, stuck):
    file_system, tree = stuck
    server = serve(tree)
    with server.polled(), server.connect() as slow, server.connect() as quick:
        slow.sendall(get(b"/linux"))
        begin = slow.recv(100)
        file_system.hang()
        for _ in range(3):
            quick.sendall(get(b"/warm"))
            assert read_answer(quick)[2] == b"in memory"
        file_system.go_on()
        rest = begin
        while not rest.endswith(file_system.content[-100:]):
            rest += slow.recv(1 << 20)
    assert rest.endswith(file_system.content)
    assert not server.of(Fault)


def test_R1_F6_nor_does_it_where_no_descriptor_is_left(serve, stuck, monkeypatch):
    def exhausted(*args):
        raise OSError(errno.EMFILE, "Too many open files")

    file_system, tree = stuck
    server = serve(tree)
    with server.polled(), server.connect() as slow, server.connect() as quick:
        slow.sendall(get(b"/linux"))
        rest = slow.recv(100)
        monkeypatch.setattr(os, "dup", exhausted)
        file_system.hang()
        for _ in range(3):
            quick.sendall(get(b"/warm"))
            assert read_answer(quick)[2] == b"in memory"
        file_system.go_on()
        while not rest.endswith(file_system.content[-100:]):
            rest += slow.recv(1 << 20)
    assert rest.endswith(file_system.content)
    assert not server.of(Fault)


def test_F6_what_hangs_for_long_is_a_503(serve, stuck):
    file_system, tree = stuck
    server = serve(tree, answer_timeout=1)
    with server.polled(), server.connect() as client:
        file_system.hang()
        client.sendall(get(b"/linux"))
        assert read_answer(client)[0] == 503
    assert TOO_LATE in str(server.events)


def test_what_does_not_hang_is_served_each_time_anew(serve, stuck):
    file_system, tree = stuck
    server = serve(tree)
    with server.polled(), server.connect() as client:
        for _ in range(3):
            client.sendall(get(b"/linux"))
            assert read_answer(client)[2] == file_system.content
    assert not server.of(Fault)


def test_F6_over_tls_what_hangs_keeps_nobody_else_waiting(serve_secure, stuck):
    file_system, tree = stuck
    server = serve_secure(tree)
    with server.polled(), server.connect() as slow, server.connect() as quick:
        slow.sendall(get(b"/linux", CLOSE))
        answer = slow.recv(100)
        file_system.hang()
        for _ in range(3):
            quick.sendall(get(b"/warm"))
            assert read_answer(quick)[2] == b"in memory"
        file_system.go_on()
        assert body(answer + fetch(slow, b"")) == file_system.content
    assert not server.of(Fault)

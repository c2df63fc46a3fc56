"""Clients that ask for more before they have read what they asked for."""

from __future__ import annotations

import re
import socket

import pytest

from fastboot.events import Failed
from web import content, get, read_answer_head, read_to_end

AHEAD = 60  # answers that are asked for at once: more than there is room for

SIZES = range(800, 1300, 160)  # where the kernel's room ends depends on what is sent


@pytest.fixture
def tree(folder, years_later):
    """A folder, its files old as the clock on the wall has it, which stands still."""
    for size in range(800, 1300, 10):
        (folder[0] / f"{size}").write_bytes(content(size))
    return folder[1]


@pytest.fixture(params=[False, True], ids=["new", "known"])
def narrow(request, serve, tree):
    """Start engines for which the kernel takes little, that may know what is asked for."""

    def start(**settings):
        server = serve(tree, **settings)
        for sock in server.engine._door._listeners.values():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
        if not request.param:  # it holds nothing for later
            server.engine._upkeep.learn = lambda *about: None
        return server

    return start


def poll_until_nothing_goes(server):
    """Poll in this thread; how many bytes were sent by then."""
    before = -1
    while before != (sent := server.engine.stats()["sent_bytes"]):
        before = sent
        for _ in range(20):
            server.engine.poll(0)
    return sent


def take(client, size):
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        assert more
        data += more
    return data


def answer_to(server, request):
    """The whole answer to a request, and how long its head is."""
    with server.polled(), server.connect() as client:
        client.sendall(request)
        head = read_answer_head(client)
        length = int(re.search(rb"Content-Length: (\d+)", head)[1])
        return head + take(client, length), len(head)


def test_an_answer_that_is_cut_off_within_its_head_goes_on_there(narrow):
    server = narrow()
    for size in range(800, 1300, 10):
        request = get(b"/%d" % size)
        answer, head = answer_to(server, request)
        before = server.engine.stats()["sent_bytes"]
        with server.connect(receive_buffer=4 << 10) as client:
            client.sendall(AHEAD * request)
            sent = poll_until_nothing_goes(server) - before
            with server.polled():
                assert take(client, AHEAD * len(answer)) == AHEAD * answer
        if 0 < sent % len(answer) < head:
            return
    pytest.skip("this kernel takes all of a head or nothing")


@pytest.mark.parametrize("size", SIZES)
def test_H1_who_asks_ahead_lives_on_what_it_takes_of_what_the_kernel_has(
    clock, narrow, size
):
    server = narrow(stall_timeout=120, idle_timeout=75, min_rate=4)
    request = get(b"/%d" % size)
    answer, _ = answer_to(server, request)
    with server.connect(receive_buffer=4 << 10) as client:
        client.sendall(AHEAD * request)
        poll_until_nothing_goes(server)
        data = b""
        for _ in range(3):
            clock.now += 76  # more than a connection at rest has
            poll_until_nothing_goes(server)
            clock.now += 43
            data += take(client, 9000)  # more than the least, and than is on its way
            poll_until_nothing_goes(server)
            clock.now += 2
            poll_until_nothing_goes(server)
        with server.polled():
            data += take(client, AHEAD * len(answer) - len(data))
    assert data == AHEAD * answer
    assert not server.of(Failed)


@pytest.mark.parametrize("size", SIZES)
def test_H1_who_asks_ahead_and_takes_nothing_is_cut_off(clock, narrow, size):
    server = narrow(stall_timeout=120, idle_timeout=75, min_rate=4)
    request = get(b"/%d" % size)
    answer_to(server, request)
    with server.connect(receive_buffer=4 << 10) as client:
        client.sendall(AHEAD * request)
        poll_until_nothing_goes(server)
        clock.now += 119
        poll_until_nothing_goes(server)
        assert server.engine.stats()["connections"] == 1
        assert not server.of(Failed)
        clock.now += 2
        poll_until_nothing_goes(server)
        clock.now += 121  # what its kernel acknowledged late gave it its time once more
        server.pump(lambda: server.engine.stats()["connections"] == 0)
        assert read_to_end(client)[1]
    (failed,) = server.of(Failed)
    assert failed.name == f"/{size}"
    assert "too little for 120 s" in failed.reason

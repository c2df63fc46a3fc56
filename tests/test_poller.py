"""The one descriptor of an engine."""

import itertools
import os
import select
import socket
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from fastboot.poller import LATER, READ, WRITE, Poller


@pytest.fixture
def poller():
    made = Poller()
    yield made
    made.close()


@pytest.fixture
def pair():
    one, other = socket.socketpair()
    one.setblocking(False)
    yield one, other
    one.close()
    other.close()


def is_readable(poller):
    return bool(select.select([poller.fileno()], [], [], 0)[0])


def test_nothing_is_ready_at_first(poller):
    assert poller.wait(0) == []
    assert not is_readable(poller)


def test_a_socket_with_something_to_read_makes_the_descriptor_readable(poller, pair):
    poller.watch(pair[0].fileno(), READ)
    pair[1].send(b"x")
    assert is_readable(poller)
    assert poller.wait(0) == [(pair[0].fileno(), READ)]


def test_it_tells_whether_it_was_called_besides(poller, pair):
    poller.watch(pair[0].fileno(), READ)
    pair[1].send(b"x")
    poller.wake()
    assert poller.wait(0) == [(pair[0].fileno(), READ)]
    assert poller.called
    poller.wait(0)
    assert not poller.called
    poller.set_deadline(1e-9)
    poller.wait(0)
    assert poller.called


def test_it_is_reported_until_it_was_read(poller, pair):
    poller.watch(pair[0].fileno(), READ)
    pair[1].send(b"x")
    poller.wait(0)
    assert poller.wait(0) == [(pair[0].fileno(), READ)]


def test_interest_changes_and_ends(poller, pair):
    fd = pair[0].fileno()
    poller.watch(fd, READ)
    assert poller.wait(0) == []
    poller.change(fd, READ | WRITE)
    assert poller.wait(0) == [(fd, WRITE)]
    poller.forget(fd)
    assert poller.wait(0) == []


def test_a_peer_that_is_gone_is_reported_for_reading_and_writing(poller, pair):
    poller.watch(pair[0].fileno(), READ)
    pair[1].close()
    ((_, what),) = poller.wait(0)
    assert what & READ
    assert what & WRITE


def test_a_deadline_makes_the_descriptor_readable(poller):
    poller.set_deadline(time.monotonic() + 0.01)
    assert not is_readable(poller)
    assert poller.wait(5) == []
    assert not is_readable(poller)


def test_a_deadline_in_the_past_is_due_at_once(poller):
    poller.set_deadline(0.0)
    assert is_readable(poller)


def test_a_deadline_can_be_taken_back(poller):
    poller.set_deadline(0.0)
    poller.set_deadline(None)
    assert not is_readable(poller)


def test_the_same_deadline_works_again_after_it_went_off(poller):
    for _ in range(3):
        poller.set_deadline(0.0)
        assert is_readable(poller)
        poller.wait(0)


def test_a_wake_from_another_thread_ends_a_wait(poller):
    threading.Timer(0.01, poller.wake).start()
    assert poller.wait(30) == []


def test_many_wakes_are_one(poller):
    for _ in range(100_000):
        poller.wake()
    poller.wait(0)
    for _ in range(20):
        poller.wait(0)
    assert not is_readable(poller)


def test_a_wake_after_the_end_does_nothing():
    poller = Poller()
    poller.close()
    poller.wake()


def test_closing_gives_every_descriptor_back():
    before = set(os.listdir("/proc/self/fd"))
    Poller().close()
    assert set(os.listdir("/proc/self/fd")) == before


def test_who_waits_later_is_told_of_once_the_patience_of_the_first_is_over(
    poller, pair, monkeypatch
):
    fd = pair[0].fileno()
    poller.watch(fd, READ)
    poller.change(fd, LATER)
    assert poller.wait(5) == []  # there is room: the patience begins
    assert poller.wait(5) == [(fd, WRITE)]


def test_many_that_wait_later_are_told_of_together(poller):
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(300)]
        for one in itertools.chain(*pairs):
            stack.enter_context(one)
        for one, _ in pairs:
            poller.watch(one.fileno(), READ)
            poller.change(one.fileno(), LATER)
        poller.wait(5)
        assert sorted(poller.wait(5)) == sorted(
            (one.fileno(), WRITE) for one, _ in pairs
        )


def test_who_waits_later_is_told_of_as_long_as_there_is_room(poller, pair):
    fd = pair[0].fileno()
    poller.watch(fd, READ)
    poller.change(fd, LATER)
    told = [poller.wait(5) for _ in range(6)]
    assert told == [[], [(fd, WRITE)]] * 3


def test_without_room_who_waits_later_waits(poller, pair):
    fd = pair[0].fileno()
    fill(pair[0])
    poller.watch(fd, READ)
    poller.change(fd, LATER)
    assert not is_readable(poller)
    pair[1].recv(1 << 22)
    poller.wait(5)
    assert poller.wait(5) == [(fd, WRITE)]


def test_the_end_of_a_connection_is_told_at_once_to_who_waits_later(poller, pair):
    fd = pair[0].fileno()
    fill(pair[0])
    poller.watch(fd, READ)
    poller.change(fd, LATER)
    pair[1].close()
    assert (fd, READ | WRITE) in poller.wait(5)


@pytest.mark.parametrize("end", ["change", "forget"])
def test_who_waits_later_no_more_is_not_told_of(poller, pair, end):
    fd = pair[0].fileno()
    poller.watch(fd, READ)
    poller.change(fd, LATER)
    poller.change(fd, LATER)  # as it was
    if end == "change":
        poller.change(fd, READ)
    else:
        poller.forget(fd)
    assert [poller.wait(0.1) for _ in range(2)] == [[], []]


def test_closing_gives_the_descriptors_of_who_waits_later_back():
    before = set(os.listdir("/proc/self/fd"))
    poller = Poller()
    one, other = socket.socketpair()
    with one, other:
        poller.watch(one.fileno(), READ)
        poller.change(one.fileno(), LATER)
        poller.close()
    assert set(os.listdir("/proc/self/fd")) == before


def fill(sock):
    """Send until there is no room."""
    with suppress(BlockingIOError):
        while True:
            sock.send(bytes(1 << 16))

"""Waits that begin awake: when they do, and that they stop doing so in vain."""

import os
import select
from types import SimpleNamespace

import pytest

vigil = pytest.importorskip("fastboot._ext.vigil", reason="not built")

NOTHING = 1  # milliseconds that a wait in vain takes


@pytest.fixture
def waits():
    """A vigil over one descriptor, which is readable once somebody `knock`ed."""
    door, poller = os.eventfd(0), select.epoll()
    poller.register(door, select.EPOLLIN)
    keeper = vigil.Vigil()

    def wait(timeout=NOTHING, awake=True):
        return keeper.ready(poller.fileno(), timeout, awake)

    yield SimpleNamespace(
        wait=wait,
        knock=lambda: os.eventfd_write(door, 1),
        hush=lambda: os.eventfd_read(door),
        asleep=lambda: keeper.asleep,
    )
    poller.close()
    os.close(door)


def sleep_through(waits):
    """Wait until one is tried awake again."""
    waits.knock()
    while waits.asleep():
        assert waits.wait() == 1
    waits.hush()


def test_what_is_there_is_told_at_once(waits):
    waits.knock()
    for _ in range(3):
        assert (waits.wait(-1), waits.asleep()) == (1, 0)


def test_a_wait_in_vain_is_slept_through_to_its_end(waits):
    assert waits.wait() == 0


def test_after_each_in_vain_twice_as_many_are_slept_through(waits):
    slept = []
    for _ in range(6):
        waits.wait()
        slept.append(waits.asleep())
        sleep_through(waits)
    assert slept == [1, 2, 4, 8, 16, 32]


def test_where_nothing_ever_comes_at_once_one_in_thousands_is_tried(waits):
    for _ in range(16):
        waits.wait()
        most = waits.asleep()
        sleep_through(waits)
    assert most == 4096


@pytest.mark.parametrize(("streak", "asleep"), [(7, 16), (8, 8), (16, 4), (99, 1)])
def test_some_that_were_worth_it_make_up_for_one_in_vain(waits, streak, asleep):
    for _ in range(4):
        waits.wait()
        sleep_through(waits)
    waits.knock()
    for _ in range(streak):
        waits.wait()
    waits.hush()
    waits.wait()
    assert waits.asleep() == asleep


@pytest.mark.parametrize(("timeout", "awake"), [(0, True), (NOTHING, False)])
def test_who_does_not_wait_or_waits_for_many_is_never_awake(waits, timeout, awake):
    for _ in range(3):
        assert (waits.wait(timeout, awake), waits.asleep()) == (0, 0)

"""When a client is told of room: at once, or with the others that are slow."""

from __future__ import annotations

import socket

import pytest

from fastboot.http.waiting import SLOW, Waiting
from fastboot.patient import PATIENCE
from fastboot.poller import LATER, READ, WRITE


@pytest.fixture
def link():
    with socket.socket() as sock:
        yield Waiting(sock, "10.0.0.7", 1, waits_since=10.0, interest=WRITE)


def test_who_makes_room_soon_is_told_at_once(link):
    assert link.waits(10.0 + SLOW - 0.01, full=True) == WRITE


def test_who_takes_long_is_told_with_others(link):
    assert link.waits(10.0 + SLOW, full=True) == LATER


def test_each_wait_counts_for_itself(link):
    assert link.waits(11.0, full=True) == LATER
    link.interest = LATER
    assert link.waits(11.01 + 2 * PATIENCE, full=True) == LATER
    assert link.waits(11.01 + 3 * PATIENCE, full=True) == WRITE


def test_who_had_its_share_and_has_room_still_is_told_at_once(link):
    assert link.waits(20.0, full=False) == WRITE


@pytest.mark.parametrize("before", [READ, WRITE, LATER])
def test_who_waits_for_the_file_is_told_of_its_end_alone(link, before):
    link.interest, link.cold = before, True
    assert link.waits(20.0, full=True) == 0

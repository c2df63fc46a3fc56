"""A descriptor is kept for the time when none is left, and is closed once."""

from __future__ import annotations

import os
import threading

import pytest

from fastboot import reserve as module
from fastboot.reserve import Reserve


@pytest.fixture
def closed(monkeypatch):
    """The descriptors that were closed, in their order."""
    descriptors = []
    monkeypatch.setattr(module, "close_quietly", descriptors.append)
    yield descriptors
    for fd in set(descriptors):
        os.close(fd)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        yield file.fileno()


@pytest.fixture
def reserve():
    reserve = Reserve()
    reserve.keep()
    return reserve


def test_what_is_lent_reads_the_file_and_is_not_lent_twice(reserve, file, closed):
    own = reserve.take(file)
    assert os.pread(own, 100, 0) == b"content"
    assert reserve.take(file) is None
    reserve.give_back()
    assert reserve.take(file) == own
    reserve.give_back()
    reserve.close()
    assert len(set(closed)) == len(closed) == 2


def test_one_that_is_not_kept_is_not_lent(file):
    assert Reserve().take(file) is None


def test_one_that_was_given_back_and_then_closed_is_closed_once(reserve, file, closed):
    reserve.take(file)
    reserve.give_back()
    assert not closed
    reserve.close()
    reserve.close()
    assert len(set(closed)) == len(closed) == 2


def test_one_that_is_closed_while_it_is_lent_stays_until_it_is_given_back(
    reserve, file, closed
):
    own = reserve.take(file)
    reserve.close()
    assert not closed
    assert os.pread(own, 100, 0) == b"content"
    reserve.give_back()
    assert len(set(closed)) == len(closed) == 2
    reserve.keep()  # it is over
    assert reserve.take(file) is None


def test_who_gives_it_back_while_it_is_being_closed_does_not_close_it_again(
    reserve, file, closed, monkeypatch
):
    # The engine closes it; between its two descriptors a thread that read comes to the
    # same step. A number that is closed twice may be somebody else's file by then.
    def close_quietly(fd):
        closed.append(fd)
        if len(closed) == 1:
            reader = threading.Thread(target=reserve.close)
            reader.start()
            reader.join()

    monkeypatch.setattr(module, "close_quietly", close_quietly)
    reserve.take(file)
    reserve.close()
    reserve.give_back()
    assert len(set(closed)) == len(closed) == 2

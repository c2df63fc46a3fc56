"""Parts of files are sent over TLS as far as there is room."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disk import put, require_cold_files
from fastboot.cold import WINDOW, Cold
from fastboot.errors import ContentChanged
from fastboot.http.encrypt import encrypt
from fastboot.poller import WRITE
from fastboot.tls.sockets import Waits

CONTENT = bytes(range(251)) * 40
PIECE = 1000


@pytest.fixture(scope="module")
def file():
    """An open file."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(CONTENT)
        with path.open("rb") as opened:
            yield opened.fileno()


class Room:
    """A connection that has room for so many bytes, and takes pieces whole or not."""

    def __init__(self, room, refusal=None):
        self.room = room
        self.refusal = refusal or Waits(WRITE)
        self.came = b""

    def write(self, piece):
        if len(self.came) + len(piece) > self.room:
            raise self.refusal
        self.came += piece
        return len(piece)


def send(connection, file, at, length, *, wait=False):
    buffer = memoryview(bytearray(PIECE))
    return encrypt(connection.write, file, at, length, buffer, wait=wait)


@given(
    at=st.integers(0, len(CONTENT) - 1),
    length=st.integers(1, 5 * PIECE),
    room=st.integers(0, 6 * PIECE),
    wait=st.booleans(),
)
def test_whole_pieces_are_sent_as_far_as_there_is_room(file, at, length, room, wait):
    length = min(length, len(CONTENT) - at)
    connection = Room(room)
    fitting = length if length <= room else room - room % PIECE
    if fitting:
        assert send(connection, file, at, length, wait=wait) == fitting
    else:
        with pytest.raises(Waits):
            send(connection, file, at, length, wait=wait)
    assert connection.came == CONTENT[at : at + fitting]


@pytest.mark.parametrize("wait", [False, True])
def test_a_file_that_is_shorter_now_is_told(file, wait):
    connection = Room(WINDOW)
    with pytest.raises(ContentChanged):
        send(connection, file, len(CONTENT) - 1500, 2000, wait=wait)
    assert connection.came == CONTENT[-1500:-500]


def test_what_breaks_the_connection_is_told_whatever_was_sent(file):
    with pytest.raises(BrokenPipeError):
        send(Room(PIECE, BrokenPipeError), file, 0, 2 * PIECE)


def test_a_file_that_cannot_be_read_is_told():
    read, write = os.pipe()
    os.close(write)
    with pytest.raises(OSError, match="Illegal seek"):
        send(Room(WINDOW), read, 0, PIECE)
    os.close(read)


def test_what_is_not_in_memory_is_read_only_by_who_waits(tmp_path):
    require_cold_files(tmp_path)
    put(tmp_path / "cold", CONTENT)
    with (tmp_path / "cold").open("rb") as file:
        connection = Room(WINDOW)
        with pytest.raises(Cold) as caught:
            send(connection, file.fileno(), 5, PIECE)
        assert (caught.value.file, caught.value.at) == (file.fileno(), 0)
        assert send(connection, file.fileno(), 5, PIECE, wait=True) == PIECE
    assert connection.came == CONTENT[5 : 5 + PIECE]

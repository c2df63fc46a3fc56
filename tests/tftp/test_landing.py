"""Where a file goes that is fetched."""

import hashlib
import io
import os
from contextlib import closing

import pytest

from fastboot.errors import Full, NotKept, Unavailable
from fastboot.tftp import landing as landing_module
from fastboot.tftp.landing import (
    BUFFER,
    STEP,
    Beside,
    Memory,
    Pieces,
    Stream,
    is_special,
)


def summed(landing):
    summing = landing.summing()
    try:
        while True:
            next(summing)
    except StopIteration as end:
        return end.value


PIECES = [b"one", b"", b"x" * (BUFFER + 1), b"y" * STEP, b"end"]
WHOLE = b"".join(PIECES)
SHA256 = hashlib.sha256(WHOLE).hexdigest()


def fill(landing):
    for piece in PIECES:
        landing.write(piece)
    landing.keep()
    assert landing.kept
    assert landing.size == len(WHOLE)
    assert summed(landing) == SHA256
    landing.settle()


def test_memory_has_it_all():
    landing = Memory()
    fill(landing)
    assert landing.data == WHOLE


def test_pieces_are_what_was_written():
    pieces = Pieces()
    pieces.expect(10)
    for piece in PIECES:
        pieces.write(piece)
    assert pieces.take() == WHOLE
    assert pieces.take() == b""


@pytest.mark.parametrize(
    "kind",
    [
        lambda path: Memory(4),
        lambda path: Beside(path, 4),
        lambda path: Stream(io.BytesIO(), 4),
    ],
)
def test_no_more_is_taken_than_the_limit(kind, tmp_path):
    landing = kind(tmp_path / "file")
    with closing(landing):
        with pytest.raises(Full, match="5 bytes are more than the 4 that are taken"):
            landing.expect(5)
        landing.expect(4)
        landing.write(b"1234")
        assert landing.problem is None
        landing.write(b"5")
        assert isinstance(landing.problem, Full)
        landing.keep()
        assert not landing.kept
    assert os.listdir(tmp_path) == []


@pytest.fixture(params=["nameless", "named"])
def way(request, monkeypatch):
    """With O_TMPFILE, and as where there is none."""
    if request.param == "named":
        monkeypatch.setattr(landing_module, "_nameless", lambda folder: None)


def test_what_is_not_there_yet_has_no_name(tmp_path):
    landing = Beside(tmp_path / "file")
    landing.write(b"x" * BUFFER)
    assert os.listdir(tmp_path) == []
    landing.close()


@pytest.mark.usefixtures("way")
def test_a_file_has_its_name_when_it_is_settled_and_not_before(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    landing = Beside(path)
    landing.write(b"new")
    landing.keep()
    assert path.read_bytes() == b"old"
    landing.settle()
    landing.close()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("way")
def test_a_file_has_all_that_was_written(tmp_path):
    landing = Beside(tmp_path / "file")
    fill(landing)
    landing.close()
    assert (tmp_path / "file").read_bytes() == WHOLE


@pytest.mark.usefixtures("way")
def test_what_is_not_settled_leaves_nothing(tmp_path):
    landing = Beside(tmp_path / "file")
    landing.write(b"half")
    landing.close()
    landing.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("way")
def test_a_file_may_be_read_by_whom_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        landing = Beside(tmp_path / "file")
        landing.keep()
        landing.settle()
        landing.close()
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/file")
    landing = Beside(tmp_path / "link")
    landing.write(b"new")
    landing.keep()
    landing.settle()
    landing.close()
    assert (tmp_path / "there" / "file").read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("where", ["", "nowhere/file"])
def test_where_no_file_can_be_it_is_said(tmp_path, where):
    with pytest.raises(NotKept, match="cannot write"):
        Beside(tmp_path / where)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_noticed_before(tmp_path):
    landing = Beside(tmp_path / "file", limit=1 << 62)
    with pytest.raises(Full, match="has no room"):
        landing.expect(1 << 60)
    landing.close()


def test_a_disk_that_fails_is_noticed(tmp_path):
    landing = Beside(tmp_path / "file")
    os.close(landing.fd)
    landing.fd = os.open("/dev/full", os.O_WRONLY)
    landing.write(b"x" * BUFFER)
    assert isinstance(landing.problem, Unavailable)
    landing.keep()
    assert not landing.kept
    landing.close()


def test_a_stream_has_it_all():
    file = io.BytesIO()
    fill(Stream(file))
    assert file.getvalue() == WHOLE


def test_a_stream_that_ends_is_noticed():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as file:
        landing = Stream(file)
        landing.write(b"x")
        assert isinstance(landing.problem, Unavailable)


def test_devices_and_pipes_are_special_files_and_folders_are_not(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    special = [tmp_path / "pipe", "/dev/null"]
    usual = [tmp_path, tmp_path / "file", tmp_path / "none"]
    assert all(is_special(type(tmp_path)(path)) for path in special)
    assert not any(map(is_special, usual))

"""The quota of a folder that takes files, and a disk that fails."""

import errno
import os
import subprocess
import sys
import threading

import pytest

from fastboot.errors import Full, Refused, TreeError, Unavailable
from fastboot.uploads import CHUNK, WAITING_MAX
from peers import need, need_root

from .taking import contents, finish, send, settle

# The quota


def test_a_file_that_is_announced_too_large_is_refused_at_once(taking):
    with pytest.raises(Full, match="up to 100 bytes"):
        taking(file_bytes=100).begin("log", 101)


def test_a_file_that_grows_too_large_is_given_up(taking, folder):
    taker = taking(file_bytes=CHUNK + 5)
    upload = taker.begin("log", 10)  # it lies
    upload.write(b"x" * CHUNK)
    settle(taker)
    assert upload.problem is None
    upload.write(b"x" * 6)
    assert isinstance(upload.problem, Full)
    finish(taker, upload)
    assert contents(folder) == []


def test_what_shall_stay_free_stays_free(taking, folder):
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    with pytest.raises(Full):
        taking(free_bytes=free + 1_000_000_000).begin("log")
    with pytest.raises(Full):
        taking(file_bytes=1 << 60, free_bytes=0).begin("log", free + 1_000_000_000)


def test_files_at_once_are_bounded(taking):
    taker = taking(files=2)
    begun = [taker.begin(f"log{n}") for n in range(3)]
    for upload in begun:
        upload.write(b"x" * CHUNK)
    settle(taker)
    assert [upload.problem is None for upload in begun] == [True, True, False]
    with pytest.raises(Unavailable, match="too many"):
        taker.begin("log")
    begun[0].close()
    settle(taker)
    assert send(taker, "log").kept
    for upload in begun:
        upload.close()


def test_a_slow_disk_is_told_by_ready(taking, monkeypatch):
    gate = threading.Event()
    write = os.write

    def slow(fd, data):
        gate.wait()
        return write(fd, data)

    taker = taking(file_bytes=1 << 30)
    monkeypatch.setattr(os, "write", slow)
    upload = taker.begin("log")
    put = 0
    while upload.ready:
        upload.write(b"x" * CHUNK)
        put += CHUNK
    assert put <= WAITING_MAX + CHUNK
    gate.set()
    settle(taker)
    assert upload.ready
    upload.close()


# A disk that fails


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, Full),
        (errno.EDQUOT, Full),
        (errno.EFBIG, Full),
        (errno.EROFS, Refused),
        (errno.EIO, Unavailable),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "link"])
def test_R4_a_disk_that_fails_leaves_nothing(
    taking, folder, monkeypatch, call, number, kind
):
    taker = taking()
    real = getattr(os, call)

    def failing(*arguments, **more):
        if call == "open" and not arguments[1] & os.O_CREAT:
            return real(*arguments, **more)
        raise OSError(number, "failed")

    monkeypatch.setattr(os, call, failing)
    upload = send(taker, "log")
    monkeypatch.undo()
    assert isinstance(upload.problem, kind)
    assert not upload.kept
    assert contents(folder) == []
    assert taker._disk.active == 0
    assert send(taker, "log").kept


def test_a_mistake_of_ours_ends_one_file_and_not_the_writer(taking, monkeypatch):
    taker = taking()
    monkeypatch.setattr(os, "fsync", None)
    assert isinstance(send(taker, "log").problem, TreeError)
    monkeypatch.undo()
    assert send(taker, "log").kept


SMALL = """
import sys
from fastboot.errors import Full
from fastboot.uploads import CHUNK, Quota, UploadFolder
from pathlib import Path
import threading

folder = Path(sys.argv[1])
taker = UploadFolder(folder, Quota(1 << 40, 4))
upload = taker.begin("log")
for _ in range(64):  # 16 MiB into 1 MiB
    upload.write(bytes(CHUNK))
upload.keep()
done = threading.Event()
taker._disk.jobs.put(done.set)
done.wait()
upload.close()
taker.close()
assert isinstance(upload.problem, Full), upload.problem
assert not upload.kept
print(sorted(path.name for path in folder.iterdir()))
"""


@pytest.mark.slow
def test_a_disk_that_is_full_leaves_nothing(tmp_path):
    need_root()
    mount = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [
            need("unshare"),
            "-m",
            "sh",
            "-c",
            mount,
            "sh",
            tmp_path,
            sys.executable,
            SMALL,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")

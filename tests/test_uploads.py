"""The folder that takes files: whole ones or none, beneath it only, within its quota."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading

import pytest

from fastboot import uploads
from fastboot.errors import (
    ConfigError,
    Exists,
    Full,
    NotFound,
    Refused,
    TreeError,
    Unavailable,
)
from fastboot.uploads import CHUNK, WAITING_MAX, Quota, UploadFolder
from peers import need, need_root


@pytest.fixture
def folder(tmp_path):
    """Where files go."""
    place = tmp_path / "uploads"
    place.mkdir()
    return place


@pytest.fixture
def taking(folder):
    """Makes folders that take files, and end with the test."""
    made = []

    def make(file_bytes=10_000_000, files=4, **quota):
        made.append(UploadFolder(folder, Quota(file_bytes, files, **quota)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def settle(taker):
    """Wait until the writer has done all that is in line."""
    done = threading.Event()
    taker._disk.jobs.put(done.set)
    done.wait()


def finish(taker, upload):
    """Keep a file and wait for what becomes of it, as whoever receives does."""
    upload.keep()
    settle(taker)
    upload.close()
    settle(taker)
    return upload


def send(taker, name, data=b"content"):
    """A whole file; how it went."""
    upload = taker.begin(name, len(data))
    upload.write(data)
    return finish(taker, upload)


def contents(folder):
    """What lies beneath a folder, hidden files included."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


# One file


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_file_is_kept_whole(taking, folder, size):
    data = os.urandom(size)
    upload = send(taking(), "log", data)
    assert upload.kept
    assert upload.problem is None
    assert (folder / "log").read_bytes() == data
    assert contents(folder) == ["log"]


def test_a_file_has_its_name_only_when_it_is_complete(taking, folder):
    taker = taking()
    upload = taker.begin("log")
    upload.write(b"x" * CHUNK)
    settle(taker)
    (hidden,) = contents(folder)
    assert hidden.startswith(".")
    assert len(hidden) > 32
    assert not upload.kept
    upload.keep()
    settle(taker)
    assert (folder / "log").read_bytes() == b"x" * CHUNK
    upload.close()


def test_what_is_not_kept_leaves_nothing(taking, folder):
    taker = taking()
    upload = taker.begin("log")
    upload.write(b"x" * CHUNK)
    settle(taker)
    upload.close()
    settle(taker)
    assert contents(folder) == []


def test_T3_a_client_that_sends_nothing_costs_nothing_on_the_disk(taking, folder):
    before = len(os.listdir("/proc/self/fd"))
    taker = taking()
    alone = len(os.listdir("/proc/self/fd"))
    begun = [taker.begin("log") for _ in range(100)]
    settle(taker)
    assert contents(folder) == []
    assert len(os.listdir("/proc/self/fd")) == alone > before
    for upload in begun:
        upload.close()


def test_nothing_is_held_afterwards(taking):
    taker = taking()
    before = len(os.listdir("/proc/self/fd"))
    for n in range(20):
        send(taker, f"log{n}")
    assert len(os.listdir("/proc/self/fd")) == before
    assert taker._disk.active == 0


def test_a_folder_in_the_name_has_to_be_there(taking, folder):
    (folder / "logs").mkdir()
    taker = taking()
    assert send(taker, "logs\\one").kept
    assert contents(folder) == ["logs/one"]
    with pytest.raises(NotFound):
        taker.begin("missing/one")


# Names


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("../log", Refused),
        ("a/../../log", Refused),
        ("..\\log", Refused),
        ("", Refused),
        ("/", Refused),
        (".", Refused),
        (".hidden", Refused),
        (".fastboot-upload-" + "0" * 32, Refused),
        ("a\nb", Refused),
        ("a\0b", Refused),
        ("x" * 300, Refused),
        ("out/log", Refused),  # a link that leads out
        ("file/log", NotFound),  # no folder
    ],
)
def test_P1_P5_P6_a_name_beneath_the_folder_or_none(taking, folder, name, error):
    (folder / "out").symlink_to(folder.parent)
    (folder / "file").write_bytes(b"")
    taker = taking(overwrite=True)
    with pytest.raises(error):
        taker.begin(name)
    assert contents(folder) == ["file"]
    assert not (folder.parent / "log").exists()


def test_P6_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(taking, folder):
    (folder / "logs").mkdir()
    taker = taking()
    upload = taker.begin("logs/one")
    upload.write(b"x")
    (folder / "logs").rmdir()
    (folder / "logs").symlink_to(folder.parent)
    finish(taker, upload)
    assert isinstance(upload.problem, Refused)
    assert not (folder.parent / "one").exists()
    assert contents(folder) == []


@pytest.mark.parametrize("kind", ["file", "link", "dangling", "folder", "fifo"])
def test_a_name_that_is_taken_is_not_taken_away(taking, folder, kind):
    outside = folder.parent / "outside"
    outside.write_bytes(b"old")
    make = {
        "file": lambda: (folder / "log").write_bytes(b"old"),
        "link": lambda: (folder / "log").symlink_to(outside),
        "dangling": lambda: (folder / "log").symlink_to("missing"),
        "folder": lambda: (folder / "log").mkdir(),
        "fifo": lambda: os.mkfifo(folder / "log"),
    }
    make[kind]()
    with pytest.raises(Exists):
        taking().begin("log")
    assert outside.read_bytes() == b"old"


def test_a_name_that_was_taken_meanwhile_is_not_taken_away(taking, folder):
    taker = taking()
    upload = taker.begin("log")
    upload.write(b"new")
    (folder / "log").write_bytes(b"old")
    finish(taker, upload)
    assert isinstance(upload.problem, Exists)
    assert (folder / "log").read_bytes() == b"old"
    assert contents(folder) == ["log"]


def test_of_two_with_the_same_name_the_first_that_is_complete_is_kept(taking, folder):
    taker = taking()
    one, two = taker.begin("log"), taker.begin("log")
    one.write(b"one")
    two.write(b"two")
    finish(taker, two)
    finish(taker, one)
    assert two.kept
    assert isinstance(one.problem, Exists)
    assert (folder / "log").read_bytes() == b"two"


def test_overwriting_is_allowed_where_it_is_asked_for(taking, folder):
    (folder / "log").write_bytes(b"old")
    assert send(taking(overwrite=True), "log", b"new").kept
    assert (folder / "log").read_bytes() == b"new"
    assert contents(folder) == ["log"]


def test_a_reader_of_the_old_file_keeps_it(taking, folder):
    (folder / "log").write_bytes(b"old")
    with (folder / "log").open("rb") as reader:
        send(taking(overwrite=True), "log", b"new")
        assert reader.read() == b"old"


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_only_a_regular_file_is_overwritten(taking, folder, kind):
    outside = folder.parent / "outside"
    outside.write_bytes(b"old")
    {
        "link": lambda: (folder / "log").symlink_to(outside),
        "folder": lambda: (folder / "log").mkdir(),
        "fifo": lambda: os.mkfifo(folder / "log"),
    }[kind]()
    with pytest.raises(Refused):
        taking(overwrite=True).begin("log")


@pytest.mark.parametrize("taken", [False, True])
def test_where_a_disk_has_no_links_a_name_is_still_never_taken_away(
    taking, folder, monkeypatch, taken
):
    def no_links(*_, **__):
        raise OSError(errno.EPERM, "FAT")

    monkeypatch.setattr(os, "link", no_links)
    taker = taking()
    upload = taker.begin("log")
    upload.write(b"new")
    if taken:
        (folder / "log").write_bytes(b"old")
    finish(taker, upload)
    assert upload.kept is not taken
    assert (folder / "log").read_bytes() == (b"old" if taken else b"new")
    assert contents(folder) == ["log"]


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


# Before and after


def test_C4_what_a_killed_server_left_is_removed(folder, taking):
    script = (
        "import sys, os, signal, threading;"
        "from fastboot.uploads import *;"
        "taker = UploadFolder(sys.argv[1], Quota(1 << 30, 4));"
        "upload = taker.begin('log'); upload.write(bytes(CHUNK));"
        "done = threading.Event(); taker._disk.jobs.put(done.set); done.wait();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, folder], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(contents(folder)) == 1
    taking()
    assert contents(folder) == []


def test_what_another_server_is_writing_is_left_alone(taking, folder):
    one = taking()
    upload = one.begin("log")
    upload.write(b"x" * CHUNK)
    settle(one)
    taking()
    finish(one, upload)
    assert contents(folder) == ["log"]


def test_files_of_others_are_left_alone(taking, folder):
    names = ["log", ".fastboot-upload-", ".fastboot-upload-" + "g" * 32]
    for name in names:
        (folder / name).write_bytes(b"")
    (folder / (".fastboot-upload-" + "0" * 32)).symlink_to("log")
    taking()
    assert set(names) <= set(os.listdir(folder))


@pytest.mark.parametrize("what", ["missing", "file"])
def test_a_folder_that_cannot_take_files_is_said_so_at_the_start(tmp_path, what):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot take uploads into"):
        UploadFolder(tmp_path / what, Quota(1, 1))


def test_a_folder_that_cannot_be_written_to_is_said_so_at_the_start(
    folder, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="Permission denied"):
        UploadFolder(folder, Quota(1, 1))


def test_closing_ends_what_is_in_line_first(folder):
    taker = UploadFolder(folder, Quota(1 << 30, 4))
    upload = taker.begin("log")
    upload.write(b"x" * CHUNK)
    upload.close()
    taker.close()
    taker.close()
    assert contents(folder) == []


def test_a_disk_that_hangs_keeps_no_server_from_stopping(folder, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda fd: gate.wait())
    monkeypatch.setattr(uploads, "CLOSE_WAIT", 0.05)
    taker = UploadFolder(folder, Quota(1 << 30, 4))
    upload = taker.begin("log")
    upload.keep()
    upload.close()
    taker.close()
    gate.set()
    taker._writer.join()
    taker.close()


def test_a_file_being_written_is_locked_so_that_it_shows_who_writes_it(taking, folder):
    taker = taking()
    upload = taker.begin("log")
    upload.write(b"x" * CHUNK)
    settle(taker)
    (name,) = contents(folder)
    with (folder / name).open("rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    upload.close()

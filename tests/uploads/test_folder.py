"""The folder that takes files: whole ones or none, and what is left behind."""

import fcntl
import os
import signal
import subprocess
import sys
import threading

import pytest

from fastboot import uploads
from fastboot.errors import ConfigError, NotFound
from fastboot.uploads import CHUNK, Quota, UploadFolder

from .taking import contents, finish, send, settle

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

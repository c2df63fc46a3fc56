"""Names of files that are sent: beneath the folder, and never somebody else's."""

import errno
import os

import pytest

from fastboot.errors import Exists, NotFound, Refused

from .taking import contents, finish, send


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

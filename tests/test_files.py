"""Descriptors of files, shared and let go."""

import os

import pytest

from fastboot.errors import ContentChanged
from fastboot.tree import FILES_MAX, Client, Directory

ME = Client("192.0.2.1", "tftp")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    tree = Directory(tmp_path)
    yield tree
    tree.close()


def opened():
    return len(os.listdir("/proc/self/fd"))


def test_all_who_read_a_file_share_its_descriptor(folder):
    before = opened()
    blobs = [folder.open("file", ME) for _ in range(10)]
    assert opened() == before + 1
    for blob in blobs:
        assert blob.read(0, 7) == b"content"
        blob.close()
    assert opened() == before


def test_a_file_that_was_replaced_is_not_shared(folder):
    old = folder.open("file", ME)
    (folder.root / "new").write_bytes(b"CONTENT")
    os.replace(folder.root / "new", folder.root / "file")
    new = folder.open("file", ME)
    assert (old.read(0, 7), new.read(0, 7)) == (b"content", b"CONTENT")
    old.close()
    new.close()


def test_F4_a_file_that_was_written_in_place_is_not_shared(folder):
    old = folder.open("file", ME)
    (folder.root / "file").write_bytes(b"longer content")
    new = folder.open("file", ME)
    assert new.size == 14
    old.close()
    new.close()


def test_a_blob_that_was_let_go_holds_nothing_and_is_read_all_the_same(folder):
    before = opened()
    blob = folder.open("file", ME)
    blob.let_go()
    assert opened() == before
    assert blob.read(0, 7) == b"content"
    assert opened() == before + 1
    blob.close()
    assert opened() == before


@pytest.mark.parametrize("change", ["replace", "remove", "rewrite"])
def test_F3_what_changed_while_it_was_let_go_is_not_read(folder, change):
    blob = folder.open("file", ME)
    blob.let_go()
    (folder.root / "new").write_bytes(b"CONTENT")
    if change == "replace":
        os.replace(folder.root / "new", folder.root / "file")
    elif change == "remove":
        os.unlink(folder.root / "file")
    else:
        (folder.root / "file").write_bytes(b"longer content")
    with pytest.raises(ContentChanged):
        blob.read(0, 7)
    blob.close()


def test_P6_what_leads_out_of_the_folder_now_is_not_read(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    blob = folder.open("file", ME)
    blob.let_go()
    os.rename(folder.root / "file", outside / "file")
    os.symlink(outside / "file", folder.root / "file")
    with pytest.raises(ContentChanged, match="leads out"):
        blob.read(0, 7)
    blob.close()


def test_names_that_are_remembered_are_bounded(folder):
    for number in range(FILES_MAX + 10):
        name = "./" * (number % 100) + "/" * (number // 100) + "file"
        folder.open(name, ME).close()
    assert folder.open("file", ME).size == 7
    assert len(folder._files) <= FILES_MAX

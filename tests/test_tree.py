"""Trees and blobs."""

import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.errors import ConfigError, ContentChanged, NotFound, Refused
from fastboot.tree import Blob, Client, Directory, Memory, Overlay

ME = Client("192.0.2.1", "http")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    tree = Directory(tmp_path)
    yield tree
    tree.close()


def read(tree, name):
    blob = tree.open(name, ME)
    try:
        return blob.read(0, blob.size)
    finally:
        blob.close()


@given(st.binary(max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_a_read_gives_what_there_is_at_that_place(data, offset, length):
    assert Blob.from_bytes(data).read(offset, length) == data[offset : offset + length]


def test_a_file_can_be_read_by_many_at_once(folder):
    blob = folder.open("file", ME)
    assert (blob.read(4, 3), blob.read(0, 4), blob.read(4, 99)) == (
        b"ent",
        b"cont",
        b"ent",
    )
    blob.close()


def test_bytes_of_equal_content_have_equal_etags():
    one, same, other = (Blob.from_bytes(data) for data in (b"a", b"a", b"b"))
    assert one.etag == same.etag != other.etag
    assert one.etag.startswith('"')
    assert one.etag.endswith('"')


def test_F3_a_replaced_file_has_another_etag(folder):
    before = folder.open("file", ME)
    (folder.root / "new").write_bytes(b"CONTENT")
    os.replace(folder.root / "new", folder.root / "file")
    after = folder.open("file", ME)
    assert before.etag != after.etag
    assert before.read(0, 7) == b"content"
    before.close()
    after.close()


def test_F1_reading_a_file_that_was_cut_short_is_an_error(folder):
    blob = folder.open("file", ME)
    os.truncate(folder.root / "file", 3)
    with pytest.raises(ContentChanged):
        blob.read(0, 7)
    blob.close()


def test_F4_a_rewritten_file_fails_its_check(folder):
    blob = folder.open("file", ME)
    blob.check()
    (folder.root / "file").write_bytes(b"CONTENT")
    os.utime(folder.root / "file", ns=(1, 1))
    with pytest.raises(ContentChanged):
        blob.check()
    blob.close()


def test_F5_a_file_that_grew_passes_its_check(folder):
    blob = folder.open("file", ME)
    with (folder.root / "file").open("ab") as file:
        file.write(b" and more")
    os.utime(folder.root / "file", ns=(1, 1))
    blob.check()
    assert blob.read(0, 99) == b"content"
    blob.close()


def test_F8_a_folder_that_was_replaced_is_followed(folder):
    root = folder.root
    os.rename(root, f"{root}.old")
    os.mkdir(root)
    (root / "fresh").write_bytes(b"fresh")
    assert read(folder, "fresh") == b"fresh"
    with pytest.raises(NotFound):
        folder.open("file", ME)
    shutil.rmtree(f"{root}.old")


def test_F8_a_folder_that_is_gone_has_no_files_until_it_is_back(folder):
    shutil.rmtree(folder.root)
    with pytest.raises(NotFound):
        folder.open("file", ME)
    os.mkdir(folder.root)
    (folder.root / "file").write_bytes(b"back")
    assert read(folder, "file") == b"back"


def test_a_folder_that_does_not_exist_is_a_clear_error(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot serve .*/no: No such file"):
        Directory(tmp_path / "no")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="Not a directory"):
        Directory(tmp_path / "file")


def test_names_are_sorted_and_hidden_ones_left_out(tmp_path):
    for name in ("b/y", "b/x", "a", "c", ".hidden", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    tree = Directory(tmp_path)
    assert list(tree.names()) == ["a", "c", "b/x", "b/y"]
    tree.close()


def test_names_are_bounded_in_depth_and_number(tmp_path):
    deep = tmp_path / "1/2/3/4/5"
    deep.mkdir(parents=True)
    (deep / "too-deep").write_bytes(b"")
    (deep.parent.parent / "deep-enough").write_bytes(b"")
    for n in range(20):
        (tmp_path / f"f{n:02}").write_bytes(b"")
    tree = Directory(tmp_path)
    names = list(tree.names())
    assert "1/2/3/deep-enough" in names
    assert not any("too-deep" in name for name in names)
    assert len(list(tree.names(limit=5))) == 5
    tree.close()


def test_a_circle_of_folders_is_not_walked(tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir/again").symlink_to("..")
    tree = Directory(tmp_path)
    assert list(tree.names()) == []
    tree.close()


def test_an_overlay_takes_the_first_that_has_the_name():
    tree = Overlay(Memory({"a": b"1"}), Memory({"a": b"2", "b": b"3"}))
    assert (read(tree, "a"), read(tree, "b")) == (b"1", b"3")
    with pytest.raises(NotFound):
        tree.open("c", ME)


def test_an_overlay_refuses_what_its_trees_refuse():
    with pytest.raises(Refused):
        Overlay(Memory({}), Memory({})).open("../x", ME)

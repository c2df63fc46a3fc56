"""Trees and blobs."""

import errno
import gc
import itertools
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.errors import ConfigError, ContentChanged, NotFound, Refused, Unavailable
from fastboot.tree import Blob, Client, Directory, Function, Memory, Overlay

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


def test_F8_a_folder_that_was_replaced_is_not_served_half_and_half(folder, tmp_path):
    root = folder.root
    new = root.with_name("new")
    new.mkdir()
    (new / "file").write_bytes(b"new content")
    (new / "more").write_bytes(b"more")
    os.rename(root, f"{root}.old")
    os.rename(new, root)
    assert read(folder, "file") == b"new content"
    assert folder.names() == ["file", "more"]
    shutil.rmtree(f"{root}.old")


def test_F8_a_listing_is_of_the_folder_that_is_there(folder):
    os.rename(folder.root, f"{folder.root}.old")
    os.mkdir(folder.root)
    (folder.root / "fresh").write_bytes(b"")
    assert folder.names() == ["fresh"]
    shutil.rmtree(f"{folder.root}.old")


def test_F8_while_one_folder_replaces_another_the_old_one_is_served(folder):
    os.rename(folder.root, f"{folder.root}.old")
    assert read(folder, "file") == b"content"
    os.rename(f"{folder.root}.old", folder.root)


def test_F8_a_folder_that_is_replaced_again_and_again_is_read_by_many(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(name.encode())
    (tmp_path / "root").symlink_to("a")
    tree = Directory(tmp_path / "root")
    before = len(os.listdir("/proc/self/fd"))

    def work(_):
        return read(tree, "file") in (b"a", b"b") and tree.names() == ["file"]

    with ThreadPoolExecutor(4) as pool:
        results = pool.map(work, range(400))
        for turn in range(200):
            (tmp_path / "next").symlink_to("ab"[turn % 2])
            os.replace(tmp_path / "next", tmp_path / "root")
        assert all(results)
    assert read(tree, "file") == b"b"
    assert len(os.listdir("/proc/self/fd")) == before
    tree.close()


def test_a_folder_may_be_closed_twice(tmp_path):
    tree = Directory(tmp_path)
    tree.close()
    spare = os.open(tmp_path, os.O_RDONLY)  # has the same number now
    tree.close()
    os.fstat(spare)
    os.close(spare)


def test_a_closed_folder_has_nothing(tmp_path):
    tree = Directory(tmp_path / ".")
    tree.close()
    assert tree.names() == []
    with pytest.raises(Unavailable):
        tree.open("file", ME)


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
    assert tree.names() == ["a", "c", "b/x", "b/y"]
    tree.close()


def test_names_are_bounded_in_depth_and_number(tmp_path):
    deep = tmp_path / "1/2/3/4/5"
    deep.mkdir(parents=True)
    (deep / "too-deep").write_bytes(b"")
    (deep.parent.parent / "deep-enough").write_bytes(b"")
    for n in range(20):
        (tmp_path / f"f{n:02}").write_bytes(b"")
    tree = Directory(tmp_path)
    names = tree.names()
    assert "1/2/3/deep-enough" in names
    assert not any("too-deep" in name for name in names)
    assert 4 <= len(tree.names(limit=5)) <= 5  # the folder may be one of the five
    tree.close()


def test_names_that_are_left_out_and_folders_count_as_well(tmp_path):
    for n in range(20):
        (tmp_path / f"d{n:02}").mkdir()
        (tmp_path / f".hidden{n}").touch()
    (tmp_path / "d00/file").touch()
    tree = Directory(tmp_path)
    assert tree.names(limit=40) == []
    assert tree.names(limit=41) == ["d00/file"]
    tree.close()


def test_a_limit_leaves_out_what_lies_deepest(tmp_path):
    for n in range(20):
        (tmp_path / "a/deep").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"a/deep/{n}").touch()
    (tmp_path / "z").mkdir()
    (tmp_path / "z/linux").touch()
    tree = Directory(tmp_path)
    assert "z/linux" in tree.names(limit=5)
    tree.close()


@pytest.mark.parametrize(
    "target",
    [
        "odd",
        "file/x",
        "missing",
        "/etc/passwd",
        "../secret",
        "up/secret",
        ".",
        "x" * 999,
    ],
)
def test_P6_a_link_that_does_not_open_is_not_named(tmp_path, target):
    (tmp_path / "secret").touch()
    root = tmp_path / "root"
    (root / "dir").mkdir(parents=True)
    (root / "file").touch()
    (root / "up").symlink_to("..")
    for place in (root, root / "dir"):  # "odd" leads to itself: ELOOP
        (place / "odd").symlink_to(target)
    (root / "dir/good").symlink_to("../file")
    tree = Directory(root)
    assert tree.names() == ["file", "dir/good"]
    tree.close()


def test_P5_a_name_that_no_client_can_ask_for_is_not_named(tmp_path):
    for name in ("a\nb", "a\\b", "a\x7f", "good"):
        (tmp_path / name).touch()
    (tmp_path / "c\nd").mkdir()
    (tmp_path / "c\nd/file").touch()
    tree = Directory(tmp_path)
    assert tree.names() == ["good"]
    tree.close()


@given(
    st.lists(
        st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=9),
        max_size=5,
    )
)
def test_every_path_that_is_named_opens(names):
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            try:
                Path(root, name).touch()
            except (OSError, UnicodeEncodeError):
                pass  # "." and "..", and lone surrogates
        tree = Directory(root)
        for name in tree.names():
            tree.open(name, ME).close()
        tree.close()


class Failing:
    """A directory on a disk that fails after its first entry."""

    def __init__(self, entries):
        self.entries = entries

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.entries.close()

    def __iter__(self):
        yield next(self.entries)
        raise OSError(errno.EIO, "Input/output error")


def test_a_disk_that_fails_while_it_is_listed_leaves_what_was_read(folder, monkeypatch):
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda fd: Failing(scandir(fd)))
    (folder.root / "second").touch()
    assert len(folder.names()) == 1


class Unknown:
    """An entry whose kind the disk does not tell."""

    name = "unknown"

    def is_symlink(self):
        raise OSError(errno.EIO, "Input/output error")

    def is_dir(self, *, follow_symlinks):
        self.is_symlink()


def test_an_entry_that_cannot_be_looked_at_is_not_named(folder, monkeypatch):
    scandir = os.scandir

    @contextmanager
    def with_one_more(fd):
        with scandir(fd) as entries:
            yield itertools.chain([Unknown()], entries)

    monkeypatch.setattr(os, "scandir", with_one_more)
    assert folder.names() == ["file"]


def test_a_listing_leaves_no_descriptor_behind(folder):
    (folder.root / "dir").mkdir()
    (folder.root / "link").symlink_to("file")
    before = len(os.listdir("/proc/self/fd"))
    assert folder.names() == ["file", "link"]
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_circle_of_folders_is_not_walked(tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir/again").symlink_to("..")
    tree = Directory(tmp_path)
    assert tree.names() == []
    tree.close()


def test_an_overlay_takes_the_first_that_has_the_name():
    tree = Overlay(Memory({"a": b"1"}), Memory({"a": b"2", "b": b"3"}))
    assert (read(tree, "a"), read(tree, "b")) == (b"1", b"3")
    with pytest.raises(NotFound):
        tree.open("c", ME)


def test_an_overlay_refuses_what_its_trees_refuse():
    with pytest.raises(Refused):
        Overlay(Memory({}), Memory({})).open("../x", ME)


# Who may read what (P10)


@pytest.fixture
def private(tmp_path):
    """A folder with one file for everybody and two that are not."""
    (tmp_path / "public").write_bytes(b"public")
    (tmp_path / "private").write_bytes(b"private")
    (tmp_path / "private").chmod(0o600)
    os.link(tmp_path / "private", tmp_path / "linked")  # a hard link is the file itself
    os.symlink("private", tmp_path / "symbolic")
    tree = Directory(tmp_path, public=True)
    yield tree
    tree.close()


@pytest.mark.parametrize("name", ["private", "linked", "symbolic"])
def test_P10_what_not_everybody_may_read_is_refused_where_that_is_the_rule(
    private, name
):
    with pytest.raises(Refused, match="not everybody"):
        private.open(name, ME)


def test_P10_what_everybody_may_read_is_served(private):
    assert read(private, "public") == b"public"


def test_P10_only_what_is_served_is_listed(private):
    assert private.names() == ["public"]
    assert [item.name for item in private.look("/", 10).items] == ["public"]


def test_P10_without_that_rule_all_that_we_can_read_is_served(private):
    tree = Directory(private.root)
    assert read(tree, "linked") == b"private"
    assert len(tree.names()) == 4
    tree.close()


async def never_awaited(name, client):
    return b""


@pytest.mark.parametrize(
    "tree", [Function(never_awaited), Overlay(Function(never_awaited))]
)
def test_an_answer_that_nobody_awaits_can_be_given_up(tree):
    """Otherwise Python complains, which is an error here."""
    answer = tree.open("x", ME)
    answer.close()
    answer.close()
    del answer
    gc.collect()

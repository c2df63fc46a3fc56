"""What is in one folder, and nothing of what is outside."""

from __future__ import annotations

import os

import pytest

from fastboot.errors import NotFound, Refused
from fastboot.listing import Item
from fastboot.tree import Directory

SECOND = 10**9


@pytest.fixture
def folder(tmp_path):
    """A folder to look into, with its tree."""
    (tmp_path / "root").mkdir()
    tree = Directory(tmp_path / "root")
    yield tmp_path / "root", tree
    tree.close()


def names(tree, name="/", limit=100):
    return [item.name for item in tree.look(name, limit).items]


def test_folders_come_first_and_names_are_sorted_whatever_their_case(folder):
    root, tree = folder
    for name in ("b", "C", "a"):
        (root / name).write_bytes(b"")
    for name in ("z", "Y"):
        (root / name).mkdir()
    assert names(tree) == ["Y", "z", "a", "b", "C"]


def test_an_item_has_its_size_and_its_time(folder):
    root, tree = folder
    (root / "f").write_bytes(b"12345")
    (root / "d").mkdir()
    os.utime(root / "f", ns=(0, 7 * SECOND))
    os.utime(root / "d", ns=(0, 8 * SECOND))
    assert tree.look("/", 100).items == (
        Item("d", folder=True, size=0, mtime_ns=8 * SECOND),
        Item("f", folder=False, size=5, mtime_ns=7 * SECOND),
    )


@pytest.mark.parametrize("name", ["d", "/d", "/d/", "//d/./", "d\\"])
def test_a_folder_inside_is_looked_into(folder, name):
    root, tree = folder
    (root / "d").mkdir()
    (root / "d" / "f").write_bytes(b"")
    assert names(tree, name) == ["f"]


def test_P6_links_that_stay_inside_are_what_they_lead_to_and_others_are_not_there(
    folder,
):
    root, tree = folder
    (root.parent / "secret").write_bytes(b"secret")
    (root / "f").write_bytes(b"12345")
    (root / "d").mkdir()
    (root / "to_f").symlink_to("f")
    (root / "to_d").symlink_to("d")
    (root / "out").symlink_to("../secret")
    (root / "above").symlink_to("..")
    (root / "circle").symlink_to("circle")
    items = {item.name: (item.folder, item.size) for item in tree.look("/", 9).items}
    assert items == {
        "d": (True, 0),
        "to_d": (True, 0),
        "f": (False, 5),
        "to_f": (False, 5),
    }


def test_P5_P7_what_cannot_be_had_is_not_there(folder):
    root, tree = folder
    os.mkfifo(root / "pipe")
    (root / ".hidden").write_bytes(b"")
    (root / "a\nb").write_bytes(b"")
    (root / "a\\b").write_bytes(b"")
    assert names(tree) == []


def test_P10_what_not_everybody_may_read_is_not_there_where_that_is_asked_for(folder):
    root, tree = folder
    (root / "private").write_bytes(b"")
    (root / "private").chmod(0o640)
    (root / "link").symlink_to("private")
    (root / "d").mkdir(mode=0o700)
    assert names(tree) == ["d", "link", "private"]
    public = Directory(root, public=True)
    assert names(public) == ["d"]
    public.close()


def test_a_long_folder_is_cut_off_and_that_is_said(folder):
    root, tree = folder
    for number in range(5):
        (root / f"{number}").write_bytes(b"")
    assert (len(names(tree, limit=5)), tree.look("/", 5).complete) == (5, True)
    assert (len(names(tree, limit=4)), tree.look("/", 4).complete) == (4, False)


@pytest.mark.parametrize(
    ("name", "error"),
    [("/missing", NotFound), ("/f", NotFound), ("/../root", Refused), ("/", None)],
)
def test_P1_P2_what_is_no_folder_beneath_the_root_is_refused(folder, name, error):
    root, tree = folder
    (root / "f").write_bytes(b"")
    before = len(os.listdir("/proc/self/fd"))
    if error:
        with pytest.raises(error):
            tree.look(name, 10)
    else:
        tree.look(name, 10)
    assert len(os.listdir("/proc/self/fd")) == before

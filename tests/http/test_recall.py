"""What is kept of an answer gives the same answer again, and only where it would."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.config import HttpConfig
from fastboot.http.actions import Send, SendFile
from fastboot.http.connection import Connection
from fastboot.http.kept import Kept
from fastboot.http.recall import (
    FILES_MAX,
    HEAD_MAX,
    HEADS_MAX,
    SETTLED,
    recipe,
    split,
)
from fastboot.tree import Blob, Client, Directory, Memory, Overlay

SIZE = 10_000
WALL = 2_000_000_000.0  # seconds since the epoch
CLIENT = Client("10.0.0.7", "http")


def get(*lines, path=b"/disk.iso"):
    return b"\r\n".join([b"GET %s HTTP/1.1" % path, b"Host: boot", *lines, b"", b""])


def ranged(first, last):
    return get(b"Range: bytes=%d-%d" % (first, last))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a file that has not changed for long, and its tree."""
    root = tmp_path_factory.mktemp("root")
    (root / "disk.iso").write_bytes(bytes(range(250)) * (SIZE // 250))
    tree = Directory(root)
    yield root, tree
    tree.close()


def answer(tree, head, now=WALL):
    """What the connection's machine does for a head: what it opened, and its actions."""
    opened = []

    def open_blob(name, client):
        opened.append((name, tree.open(name, client)))
        return opened[0][1]

    ask = {"client": CLIENT.address, "server": "10.0.0.1", "now": 0.0}
    machine = Connection(HttpConfig(), open_blob, print, lambda: now, **ask)
    actions = machine.receive(head, 0.0)
    return opened[0], actions


def learn(tree, head, now=WALL):
    """The recipe for a head, as an engine makes it."""
    (name, blob), actions = answer(tree, head, now)
    path = tree.path_of(name)
    try:
        return recipe(head, name, path, blob, actions, now)
    finally:
        blob.close()


def keep(kept, tree, head, **changes):
    """Keep the recipe for a head, with something changed."""
    (name, blob), actions = answer(tree, head)
    known = recipe(head, name, tree.path_of(name), blob, actions, WALL)
    kept.keep(replace(known, **changes), blob)
    blob.close()


def test_the_same_head_has_the_same_answer_but_for_the_date(folder):
    _, tree = folder
    kept = learn(tree, get())
    (_, blob), actions = answer(tree, get(), WALL + 86400)
    (sent, body) = actions
    assert sent.data == kept.head(b"Thu, 19 May 2033 03:33:20 GMT")
    assert body == SendFile(blob, 0, SIZE)
    blob.close()


@given(st.integers(0, SIZE - 1), st.integers(0, 10**18 - 1))
def test_a_part_has_the_answer_that_the_machine_gives(folder, first, last):
    _, tree = folder
    kept = Kept()
    keep(kept, tree, ranged(7, 8))
    found = kept.find(ranged(first, last))
    (_, blob), actions = answer(tree, ranged(first, last))
    if last < first:
        assert found is None
        assert actions[1] == SendFile(blob, 0, SIZE)
    else:
        known, offset, length = found
        date = b"Wed, 18 May 2033 03:33:20 GMT"
        assert actions == [
            Send(known.recipe.head(date, offset, length)),
            SendFile(blob, offset, length),
        ]
    blob.close()
    kept.forget()


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (get(), None),
        (get(b"Range: bytes=0-4095"), (0, 4095)),
        (get(b"Range: bytes=5-"), None),
        (get(b"Range: bytes=-5"), None),
        (get(b"range: bytes=0-1"), None),
        (get(b"Range: bytes=0-1,3-4"), None),
        (get(b"Range:bytes=0-1"), None),
        (get(b"Range: bytes=0-1 "), None),
        (get(b"X: Range: bytes=0-1"), None),
        (get(b"Range: bytes=%d-1" % 10**18), None),
    ],
)
def test_only_the_numbers_of_one_range_as_boot_clients_write_it_are_split_off(
    head, part
):
    key, found = split(head)
    assert found == part
    if part is None:
        assert key == head
    else:
        assert key == get(b"Range: bytes=")


@pytest.mark.parametrize(
    "head",
    [
        get(b"Connection: close"),
        get().replace(b"GET", b"HEAD"),
        get(b"If-None-Match: *"),
        get(b"Range: bytes=0-1,500-600"),
        get(b"Range: bytes=5-"),  # its numbers are not cut out: one file, many heads
        get(b"Range: bytes=0-1", b"If-Range: \"other\""),
        get(b"Range: bytes=0-1", b"Range: bytes=5-6"),
        get(b"Range: bytes=5-1"),
        get(b"X: " + b"x" * HEAD_MAX),
    ],
)  # fmt: skip
def test_answers_of_other_kinds_are_not_kept(folder, head):
    _, tree = folder
    assert learn(tree, head) is None


def test_a_condition_that_holds_for_the_file_may_be_part_of_the_head(folder):
    _, tree = folder
    (_, blob), _ = answer(tree, get())
    head = get(b"Range: bytes=0-1", b"If-Range: " + blob.etag.encode())
    blob.close()
    assert learn(tree, head).ranged


def test_a_file_that_has_just_changed_is_not_trusted_yet(folder):
    root, tree = folder
    now = time.time()
    (root / "new").write_bytes(b"new")
    head = get(path=b"/new")
    assert learn(tree, head, now + SETTLED / 2) is None
    assert learn(tree, head, now + 2 * SETTLED) is not None


def test_a_file_whose_old_date_was_restored_is_not_trusted_either(folder):
    root, tree = folder
    (root / "restored").write_bytes(b"new")
    os.utime(root / "restored", (946684800, 946684800))  # as `cp -p` and rsync do
    assert learn(tree, get(path=b"/restored"), time.time() + SETTLED / 2) is None


def test_F3_a_file_that_is_replaced_while_it_is_asked_for_is_not_kept(folder):
    root, tree = folder
    for name in ("first", "second"):
        (root / name).write_bytes(b"same")
    now, head = time.time() + 2 * SETTLED, get(path=b"/first")
    (name, blob), actions = answer(tree, head, now)
    (root / "second").replace(root / "first")
    assert recipe(head, name, tree.path_of(name), blob, actions, now) is None
    blob.close()


def test_F6_of_a_file_that_may_hang_nothing_is_kept(folder, monkeypatch):
    _, tree = folder
    monkeypatch.setattr(Blob, "slow", True)
    assert learn(tree, get()) is None


def test_what_is_no_file_is_not_kept(folder):
    _, tree = folder
    menu = Overlay(tree, Memory({"boot.ipxe": b"#!ipxe"}))
    assert learn(menu, get(path=b"/boot.ipxe")) is None
    assert learn(menu, get()) is not None


def test_a_file_behind_another_tree_is_not_kept_under_the_first_ones_path(
    folder, tmp_path
):
    _, tree = folder
    (tmp_path / "linux").write_bytes(b"kernel")
    programs = Directory(tmp_path)
    both = Overlay(tree, programs)
    assert learn(both, get(path=b"/linux")) is None
    programs.close()


def test_a_name_that_is_refused_has_no_path(folder):
    root, tree = folder
    assert tree.path_of("/../secret") is None
    assert tree.path_of("/a//b") == os.path.join(root, "a", "b")
    assert Overlay().path_of("/a") is None
    assert Overlay(Memory({}), tree).path_of("/a") is None


@pytest.fixture
def file(tmp_path):
    """A file, and its tree."""
    (tmp_path / "disk.iso").write_bytes(b"0123456789")
    tree = Directory(tmp_path)
    yield tmp_path / "disk.iso", tree
    tree.close()


@pytest.mark.parametrize("change", ["write", "replace", "remove", "touch", "chmod"])
def test_a_file_that_changed_in_any_way_is_asked_for_again(file, change):
    path, tree = file
    kept = Kept()
    keep(kept, tree, get())
    assert kept.find(get())
    match change:
        case "write":
            path.write_bytes(b"9876543210")
        case "replace":
            (path.parent / "other").write_bytes(b"9876543210")
            (path.parent / "other").replace(path)
        case "remove":
            path.unlink()
        case "touch":
            os.utime(path)
        case "chmod":
            path.chmod(0o600)
    assert kept.find(get()) is None
    assert kept.sweep() == 0


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def test_a_file_is_held_open_once_and_closed_when_it_changes(file):
    path, tree = file
    before = descriptors()
    kept = Kept()
    keep(kept, tree, get())
    keep(kept, tree, get(b"User-Agent: iPXE/1.21.1"))
    keep(kept, tree, get())
    assert descriptors() == before + 1
    assert kept.sweep() == 2
    path.unlink()
    assert kept.sweep() == 0
    assert descriptors() == before


def test_what_is_under_way_keeps_its_file_when_all_is_forgotten(file):
    _, tree = file
    before = descriptors()
    kept = Kept()
    keep(kept, tree, get())
    known, _, _ = kept.find(get())
    kept.hold(known.file)
    kept.forget()
    assert known.file.blob.read(0, 10) == b"0123456789"
    kept.release(known.file)
    assert descriptors() == before


def test_heads_are_bounded_and_the_oldest_gives_way(file):
    _, tree = file
    kept = Kept()
    for number in range(HEADS_MAX + 1):
        keep(kept, tree, get(), key=(get(b"X: %d" % number), False))
    assert kept.sweep() == HEADS_MAX
    assert kept.find(get(b"X: 0")) is None
    assert kept.find(get(b"X: 1"))
    kept.forget()


def test_files_are_bounded_and_the_oldest_gives_way(file):
    path, tree = file
    before = descriptors()
    kept = Kept()
    for number in range(FILES_MAX + 3):
        (path.parent / str(number)).write_bytes(b"x")
        keep(kept, tree, get(path=b"/%d" % number))
    assert descriptors() == before + FILES_MAX
    assert kept.find(get(path=b"/2")) is None
    kept.forget()
    assert descriptors() == before

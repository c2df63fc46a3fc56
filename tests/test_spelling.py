"""Names in the wrong case find their file, and nothing beyond the folder."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot import spelling
from fastboot.errors import NotFound, Refused
from fastboot.spelling import AnyCase
from fastboot.tree import Client, Directory

ME = Client("192.0.2.1", "tftp")


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    (root / "Boot" / "x64").mkdir(parents=True)
    (root / "Boot" / "BCD").write_text("store")
    (root / "Boot" / "x64" / "wdsmgfw.efi").write_text("loader")
    (root / "twice").write_text("one")
    (root / "TWICE").write_text("two")
    (root / "GRÜN").write_text("green")
    return root


@pytest.fixture
def tree(folder):
    directory = Directory(folder)
    yield AnyCase(directory)
    directory.close()


def read(tree, name):
    blob = tree.open(name, ME)
    try:
        return blob.read(0, blob.size).decode()
    finally:
        blob.close()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (r"\boot\bcd", "store"),  # bootmgr
        ("/BOOT/BCD", "store"),
        (r"\Boot\X64\WDSMGFW.EFI", "loader"),
        ("grün", "green"),
    ],
)
def test_P8_a_name_in_another_case_finds_its_file(tree, name, content):
    assert read(tree, name) == content


@pytest.mark.parametrize("name", ["Twice", "boot", "bcd", "Boot/BC", "", "boot/x64"])
def test_P8_what_fits_no_file_or_two_is_not_found(tree, name):
    with pytest.raises(NotFound):
        read(tree, name)


def test_P8_a_folder_of_exactly_that_name_goes_before_others(folder, tree):
    (folder / "boot").mkdir()
    (folder / "boot" / "BCD").write_text("other")
    assert read(tree, "boot/bcd") == "other"


@pytest.mark.parametrize("name", ["../SECRET", r"Boot\..\..\SECRET"])
def test_P1_P8_climbing_is_refused_in_any_case(folder, tree, name):
    (folder.parent / "secret").write_text("secret")
    with pytest.raises(Refused):
        read(tree, name)


@pytest.mark.parametrize("name", ["OUT/secret", "OUT/SECRET", "FILE"])
def test_P6_P8_no_case_leads_out_of_the_folder(folder, tree, name):
    (folder.parent / "other").mkdir()
    (folder.parent / "other" / "secret").write_text("secret")
    os.symlink("../other", folder / "out")
    os.symlink("../other/secret", folder / "file")
    with pytest.raises((NotFound, Refused)):
        read(tree, name)


def test_P8_a_large_folder_is_not_searched(folder, tree, monkeypatch):
    monkeypatch.setattr(spelling, "ENTRIES_MAX", 4)
    assert read(tree, "boot/bcd") == "store"
    (folder / "fifth").touch()
    with pytest.raises(NotFound):
        read(tree, "boot/bcd")


def test_P8_a_deep_name_is_not_searched(folder, tree):
    parts = ["a"] * (spelling.DEPTH_MAX + 1)
    folder.joinpath(*parts[:-1]).mkdir(parents=True)
    folder.joinpath(*parts).write_text("deep")
    with pytest.raises(NotFound):
        read(tree, "/".join(parts).upper())


def test_F8_a_folder_that_is_gone_has_nothing_in_any_case(folder, tree):
    folder.rename(folder.parent / "elsewhere")
    with pytest.raises(NotFound):
        read(tree, "boot/bcd")


@given(st.text())
def test_P5_any_name_has_content_or_none(tmp_path_factory, name):
    root = tmp_path_factory.getbasetemp() / "any"
    root.mkdir(exist_ok=True)
    directory = Directory(root)
    try:
        with pytest.raises((NotFound, Refused)):
            AnyCase(directory).open(name, ME)
    finally:
        directory.close()

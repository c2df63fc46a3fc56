"""The script that iPXE loads. That real iPXE runs it, tests/firmware shows."""

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.boot.entries import Entry, Kind
from fastboot.boot.menu import FRESH, Menu, write_menu
from fastboot.errors import NotFound
from fastboot.tree import Client, Directory

ME = Client("192.0.2.1", "http")
DEBIAN = Entry(
    "debian", Kind.LINUX, "debian/linux", ("debian/initrd.gz",), "console=ttyS0"
)
ARCH = Entry("arch", Kind.LINUX, "arch/vmlinuz", ("arch/initramfs.img",))
RESCUE = Entry("rescue.efi", Kind.EFI, "rescue.efi", cpu="x86_64")
TOOLS = Entry("tools.ipxe", Kind.SCRIPT, "tools.ipxe")


def lines(*entries, timeout=5.0):
    return write_menu(entries, timeout).splitlines()


def starting(script, *words):
    return [line for line in script if line.startswith(words)]


def test_it_is_an_ipxe_script():
    assert lines(DEBIAN)[0] == "#!ipxe"


def test_one_entry_starts_by_itself_after_the_timeout():
    (choose,) = starting(lines(DEBIAN), "choose")
    assert choose == "choose --timeout 5000 selected || goto shell"


def test_several_entries_wait_for_a_choice():
    (choose,) = starting(lines(ARCH, DEBIAN), "choose")
    assert "--timeout" not in choose


def test_a_timeout_of_zero_waits_for_a_key():
    (choose,) = starting(lines(DEBIAN, timeout=0), "choose")
    assert "--timeout" not in choose


def test_an_ipxe_without_menus_starts_the_first_entry():
    assert "menu fastboot || goto entry1" in lines(ARCH, DEBIAN)


def test_the_kernel_line_names_its_initrd_for_uefi():
    # Without initrd= the EFI stub of a kernel that an old iPXE loads finds none.
    script = lines(DEBIAN)
    (kernel,) = starting(script, "kernel")
    (initrd,) = starting(script, "initrd")
    assert kernel == (
        "kernel --name linux debian/linux initrd=initrd1 console=ttyS0 || goto failed"
    )
    assert initrd == "initrd --name initrd1 debian/initrd.gz || goto failed"


def test_an_efi_program_is_shown_to_machines_that_can_run_it():
    script = lines(RESCUE)
    assert (
        "iseq ${platform} efi && iseq ${arch} x86_64 && item entry1 rescue.efi ||"
        in script
    )
    assert "chain rescue.efi || goto failed" in script


def test_an_efi_program_for_an_unknown_cpu_is_shown_to_every_uefi():
    unknown = Entry("x.efi", Kind.EFI, "x.efi")
    assert "iseq ${platform} efi && item entry1 x.efi ||" in lines(unknown)


def test_a_script_is_chained():
    assert "chain tools.ipxe || goto failed" in lines(TOOLS)


def test_mac_uuid_and_arch_are_there_for_scripts():
    script = lines(TOOLS)
    assert any(line.startswith("set arch") for line in script)
    assert any("set mac" in line for line in script)


def test_an_empty_folder_says_so():
    assert any("holds nothing to boot" in line for line in lines())


def test_every_label_that_is_gone_to_exists():
    script = lines(ARCH, DEBIAN, RESCUE, TOOLS)
    labels = {line.removeprefix(":") for line in script if line.startswith(":")}
    for line in script:
        words = line.split()
        for word, target in itertools.pairwise(words):
            if word == "goto" and target != "${selected}":
                assert target in labels
        if "item" in words and "--gap" not in words:
            assert words[words.index("item") + 1] in labels


hostile = st.lists(
    st.sampled_from([*"ab /.${}|&;#\"'\\\n\r\t\x1b%?:-", "||", "&&", "ä", "\udcff"]),
    min_size=1,
).map("".join)
BENIGN = Entry("t", Kind.LINUX, "p", ("i",), "a")


@given(hostile, hostile, hostile)
def test_G1_no_file_name_adds_a_command(title, path, arguments):
    entry = Entry(title, Kind.LINUX, path, (path,), arguments)
    script = write_menu([entry], 5.0)
    script.encode("ascii", "ignore")
    commands = [line.split(" ", 1)[0] for line in script.splitlines()]
    plain = [line.split(" ", 1)[0] for line in write_menu([BENIGN], 5.0).splitlines()]
    assert commands == plain
    kernel = starting(script.splitlines(), "kernel")[0]
    assert kernel.split().count("||") == 1


@given(hostile)
def test_G1_no_file_name_is_expanded_by_ipxe(name):
    script = write_menu([Entry(name, Kind.SCRIPT, name)], 5.0)
    plain = write_menu([Entry("t", Kind.SCRIPT, "p")], 5.0)
    assert script.count("${") == plain.count("${")


def test_G1_a_name_that_looks_like_an_option_is_none():
    assert "chain ./-x.ipxe || goto failed" in lines(
        Entry("-x.ipxe", Kind.SCRIPT, "-x.ipxe")
    )


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def made(tmp_path):
    clock = Clock()
    folder = Directory(tmp_path)
    yield tmp_path, Menu(folder, 5.0, clock), clock
    folder.close()


def script_of(menu, name="boot.ipxe"):
    blob = menu.open(name, ME)
    return blob.read(0, blob.size).decode()


def add(path):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")


@pytest.mark.parametrize("name", ["boot.ipxe", "/autoexec.ipxe", "\\boot.ipxe"])
def test_the_menu_is_at_both_of_its_names(made, name):
    assert script_of(made[1], name).startswith("#!ipxe\n")


@pytest.mark.parametrize("name", ["", "menu.ipxe", "a/boot.ipxe"])
def test_the_menu_is_nowhere_else(made, name):
    with pytest.raises(NotFound):
        made[1].open(name, ME)


def test_a_new_file_is_seen_without_a_restart(made):
    folder, menu, clock = made
    assert "debian" not in script_of(menu)
    add(folder / "debian/linux")
    add(folder / "debian/initrd")
    clock.now += FRESH
    assert "item entry1 debian" in script_of(menu)


def test_machines_that_come_together_share_one_look(made, monkeypatch):
    _, menu, clock = made
    script_of(menu)
    monkeypatch.setattr(os, "scandir", None)
    clock.now += FRESH / 2
    assert script_of(menu)


def test_a_file_that_cannot_be_read_does_not_spoil_the_menu(made):
    folder, menu, _ = made
    (folder / "broken.efi").symlink_to("/etc/passwd")
    add(folder / "good.ipxe")
    assert "good.ipxe" in script_of(menu)

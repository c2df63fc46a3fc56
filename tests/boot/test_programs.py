"""Boot programs: where they are found, and for which CPU they are."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.boot.machine import ARCHES, arch_of
from fastboot.boot.programs import (
    CANDIDATES,
    NAMES,
    Programs,
    efi_cpu,
    find,
    missing,
)
from fastboot.errors import ContentChanged, NotFound, Refused
from fastboot.tree import Blob, Client, Directory, Memory, Overlay
from peers import need_file

BIOS, IA32, X64, ARM64 = (arch_of((code,)) for code in (0, 6, 7, 11))
CLIENT = Client("192.0.2.50", "tftp")


def efi(machine, at=0x80):
    """The head of an EFI program for a machine type."""
    head = (
        b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", at)  # e_lfanew
    ).ljust(at, b"\0")
    return head + b"PE\0\0" + struct.pack("<H", machine) + bytes(18)


EFI_X64, EFI_IA32, EFI_ARM64 = efi(0x8664), efi(0x014C), efi(0xAA64)


@pytest.mark.parametrize(
    ("machine", "cpu"),
    [
        (0x8664, "x86_64"),
        (0x014C, "i386"),
        (0xAA64, "arm64"),
        (0x01C2, "arm"),
        (0x5064, "riscv64"),
        (0x6264, "loongarch64"),
        (0x0200, "ia64"),
        (0x1234, None),
    ],
)
def test_an_efi_programs_cpu_stands_in_its_header(machine, cpu):
    assert efi_cpu(efi(machine)) == cpu


@pytest.mark.parametrize("length", range(len(EFI_X64) - 18))
def test_a_head_cut_short_is_no_efi_program(length):
    assert efi_cpu(EFI_X64[:length]) is None


def test_a_header_that_points_past_the_head_is_no_efi_program():
    assert efi_cpu(b"MZ".ljust(0x3C, b"\0") + b"\xff" * 4 + bytes(100)) is None


@given(st.binary(max_size=200).map(lambda tail: b"MZ" + tail))
def test_any_bytes_have_a_cpu_or_none(head):
    efi_cpu(head)


def test_installed_programs_are_what_they_are_called():
    folder = need_file("/usr/lib/ipxe/ipxe.efi", "ipxe").parent
    trees = (Programs((folder,)),)
    assert find(trees, BIOS) == "undionly.kpxe"
    assert find(trees, X64) == "snponly.efi"
    assert find(trees, ARM64) is None or "arm64" in find(trees, ARM64)


# What is chosen


def test_a_bios_gets_the_build_that_goes_on_with_its_driver():
    tree = Memory({"ipxe.pxe": b"x", "undionly.kpxe": b"x"})
    assert find((tree,), BIOS) == "undionly.kpxe"


def test_a_uefi_machine_gets_the_build_that_goes_on_with_its_driver():
    tree = Memory({"ipxe.efi": EFI_X64, "snponly.efi": EFI_X64})
    assert find((tree,), X64) == "snponly.efi"


def test_a_program_for_another_cpu_is_passed_over():
    tree = Memory({"snponly.efi": EFI_ARM64, "ipxe.efi": EFI_X64})
    assert find((tree,), X64) == "ipxe.efi"
    assert find((tree,), ARM64) == "snponly.efi"
    assert find((tree,), IA32) is None


def test_the_users_folder_comes_first_whatever_the_name():
    user = Memory({"ipxe.efi": EFI_X64})
    installed = Memory({"snponly.efi": EFI_X64})
    assert find((user, installed), X64) == "ipxe.efi"


def test_a_name_that_the_users_file_hides_is_not_chosen():
    user = Memory({"snponly.efi": EFI_ARM64})
    installed = Memory({"snponly.efi": EFI_X64, "ipxe.efi": EFI_X64})
    assert find((user, installed), X64) == "ipxe.efi"


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(sorted(NAMES)),
            st.sampled_from([EFI_X64, EFI_IA32, EFI_ARM64, b"", b"text"]),
            max_size=6,
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([X64, IA32, ARM64]),
)
def test_what_is_chosen_is_what_the_overlay_serves(contents, arch):
    trees = [Memory(content) for content in contents]
    name = find(trees, arch)
    if name is not None:
        assert efi_cpu(Overlay(*trees).open(name, CLIENT).read(0, 4096)) == arch.cpu


def test_a_file_added_later_is_found(tmp_path):
    tree = Directory(tmp_path)
    assert find((tree,), X64) is None
    (tmp_path / "ipxe.efi").write_bytes(EFI_X64)
    assert find((tree,), X64) == "ipxe.efi"
    tree.close()


@pytest.mark.parametrize("names", CANDIDATES.values())
def test_each_name_looked_for_is_found(names):
    platform, cpu = next(key for key, value in CANDIDATES.items() if value == names)
    arch = next(a for a in ARCHES.values() if (a.platform, a.cpu) == (platform, cpu))
    machine = {
        "x86_64": 0x8664,
        "i386": 0x014C,
        "arm": 0x01C2,
        "arm64": 0xAA64,
        "riscv32": 0x5032,
        "riscv64": 0x5064,
        "loongarch64": 0x6264,
    }[cpu]
    for name in names:
        assert find((Memory({name: efi(machine)}),), arch) == name


class Unreadable:
    """A tree whose files fail when they are read."""

    def __init__(self, error):
        self.error = error
        self.closed = 0

    def open(self, name, client):
        blob = Blob.from_bytes(EFI_X64)
        return _Failing(self, blob)


class _Failing:
    def __init__(self, tree, blob):
        self.tree = tree
        self.size = blob.size

    def read(self, offset, length):
        raise self.tree.error

    def close(self):
        self.tree.closed += 1


@pytest.mark.parametrize("error", [OSError(5, "I/O error"), ContentChanged("cut")])
def test_a_file_that_cannot_be_read_is_passed_over_and_closed(error):
    tree = Unreadable(error)
    assert find((tree,), X64) is None
    assert tree.closed == len(CANDIDATES["efi", "x86_64"])


def test_a_refused_name_is_passed_over(tmp_path):
    (tmp_path / "snponly.efi").symlink_to("/etc/passwd")
    (tmp_path / "ipxe.efi").write_bytes(EFI_X64)
    tree = Directory(tmp_path)
    assert find((tree,), X64) == "ipxe.efi"
    tree.close()


def test_nothing_boots_an_architecture_without_programs():
    assert find((Memory({}),), arch_of((2,))) is None


# The installed programs as a tree


def test_installed_programs_are_served_by_name(tmp_path):
    (tmp_path / "ipxe.efi").write_bytes(EFI_X64)
    blob = Programs((tmp_path,)).open("/ipxe.efi", CLIENT)
    assert blob.read(0, blob.size) == EFI_X64
    blob.close()


def test_the_first_folder_that_has_a_program_serves_it(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "ipxe.efi").write_bytes(folder.name.encode())
    (second / "undionly.kpxe").write_bytes(b"only here")
    programs = Programs((tmp_path / "none", first, second))
    for name, content in (("ipxe.efi", b"first"), ("undionly.kpxe", b"only here")):
        blob = programs.open(name, CLIENT)
        assert blob.read(0, 100) == content
        blob.close()


@pytest.mark.parametrize("name", ["secret", "ipxe.lkrn", "ipxe.efi/", ""])
def test_nothing_but_programs_is_served_from_their_folders(tmp_path, name):
    for file in ("secret", "ipxe.lkrn"):
        (tmp_path / file).write_bytes(b"x")
    with pytest.raises(NotFound):
        Programs((tmp_path,)).open(name, CLIENT)


def test_a_name_that_climbs_is_refused(tmp_path):
    with pytest.raises(Refused):
        Programs((tmp_path,)).open("../ipxe.efi", CLIENT)


def test_a_folder_that_is_not_there_has_nothing(tmp_path):
    with pytest.raises(NotFound):
        Programs((tmp_path / "none",)).open("ipxe.efi", CLIENT)


def test_a_package_installed_later_is_served(tmp_path):
    programs = Programs((tmp_path / "ipxe",))
    (tmp_path / "ipxe").mkdir()
    (tmp_path / "ipxe" / "ipxe.efi").write_bytes(EFI_X64)
    assert find((programs,), X64) == "ipxe.efi"


# What to do without


@pytest.mark.parametrize(
    ("arch", "text"),
    [
        (BIOS, "no boot program for BIOS: put undionly.kpxe into images or install"),
        (X64, "no boot program for UEFI x86-64: put ipxe.efi into images or install"),
        (IA32, "no boot program for UEFI x86: put ipxe-i386.efi into images or"),
        (ARM64, "no boot program for UEFI ARM64: put ipxe-arm64.efi into images or"),
        (
            arch_of((27,)),
            "no boot program for UEFI RISC-V 64: put ipxe-riscv64.efi into images",
        ),
        (arch_of((2,)), "no boot program is known for Itanium"),
    ],
)
def test_it_is_told_what_to_put_where(arch, text):
    assert missing(arch, "images").startswith(text)


@pytest.mark.parametrize("key", CANDIDATES)
def test_what_is_told_to_be_put_there_is_looked_for(key):
    arch = next(a for a in ARCHES.values() if (a.platform, a.cpu) == key)
    name = missing(arch, "images").partition(": put ")[2].partition(" ")[0]
    assert name in CANDIDATES[key]


def test_debians_package_is_named():
    assert "package ipxe (Debian)" in missing(X64, "images")

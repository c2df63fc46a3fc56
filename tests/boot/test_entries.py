"""What a folder can boot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.boot.entries import Entry, Kind, find_entries, look_into


def found(*paths):
    return find_entries(paths)


def initrds(*paths):
    """Which initrd each kernel gets."""
    return {entry.path: entry.initrds for entry in find_entries(paths)}


def efi(machine):
    """The head of an EFI program for a PE machine type."""
    return (
        b"MZ".ljust(0x3C, b"\0")
        + (0x40).to_bytes(4, "little")  # e_lfanew
        + b"PE\0\0"
        + machine.to_bytes(2, "little")
    )


@pytest.mark.parametrize("kernel", ["linux", "vmlinuz", "vmlinuz-6.1.0-9", "bzImage"])
@pytest.mark.parametrize(
    "initrd", ["initrd", "initrd.gz", "initrd.img-6.1.0-9", "initramfs-linux.img"]
)
def test_a_directory_with_kernel_and_initrd_is_an_entry(kernel, initrd):
    (entry,) = found(f"debian/{kernel}", f"debian/{initrd}")
    assert entry == Entry(
        "debian", Kind.LINUX, f"debian/{kernel}", (f"debian/{initrd}",)
    )


@pytest.mark.parametrize(
    "paths",
    [
        ("debian/linux",),
        ("debian/initrd.gz",),
        ("debian/linux", "other/initrd.gz"),
        ("debian/linux.txt", "debian/initrd.gz"),
        ("debian/README",),
        (),
    ],
)
def test_half_an_entry_is_none(paths):
    assert found(*paths) == []


def test_a_kernel_in_the_folder_itself_is_named_after_its_file():
    assert found("vmlinuz", "initrd")[0].title == "vmlinuz"


def test_the_arguments_stand_in_a_file_beside_the_kernel():
    files = {"d/cmdline": b"console=ttyS0\n  quiet\n"}
    (entry,) = found("d/linux", "d/initrd", "d/cmdline")
    assert entry.arguments == ""
    looked = look_into(entry, lambda path, size: files[path][:size])
    assert looked.arguments == "console=ttyS0 quiet"


def test_a_kernel_without_such_a_file_has_no_arguments():
    (entry,) = found("linux", "initrd")
    assert look_into(entry, lambda path, size: b"") == entry


def test_several_kernels_take_the_initrds_of_their_versions():
    entries = found(
        "d/vmlinuz-6.1", "d/vmlinuz-6.5", "d/initrd.img-6.1", "d/initrd.img-6.5"
    )
    assert [(e.title, e.initrds) for e in entries] == [
        ("d/vmlinuz-6.1", ("d/initrd.img-6.1",)),
        ("d/vmlinuz-6.5", ("d/initrd.img-6.5",)),
    ]


def test_a_version_is_matched_whole():
    # 6.10 begins with 6.1, and 6.1.2 ends in what looks like an extension.
    assert initrds(
        *("d/vmlinuz-6.1", "d/vmlinuz-6.10", "d/vmlinuz-6.1.2"),
        *("d/initrd.img-6.10", "d/initrd.img-6.1.2"),
    ) == {
        "d/vmlinuz-6.1.2": ("d/initrd.img-6.1.2",),
        "d/vmlinuz-6.10": ("d/initrd.img-6.10",),
    }


@pytest.mark.parametrize(
    ("kernel", "initrd"),
    [
        ("vmlinuz-6.1.0-9-amd64", "initrd.img-6.1.0-9-amd64"),  # Debian
        ("vmlinuz-6.5.6-300.fc39.x86_64", "initramfs-6.5.6-300.fc39.x86_64.img"),
        ("vmlinuz-linux", "initramfs-linux.img"),  # Arch, beside its -fallback
        ("vmlinuz-lts", "initramfs-lts"),  # Alpine
        ("vmlinuz-6.4.0-default", "initrd-6.4.0-default"),  # openSUSE
        ("vmlinuz-6.6", "initrd-6.6.cpio.gz"),
    ],
)
def test_distributions_name_them_in_their_own_ways(kernel, initrd):
    others = ("initrd-1.0", "initramfs-linux-fallback.img", "initrd.gz", "initrd-6.60")
    assert initrds(kernel, initrd, *others) == {kernel: (initrd,)}


def test_a_kernel_without_a_version_takes_the_initrd_without_one():
    assert initrds("d/linux", "d/initrd.gz", "d/initrd-debug.gz") == {
        "d/linux": ("d/initrd.gz",)
    }


def test_of_several_initrds_without_a_version_the_plainest_is_taken():
    plainest_first = ("initrd", "initrd.gz", "initrd.img", "initrd.img.gz", "initramfs")
    for first in range(len(plainest_first)):
        some = plainest_first[first:]
        assert initrds("linux", *some) == {"linux": (some[0],)}


def test_an_initrd_of_one_kernel_is_not_given_to_another():
    assert initrds("d/vmlinuz-6.1", "d/vmlinuz-6.10", "d/initrd-6.10") == {
        "d/vmlinuz-6.10": ("d/initrd-6.10",)
    }


def test_a_kernel_that_could_have_several_initrds_is_no_entry():
    assert found("d/linux", "d/initrd-a", "d/initrd-b") == []


def test_every_efi_program_is_an_entry_with_its_cpu():
    heads = {"a.efi": efi(0x8664), "dir/B.EFI": efi(0xAA64), "c.efi": b"no program"}
    entries = [look_into(e, lambda path, size: heads[path]) for e in found(*heads)]
    assert [(e.title, e.kind, e.cpu) for e in entries] == [
        ("a.efi", Kind.EFI, "x86_64"),
        ("c.efi", Kind.EFI, None),
        ("dir/B.EFI", Kind.EFI, "arm64"),
    ]


def test_a_script_is_not_looked_into():
    (entry,) = found("tools.ipxe")
    assert look_into(entry, None) == entry


def test_every_script_is_an_entry():
    assert [e.title for e in found("tools.ipxe", "lab/x.ipxe")] == [
        "lab/x.ipxe",
        "tools.ipxe",
    ]


def test_the_menu_and_the_boot_programs_are_no_entries():
    assert found("boot.ipxe", "autoexec.ipxe", "ipxe.efi", "snponly.efi") == []


def test_a_program_called_ipxe_in_a_directory_of_its_own_is_an_entry():
    assert [e.title for e in found("test/ipxe.efi")] == ["test/ipxe.efi"]


names = st.sampled_from(
    ["linux", "vmlinuz", "initrd", "initrd.gz", "cmdline", "x.efi", "y.ipxe", "README"]
)
paths = st.lists(
    st.one_of(names, st.builds("{}/{}".format, st.sampled_from("abc"), names)),
    unique=True,
)


@given(paths, st.randoms())
def test_the_order_of_the_files_does_not_matter(paths, rng):
    shuffled = list(paths)
    rng.shuffle(shuffled)
    assert found(*paths) == found(*shuffled)


@given(paths)
def test_entries_are_sorted_by_title_and_name_files_that_there_are(paths):
    entries = found(*paths)
    assert [e.title for e in entries] == sorted(e.title for e in entries)
    for entry in entries:
        assert {entry.path, *entry.initrds} <= set(paths)

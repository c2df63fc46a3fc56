"""Boot programs: the builds of iPXE that machines load first, and where they are.

The user's folder is looked through first, then the folders where distributions install
iPXE. Nothing is remembered: a file that was put there a moment ago is found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from fastboot.beneath import components, open_beneath
from fastboot.errors import ContentChanged, NotFound, TreeError
from fastboot.tree import Blob, Client, Shelf

from .machine import RASPBERRY_PI, Arch

HEAD = 4096
"""Bytes of a program that `efi_cpu` wants to see; the PE header begins within them."""

_BIOS = ("undionly.kpxe", "ipxe.pxe", "ipxe.kpxe", "undionly.pxe")
"""undionly first: it goes on with the driver of the ROM that loaded it, which is known
to work with this card."""

_EFI_WORDS: dict[str, tuple[str, ...]] = {
    "i386": ("i386",),
    "x86_64": ("x86_64",),
    "arm": ("arm32",),
    "arm64": ("arm64", "aarch64"),
    "riscv32": ("riscv32",),
    "riscv64": ("riscv64",),
    "loongarch64": ("loong64", "loongarch64"),
}
"""How the names of iPXE's files call a CPU."""


def _efi_names(words: Iterable[str]) -> tuple[str, ...]:
    """The names of Debian, of Fedora, of iPXE's own site; then those for any CPU."""
    names: list[str] = []
    for kind in ("snponly", "ipxe"):  # snponly for the reason of undionly
        for word in words:
            names += (f"{kind}-{word}.efi", f"{word}-efi/{kind}.efi")
            if kind == "snponly":
                names.append(f"ipxe-snponly-{word}.efi")
    return (*names, "snponly.efi", "ipxe.efi")


_U_BOOT = ("boot.scr.uimg", "boot.scr")
"""U-Boot's own scripts; it runs EFI programs as well."""

CANDIDATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("bios", "i386"): _BIOS,
    **{("efi", cpu): _efi_names(words) for cpu, words in _EFI_WORDS.items()},
    **{
        ("u-boot", cpu): (*_U_BOOT, *_efi_names(_EFI_WORDS[cpu]))
        for cpu in ("arm", "arm64")
    },
}
"""The names to look for, by platform and CPU, the best first."""

NAMES = frozenset(name for names in CANDIDATES.values() for name in names)
"""Every name that a boot program may have."""

_PACKAGES = {
    ("bios", "i386"): "ipxe (Debian) or ipxe-bootimgs-x86 (Fedora)",
    ("efi", "i386"): "ipxe-bootimgs-x86 (Fedora)",
    ("efi", "x86_64"): "ipxe (Debian) or ipxe-bootimgs-x86 (Fedora)",
    ("efi", "arm64"): "ipxe-bootimgs-aarch64 (Fedora)",
}

_PE_MACHINES = {
    0x014C: "i386",
    0x0200: "ia64",
    0x01C0: "arm",
    0x01C2: "arm",
    0x01C4: "arm",
    0x0EBC: "ebc",
    0x5032: "riscv32",
    0x5064: "riscv64",
    0x5128: "riscv128",
    0x6232: "loongarch32",
    0x6264: "loongarch64",
    0x8664: "x86_64",
    0xAA64: "arm64",
}
"""Machine types of the PE format, as the UEFI specification (2.1.1) uses them."""


def efi_cpu(head: bytes) -> str | None:
    r"""The CPU that an EFI program is built for; None where it is no EFI program.

      0       2               0x3c       0x40            e_lfanew
      +-------+---------------+----------+---------------+--------------+---------+
      | "MZ"  |               | e_lfanew |               | "PE\0\0"     | machine |
      +-------+---------------+----------+---------------+--------------+---------+

    Args:
        head: The program's first bytes, `HEAD` of them if it has so many.
    """
    if head[:2] != b"MZ" or len(head) < 0x40:
        return None
    at = int.from_bytes(head[0x3C:0x40], "little")
    if head[at : at + 4] != b"PE\0\0" or len(head) < at + 6:
        return None
    return _PE_MACHINES.get(int.from_bytes(head[at + 4 : at + 6], "little"))


class Programs:
    """The boot programs that distributions install, as a tree.

    It has the names of `NAMES` and nothing else from those folders, which need not
    exist.

    Args:
        folders: Where to look, the first one first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def open(self, name: str, client: Client) -> Blob:
        """The program of that name; see `Tree.open`."""
        parts = components(name)
        if "/".join(parts) not in NAMES:
            raise NotFound("no such file")
        for folder in self._folders:
            try:
                root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                continue  # not installed
            try:
                return Blob.from_fd(open_beneath(root, parts))
            except TreeError:
                continue
            finally:
                os.close(root)
        raise NotFound("no such file")


def find(shelves: Sequence[Shelf], arch: Arch) -> str | None:
    """The name of the best program for `arch`; None where there is none.

    A tree's best comes before anything of the trees behind it. A name that an earlier
    tree has is not taken from a later one: served as an overlay, the earlier tree's
    file would be sent.

    Args:
        shelves: Where to look, the user's first.
        arch: What it has to run on.
    """
    taken: set[str] = set()
    for shelf in shelves:
        for name in CANDIDATES.get((arch.platform, arch.cpu), ()):
            if name in taken:
                continue
            head = _head(shelf, name)
            if head is None:
                continue
            taken.add(name)
            if head and (not name.endswith(".efi") or efi_cpu(head) == arch.cpu):
                return name
    return None


def _head(shelf: Shelf, name: str) -> bytes | None:
    """The first bytes of a file; None where there is none of that name."""
    try:
        blob = shelf.open(name, Client("", "tftp"))
    except TreeError:
        return None
    try:
        return blob.read(0, HEAD)
    except (ContentChanged, OSError):
        return b""
    finally:
        blob.close()


def missing(arch: Arch, folder: str) -> str:
    """What to do where `find` finds nothing, in one line.

    Args:
        arch: What a program was wanted for.
        folder: The user's folder, to be named in the text.
    """
    key = (arch.platform, arch.cpu)
    if arch is RASPBERRY_PI:
        return f"no firmware for Raspberry Pi: put its files into {folder}"
    if key not in CANDIDATES:
        return f"no boot program is known for {arch.words}"
    if arch.platform == "bios":
        name = "undionly.kpxe"
    elif arch.cpu == "x86_64":
        name = "ipxe.efi"
    else:
        name = f"ipxe-{_EFI_WORDS[arch.cpu][0]}.efi"
    text = f"no boot program for {arch.words}: put {name} into {folder}"
    package = _PACKAGES.get(key)
    return f"{text} or install the package {package}" if package else text

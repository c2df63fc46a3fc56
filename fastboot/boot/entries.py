"""What a folder can boot: kernels with their initrd, EFI programs, iPXE scripts.

A directory with a kernel (`linux`, `vmlinuz*`, `bzImage`) and an initrd (`initrd*`,
`initramfs*`) becomes an entry, with the text of the file `cmdline` beside them as the
kernel's arguments. Every `.efi` and every `.ipxe` becomes one too.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from .programs import HEAD, NAMES, efi_cpu

SCRIPTS = frozenset({"boot.ipxe", "autoexec.ipxe"})
"""Names that iPXE is sent to: what is there is the menu, not an entry of it."""

CMDLINE_MAX = 2048
"""Longest kernel command line, bytes (Linux's COMMAND_LINE_SIZE on x86)."""


class Kind(Enum):
    """How an entry is started."""

    LINUX = "linux"
    EFI = "efi"
    SCRIPT = "script"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """Something a machine can boot.

    Attributes:
        title: What a person chooses it by.
        kind: How it is started.
        path: The kernel, program or script, beneath the folder.
        initrds: The initial RAM disks' paths, in the order to load them.
        arguments: The kernel's command line.
        cpu: What an EFI program runs on ("x86_64", "arm64", ...); None where unknown.
    """

    title: str
    kind: Kind
    path: str
    initrds: tuple[str, ...] = ()
    arguments: str = ""
    cpu: str | None = None


Read = Callable[[str, int], bytes]
"""The first bytes of the file at a path, as many as asked for or fewer."""


def find_entries(paths: Iterable[str], read: Read) -> list[Entry]:
    """The entries of a folder, sorted by title.

    Args:
        paths: Its files.
        read: How to look into one.

    >>> find_entries(["deb/linux", "deb/initrd.gz"], lambda path, size: b"")[0].title
    'deb'
    """
    entries: list[Entry] = []
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        folder, name = posixpath.split(path)
        if name.lower().endswith(".efi"):
            if path not in NAMES:  # a boot program: it loads the menu
                cpu = efi_cpu(read(path, HEAD))
                entries.append(Entry(path, Kind.EFI, path, cpu=cpu))
        elif name.lower().endswith(".ipxe"):
            if name not in SCRIPTS:
                entries.append(Entry(path, Kind.SCRIPT, path))
        else:
            folders[folder].append(name)
    for folder, names in folders.items():
        entries += _kernels(folder, names, read)
    return sorted(entries)


def _kernels(folder: str, names: list[str], read: Read) -> list[Entry]:
    kernels = sorted(name for name in names if _is_kernel(name))
    initrds = sorted(name for name in names if name.startswith(_INITRD))
    if not kernels or not initrds:
        return []
    arguments = ""
    if "cmdline" in names:
        raw = read(posixpath.join(folder, "cmdline"), CMDLINE_MAX)
        arguments = " ".join(raw.decode("utf-8", "replace").split())
    entries = []
    for kernel in kernels:
        initrd = _initrd_of(kernel, initrds)
        if initrd is None:
            continue
        path = posixpath.join(folder, kernel)
        title = folder if folder and len(kernels) == 1 else path
        beside = (posixpath.join(folder, initrd),)
        entries.append(Entry(title, Kind.LINUX, path, beside, arguments))
    return entries


_INITRD = ("initrd", "initramfs")


def _is_kernel(name: str) -> bool:
    return name in ("linux", "bzImage") or name.startswith("vmlinuz")


def _initrd_of(kernel: str, initrds: list[str]) -> str | None:
    """The initrd of the kernel's own version, or the only one there is."""
    version = kernel.partition("-")[2]
    if version:
        named = [name for name in initrds if version in name]
        if named:
            return named[0]
    return initrds[0] if len(initrds) == 1 else None

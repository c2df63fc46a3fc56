"""What a folder can boot: kernels with their initrd, EFI programs, iPXE scripts.

A directory with a kernel (`linux`, `vmlinuz*`, `bzImage`) and an initrd (`initrd*`,
`initramfs*`) becomes an entry, with the text of the file `cmdline` beside them as the
kernel's arguments. Every `.efi` and every `.ipxe` becomes one too.

Names alone decide what becomes an entry, so that a folder of thousands is searched in
a moment; files are read for the entries that are wanted.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from operator import attrgetter

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


@dataclass(frozen=True, slots=True)
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


def find_entries(paths: Iterable[str]) -> list[Entry]:
    """The entries of a folder, sorted by title, as far as its files' names tell.

    Args:
        paths: Its files.

    >>> find_entries(["deb/linux", "deb/initrd.gz"])[0].title
    'deb'
    """
    entries: list[Entry] = []
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        folder, name = posixpath.split(path)
        if name.lower().endswith(".efi"):
            if path not in NAMES:  # a boot program: it loads the menu
                entries.append(Entry(path, Kind.EFI, path))
        elif name.lower().endswith(".ipxe"):
            if name not in SCRIPTS:
                entries.append(Entry(path, Kind.SCRIPT, path))
        else:
            folders[folder].append(name)
    for folder, names in folders.items():
        entries += _kernels(folder, names)
    return sorted(entries, key=attrgetter("title"))


def look_into(entry: Entry, read: Read) -> Entry:
    """The entry with what only its files tell: the kernel's arguments, the CPU.

    Args:
        entry: As `find_entries` gives it.
        read: How to look into a file; nothing where it cannot be read.
    """
    match entry.kind:
        case Kind.EFI:
            return replace(entry, cpu=efi_cpu(read(entry.path, HEAD)))
        case Kind.LINUX:
            beside = posixpath.join(posixpath.dirname(entry.path), "cmdline")
            text = read(beside, CMDLINE_MAX).decode("utf-8", "replace")
            return replace(entry, arguments=" ".join(text.split()))
        case Kind.SCRIPT:
            return entry


def _kernels(folder: str, names: list[str]) -> list[Entry]:
    """The kernels of one folder for which there is an initrd."""
    kernels = sorted(name for name in names if is_kernel(name))
    initrds = sorted(name for name in names if name.startswith(INITRD))
    own = {kernel: _own_initrd(kernel, initrds) for kernel in kernels}
    common = _common_initrd([name for name in initrds if name not in own.values()])
    entries = []
    for kernel in kernels:
        initrd = own[kernel] or common
        if initrd is None:
            continue
        path = posixpath.join(folder, kernel)
        title = folder if folder and len(kernels) == 1 else path
        entries.append(
            Entry(title, Kind.LINUX, path, (posixpath.join(folder, initrd),))
        )
    return entries


INITRD = ("initrd", "initramfs")
"""How the name of an initial RAM disk begins."""

_EXTENSIONS = re.compile(r"(\.(img|cpio|gz|xz|zst|lz4|lzma|lzo|bz2))*$")
"""What follows an initrd's name or version. Not anything with a dot: "6.1.2" is not
"6.1" with an extension."""


def is_kernel(name: str) -> bool:
    """Whether a file of that name is taken for a Linux kernel."""
    return name in ("linux", "bzImage") or name.startswith("vmlinuz")


def _stem(initrd: str) -> str:
    return _EXTENSIONS.sub("", initrd)


def _own_initrd(kernel: str, initrds: list[str]) -> str | None:
    """The initrd of the kernel's very version; None for a kernel without one."""
    _, dash, version = kernel.partition("-")
    if not version:
        return None
    own = (name for name in initrds if _stem(name).endswith(dash + version))
    return next(own, None)


def _common_initrd(initrds: list[str]) -> str | None:
    """Of the initrds that are no kernel's own, the one that is meant for any.

    That is the one without a version, in the order of `INITRD`, or the only one.
    """
    for stem in INITRD:
        for name in initrds:
            if _stem(name) == stem:
                return name
    return initrds[0] if len(initrds) == 1 else None

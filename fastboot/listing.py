"""What is in one folder, for people: names, sizes, dates."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from itertools import islice

from .beneath import is_plain, open_folder, stat_beneath
from .errors import TreeError, Unavailable


@dataclass(frozen=True, slots=True)
class Item:
    """A file or a folder in a folder.

    Attributes:
        name: Its name; bytes that are no UTF-8 are surrogates (`surrogateescape`).
        folder: Whether it is a folder.
        size: Bytes; 0 for a folder.
        mtime_ns: Nanoseconds since the epoch of the last modification.
    """

    name: str
    folder: bool
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into a folder found.

    Attributes:
        items: Folders first, each kind sorted by name, whatever its case.
        complete: Whether that is all.
    """

    items: tuple[Item, ...]
    complete: bool


def look_into(
    root: int, parts: tuple[str, ...], limit: int, *, public: bool = False
) -> Look:
    """What the folder `parts` beneath the directory descriptor `root` holds.

    As in `fastboot.beneath.list_beneath`, what is hidden and what cannot be asked for
    is left out, and so are links that lead out of the root.

    Args:
        root: A directory's descriptor.
        parts: The folder's path, as `fastboot.beneath.components` gives it.
        limit: How many names to look at, at the most.
        public: Whether files that not everybody may read are left out.

    Raises:
        NotFound: There is no such folder.
        Refused: It leads out of the root, or may not be read.
        Unavailable: The disk or the system fails.
    """
    fd = open_folder(root, parts)
    try:
        with os.scandir(fd) as entries:
            names = list(islice(entries, limit + 1))
        found = [_item(root, parts, name, public) for name in names[:limit]]
    except OSError as error:
        raise Unavailable(f"cannot be listed: {error.strerror}") from None
    finally:
        os.close(fd)
    items = sorted(filter(None, found), key=_order)
    return Look(tuple(items), len(names) <= limit)


def _order(item: Item) -> tuple[bool, str, str]:
    return not item.folder, item.name.casefold(), item.name


def _item(
    root: int, parts: tuple[str, ...], entry: os.DirEntry[str], public: bool
) -> Item | None:
    """A name in a folder; None where nothing can be had under it."""
    if not is_plain(entry.name):
        return None
    try:
        if entry.is_symlink():
            status = stat_beneath(root, (*parts, entry.name))
        else:
            status = entry.stat(follow_symlinks=False)
    except (TreeError, OSError):
        return None  # gone since, or a link that leads nowhere or out of the root
    folder = stat.S_ISDIR(status.st_mode)
    if not folder and not stat.S_ISREG(status.st_mode):
        return None
    if public and not folder and not status.st_mode & stat.S_IROTH:
        return None
    size = 0 if folder else status.st_size
    return Item(entry.name, folder, size, status.st_mtime_ns)

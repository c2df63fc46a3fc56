"""Names in the wrong case: Windows' loaders ask for `Boot/BCD` and for `boot/bcd`.

A tree that is asked last, after all that know a name as it is written.
"""

from __future__ import annotations

import os
from itertools import islice

from .beneath import components, open_folder
from .errors import NotFound, TreeError
from .tree import Blob, Client, Directory

DEPTH_MAX = 16
"""Components of a name that are looked for."""

ENTRIES_MAX = 4096
"""Entries of a folder that are looked at: a millisecond's work. In a larger one a name
has to be spelled right."""


class AnyCase:
    """The files of a folder by names that differ from theirs in case alone.

    A name that fits several files means none of them.

    Args:
        directory: The folder; nothing outside of it is looked at.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def open(self, name: str, client: Client) -> Blob:
        """The file that `name` means; see `Tree.open`."""
        spelled = self._spell(components(name))
        if spelled is None:
            raise NotFound("no such file")
        return self._directory.open("/".join(spelled), client)

    def _spell(self, parts: tuple[str, ...]) -> tuple[str, ...] | None:
        try:
            root = os.open(self._directory.root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return None  # it is just being replaced
        try:
            return respell(root, parts)
        finally:
            os.close(root)


def respell(root: int, parts: tuple[str, ...]) -> tuple[str, ...] | None:
    """The path beneath a folder that `parts` means, whatever the case of its letters.

    Each component is the entry of exactly that name, or else the only one that differs
    from it in case alone.

    Args:
        root: The folder's descriptor.
        parts: As `components` gives them.

    Returns:
        Another path than `parts`, which need not be a file's; None where there is none.
    """
    found: tuple[str, ...] = ()
    if len(parts) > DEPTH_MAX:
        return None
    for part in parts:
        names = _names(root, found)
        alike = [part] if part in names else _alike(part, names)
        if len(alike) != 1:
            return None
        found += (alike[0],)
    return found if found != parts else None


def _alike(part: str, names: list[str]) -> list[str]:
    wanted = part.casefold()
    return [name for name in names if name.casefold() == wanted]


def _names(root: int, folder: tuple[str, ...]) -> list[str]:
    """What is in a folder; nothing where it cannot be read or is too large."""
    try:
        fd = open_folder(root, folder)
    except TreeError:
        return []
    try:
        with os.scandir(fd) as entries:
            names = [entry.name for entry in islice(entries, ENTRIES_MAX + 1)]
    except OSError:
        return []
    finally:
        os.close(fd)
    return names if len(names) <= ENTRIES_MAX else []

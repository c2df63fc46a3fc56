"""The recipes that are kept, and the files they are about, held open."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

from fastboot.tree import Blob

from .recall import FILES_MAX, HEADS_MAX, Identity, Recipe, identity, split


@dataclass(slots=True)
class File:
    """A file that recipes are about, open once for all of them.

    Attributes:
        path: Where it is.
        identity: What `stat` says about it as long as it is the same.
        blob: Its content.
        users: Recipes that are kept, and answers that are under way.
    """

    path: str
    identity: Identity
    blob: Blob
    users: int = 0

    @property
    def is_same(self) -> bool:
        """Whether the file at its path is still this one, in the same state."""
        with suppress(OSError):
            return identity(os.stat(self.path)) == self.identity
        return False


@dataclass(frozen=True, slots=True)
class Known:
    """A recipe that is kept, and the file it is about."""

    recipe: Recipe
    file: File


class Kept:
    """Recipes by the heads they answer."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bool], Known] = {}
        self._files: dict[tuple[str, Identity], File] = {}

    def find(self, head: bytes) -> tuple[Known, int, int] | None:
        """The recipe for a head if its file is the same, where the part begins, its length.

        The file is in use until `release`.
        """
        key, part = split(head)
        known = self._known.get((key, part is not None))
        if known is None:
            return None
        size = known.recipe.size
        first, length = 0, size
        if part is not None:
            if part.first > part.last or part.first >= size:
                return None
            first, length = part.first, min(part.last + 1, size) - part.first
        if not known.file.is_same:
            self._drop_file(known.file)
            return None
        known.file.users += 1
        return known, first, length

    def release(self, file: File) -> None:
        """An answer is over, or a recipe forgotten."""
        file.users -= 1
        if not file.users:
            file.blob.close()
            self._files.pop((file.path, file.identity), None)

    def keep(self, recipe: Recipe, blob: Blob) -> None:
        """Keep a recipe for a blob, in place of an older one for the same head."""
        if recipe.key in self._known:
            self._drop(recipe.key)
        elif len(self._known) >= HEADS_MAX:
            self._drop(next(iter(self._known)))
        key = (recipe.path, recipe.identity)
        file = self._files.get(key)
        if file is None:
            if len(self._files) >= FILES_MAX and self._known:
                # Not the oldest file: its answer may be under way for hours.
                self._drop_file(next(iter(self._known.values())).file)
            file = self._files[key] = File(*key, _copy(blob))
        file.users += 1
        self._known[recipe.key] = Known(recipe, file)

    def forget(self) -> None:
        """Forget every recipe; what is under way goes on."""
        for key in list(self._known):
            self._drop(key)

    def sweep(self) -> int:
        """Forget recipes whose file is not the same any more; how many are left."""
        for file in list(self._files.values()):
            if not file.is_same:
                self._drop_file(file)
        return len(self._known)

    def _drop_file(self, file: File) -> None:
        for key in [key for key, known in self._known.items() if known.file is file]:
            self._drop(key)

    def _drop(self, key: tuple[bytes, bool]) -> None:
        self.release(self._known.pop(key).file)


def _copy(blob: Blob) -> Blob:
    """The same content by a descriptor of its own."""
    assert blob.fd is not None  # recipes are about files
    return Blob(
        size=blob.size,
        etag=blob.etag,
        mtime_ns=blob.mtime_ns,
        fd=os.dup(blob.fd),
        offset=blob.offset,
    )

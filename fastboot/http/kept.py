"""The recipes that are kept, and the files they are about, held open."""

from __future__ import annotations

import math
import os
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
        try:
            return identity(os.stat(self.path)) == self.identity
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Known:
    """A recipe that is kept, and the file it is about."""

    recipe: Recipe
    file: File


class Kept:
    """Recipes by the heads they answer.

    Args:
        most: Bytes of a body that answers by a recipe have at the most.
    """

    def __init__(self, most: float = math.inf) -> None:
        self._most = most
        self._known: dict[tuple[bytes, bool], Known] = {}
        self._files: dict[tuple[str, Identity], File] = {}

    def find(self, head: bytes) -> tuple[Known, int, int] | None:
        """The recipe for a head if its file is the same, where the part begins, its length."""
        known = self._known.get((head, False))
        if known is not None:
            first, length = 0, known.recipe.size
        else:
            key, part = split(head)
            known = self._known.get((key, True))
            if known is None or part is None:
                return None
            first = part[0]
            length = min(part[1] + 1, known.recipe.size) - first
            if length <= 0:
                return None
        if length > self._most:
            return None
        if not known.file.is_same:
            self._drop_file(known.file)
            return None
        return known, first, length

    def hold(self, file: File) -> None:
        """An answer is under way: the file stays open until `release`."""
        file.users += 1

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

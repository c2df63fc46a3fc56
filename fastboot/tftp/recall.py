"""Requests that were answered before and are answered the same way again.

Machines of one make ask in the same words. A request that comes again, letter by letter
and to the same address of ours, for a file that is the same, gets the same answer: the
compiled carrier is told how that begins, and need not ask next time. `stat` of the
file's path tells it whether that is still so.

Nothing is kept that a tree or a rule has to decide each time: content without a path
of its own (see `fastboot.tree.Directory.path_of`), and anything where rules for single
clients are in force.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from fastboot.arrival import Arrival
from fastboot.files import Identity, identity_of
from fastboot.tree import Blob

from .table import Question

KEPT = 1024
"""Requests that are kept, and of which it is known that they came once; the oldest
gives way."""

REQUEST_MAX = 512
"""Bytes of the longest that is kept: RFC 2347, section 2, allows no longer one."""

GOOD_FOR = 10.0
"""Seconds that one is kept: whatever else an answer depends on, such as the MTU of an
interface, is looked at again then."""

SETTLED_NS = 2 * 10**9
"""Nanoseconds since the last change of a file: a change that follows within one tick of
the file system's clock would not show."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to answer a request again.

    Attributes:
        request: Its bytes.
        came: The address of ours that it was sent to.
        door: The port that it was sent to.
        oack: What it is answered with at first; nothing where that is the file.
        name: What it asks for.
        path: The file's path.
        identity: What `stat` says about it as long as the recipe is good.
        content: Its size; nothing is read from it.
    """

    request: bytes
    came: Arrival
    door: int
    oack: bytes
    name: str
    path: str
    identity: Identity
    content: Blob

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.content.size

    @property
    def local(self) -> str:
        """The address of ours in words."""
        return self.came.local


class Recall:
    """Decides which requests are kept.

    Args:
        path_of: Where the file is that anybody gets for a name; None: nowhere.
        clock_ns: Nanoseconds since the epoch.
    """

    def __init__(
        self, path_of: Callable[[str], str | None], clock_ns: Callable[[], int]
    ) -> None:
        self._path_of = path_of
        self._clock_ns = clock_ns
        self._came: dict[tuple[bytes, Arrival], None] = {}

    def recipe(
        self, question: Question, blob: Blob, door: int, oack: bytes
    ) -> Recipe | None:
        """What is to be kept of a request that a blob answers; None: nothing.

        One that came for the first time is not kept: who asks for ever new ones is not
        to cost more than his answers.
        """
        if blob.identity is None or len(question.request) > REQUEST_MAX:
            return None
        key = (question.request, question.came)
        if key not in self._came:
            if len(self._came) >= KEPT:
                del self._came[next(iter(self._came))]
            self._came[key] = None
            return None
        identity, offset, size = blob.identity
        name = question.asked.name
        path = self._path_of(name)
        if path is None or offset or size != identity[2]:
            return None
        if not self._is_settled(path, identity):
            return None
        asked = (question.request, question.came, door, oack, name)
        return Recipe(*asked, path, identity, Blob(size=size, etag=""))

    def _is_settled(self, path: str, identity: Identity) -> bool:
        """Whether a path leads to that file, and it has not just changed."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return False
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        same = identity_of(status) == identity
        return same and changed <= self._clock_ns() - SETTLED_NS

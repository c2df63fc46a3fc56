r"""Answers that were given before and can be given again: same request, same file.

Machines of one make ask in the same words, and a disk read over HTTP asks thousands of
times with other numbers only. What the connection's machine once answered to a head is
kept as a recipe, and whoever sends the very same bytes gets the very same answer while
the file is the same: `stat` of its path tells. The bytes are not read a second time, so
that nothing can be understood in two ways.

Only the numbers of a single range may differ, written as every boot client does:

    GET /disk.iso HTTP/1.1\r\nHost: boot\r\nRange: bytes=4096-8191\r\n\r\n
                                                         ~~~~ ~~~~
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fastboot.tree import Blob

from .actions import Action, Send, SendFile
from .dates import write_date

HEAD_MAX = 2048
"""Bytes of the longest head that is kept: some times what boot clients send."""

ANSWER_HEAD_MAX = 8 << 10
"""Bytes of the longest answer's head that is kept, its date and numbers not counted;
ours have some hundred, but a tree may add fields of its own. There is room for so much
where answers are put together."""

HEADS_MAX = 4096
"""Heads that are kept; the oldest gives way."""

FILES_MAX = 256
"""Files that are held open for them."""

SETTLED = 2.0
"""Seconds since the last change of a file before its answer is kept: a change that
follows within one tick of the file system's clock would not show."""

_RANGE = re.compile(rb"\r\nRange: bytes=([0-9]{1,18})-([0-9]{1,18})\r\n")
_CLOSE = b"\r\nConnection: close\r\n"
_DATE = b"\r\nDate: "
_DATE_SIZE = len(write_date(0))

Identity = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of the last change of content and of anything, in
nanoseconds: what tells one state of a file from every other."""


def identity(status: os.stat_result) -> Identity:
    """What `status` tells a file by."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def split(head: bytes) -> tuple[bytes, tuple[int, int] | None]:
    r"""A head without the numbers of its range, and these, the last one included.

    >>> split(b"GET / HTTP/1.1\r\nRange: bytes=5-9\r\n\r\n")
    (b'GET / HTTP/1.1\r\nRange: bytes=\r\n\r\n', (5, 9))
    """
    found = _RANGE.search(head)
    if not found:
        return head, None
    first, last = found.groups()
    return head[: found.start(1)] + head[found.end(2) :], (int(first), int(last))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to answer a head again.

    Attributes:
        key: The head, without the numbers of a range; and whether it had them.
        name: The name that the client asks for with it.
        path: The file's path.
        identity: What `stat` says about it as long as the recipe is good.
        size: The content's size, bytes.
        pieces: The answer's head but for the date, and for a part's length and range:
            (before the date, the rest) or (before the date, before the length, after
            the range's last position).
    """

    key: tuple[bytes, bool]
    name: str
    path: str
    identity: Identity
    size: int
    pieces: tuple[bytes, ...]

    @property
    def ranged(self) -> bool:
        """Whether it is about parts of the file."""
        return self.key[1]

    def head(self, date: bytes, first: int = 0, length: int = 0) -> bytes:
        """The answer's head.

        Args:
            date: The time of the answer, as HTTP writes it.
            first: Where the part begins that was asked for.
            length: Its length, bytes.
        """
        if not self.ranged:
            return date.join(self.pieces)
        before, between, after = self.pieces
        return b"%b%b%b%d\r\nContent-Range: bytes %d-%d%b" % (
            before,
            date,
            between,
            length,
            first,
            first + length - 1,
            after,
        )


def recipe(
    head: bytes,
    name: str,
    path: str | None,
    blob: Blob,
    actions: Sequence[Action],
    now: float,
) -> Recipe | None:
    """What is to be kept of an answer; None where it may differ the next time.

    Args:
        head: The request's bytes, all of them.
        name: The name that was asked for.
        path: Where the file is that any client gets for it; None: nowhere.
        blob: What was opened.
        actions: What the connection's machine said to do.
        now: Seconds since the epoch.
    """
    match list(actions):
        case [Send(bytes(answer)), SendFile(_, first, length)]:
            pass
        case _:
            return None
    if path is None or len(head) > HEAD_MAX or blob.fd is None or _CLOSE in answer:
        return None
    if blob.slow:
        return None  # to look whether it is the same may take for ever
    seen = _settled(path, blob, now)
    key, part = split(head)
    if part is None:
        pieces = _around_date(answer) if length == blob.size else None
    elif (first, length) == (part[0], min(part[1] + 1, blob.size) - part[0]):
        pieces = _around_range(answer, first, length)
    else:
        pieces = None
    if seen is None or pieces is None or sum(map(len, pieces)) > ANSWER_HEAD_MAX:
        return None
    return Recipe((key, part is not None), name, path, seen, blob.size, pieces)


def _settled(path: str, blob: Blob, now: float) -> Identity | None:
    """The identity of the file at a path, if it is the blob's and has not just changed."""
    assert blob.fd is not None  # the caller looked
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    seen = identity(status)
    if seen != identity(os.fstat(blob.fd)):
        return None
    changed = max(status.st_mtime, status.st_ctime)
    return seen if changed <= now - SETTLED else None


def _around_date(answer: bytes) -> tuple[bytes, ...] | None:
    before, found, rest = answer.partition(_DATE)
    return (before + found, rest[_DATE_SIZE:]) if found else None


def _around_range(answer: bytes, first: int, length: int) -> tuple[bytes, ...] | None:
    halves = _around_date(answer)
    if halves is None:
        return None
    numbers = b"%d\r\nContent-Range: bytes %d-%d" % (length, first, first + length - 1)
    field = b"\r\nContent-Length: "
    before, found, after = halves[1].partition(field + numbers)
    return (halves[0], before + field, after) if found else None

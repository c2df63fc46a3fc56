"""Open files, shared by all who read the same one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from .crew import crew
from .errors import ContentChanged, TreeError
from .mounts import mounts

Identity = tuple[int, int, int, int, int]
"""Device, inode, size, and when content and anything changed last, in nanoseconds: what
tells one state of a file from every other."""


def identity_of(status: os.stat_result) -> Identity:
    """What `status` tells a file by."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def close_quietly(fd: int) -> None:
    """Give a descriptor back, whatever its file system says to that."""
    with suppress(OSError):
        os.close(fd)


class File:
    """One state of a regular file: one descriptor, open while anybody holds it.

    May be used from several threads at once.

    Args:
        fd: Its descriptor, which this owns from now on; whoever makes a file holds it.
        identity: What it is told by.
        path: Where it is, to see whether it is still there; empty: nobody asks.
        reopen: Opens it once more, safely; may raise what a tree's `open` raises. None:
            it cannot be opened again.

    Attributes:
        identity: As given.
        etag: A strong validator with its quotes (RFC 9110, section 8.8.3).
        slow: Whether it lies where a read may hang; see `fastboot.mounts`.
    """

    __slots__ = (
        *("_fd", "_holders", "_lock", "_path", "_reopen", "etag", "identity"),
        "slow",
    )

    def __init__(
        self,
        fd: int,
        identity: Identity,
        path: str = "",
        reopen: Callable[[], int] | None = None,
    ) -> None:
        self.identity: Identity = identity
        device, inode, size, mtime_ns, _ = identity
        self.slow: bool = mounts().may_hang(device)
        self.etag: str = f'"{mtime_ns:x}-{size:x}-{inode:x}"'
        self._fd = fd
        self._holders = 1
        self._path = path
        self._reopen = reopen
        self._lock = threading.Lock()

    @property
    def fd(self) -> int:
        """Its descriptor, while it is held."""
        return self._fd

    @property
    def reopens(self) -> bool:
        """Whether it can be let go and held again."""
        return self._reopen is not None

    def adopt(self, fd: int) -> None:
        """Hold it by a descriptor that was just opened and shows the same state."""
        with self._lock:
            if self._holders:
                os.close(fd)
            else:
                self._fd = fd
            self._holders += 1

    def share(self) -> bool:
        """Hold it where it is open already and still what its path leads to."""
        if not self._holders:
            return False
        try:
            if identity_of(os.stat(self._path)) != self.identity:
                return False
        except OSError:
            return False
        with self._lock:
            if self._holders:
                self._holders += 1
                return True
        return False

    def hold(self) -> int:
        """Its descriptor, open until `release` was called as often as this.

        Raises:
            ContentChanged: It was let go, and is no more what it was.
        """
        with self._lock:
            if not self._holders:
                self._fd = self._open_again()
            self._holders += 1
            return self._fd

    def release(self) -> None:
        """Hold it no more."""
        with self._lock:
            self._holders -= 1
            if not self._holders and self.slow:  # FUSE asks its program then
                close = partial(close_quietly, self._fd)
                crew().do(close, of=self.identity[0], must=True)
            elif not self._holders:
                os.close(self._fd)

    def _open_again(self) -> int:
        if self._reopen is None:
            raise ContentChanged("the file was closed")
        try:
            fd = self._reopen()
        except TreeError as error:
            raise ContentChanged(f"before the file was read: {error}") from None
        if identity_of(os.fstat(fd)) != self.identity:
            os.close(fd)
            raise ContentChanged("the file was replaced before it was read")
        return fd

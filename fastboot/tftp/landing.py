"""Where a file goes that is fetched: to memory, beside its name, or into a stream.

What is fetched into a file has no name, or one of its own in the same folder where
Linux's O_TMPFILE is not to be had, and takes its real name when all of it is there and is
what was expected. What fails leaves nothing, without a name not even where it is killed.
All take the same calls:

    landing.expect(size)      what was announced, if anything was
    landing.write(data)       again and again; `problem` tells of what went wrong
    landing.keep()            all is there
    landing.summing()         its SHA-256, in steps
    landing.settle()          give it its name
    landing.close()           in any case, once
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO, Protocol

from fastboot._ext import twin
from fastboot.errors import Full, NotKept, TreeError, Unavailable

BUFFER = 1 << 18
"""Bytes that are collected before they are written: blocks of 512 one by one would cost
a system call each."""

STEP = 1 << 20
"""Bytes that are summed at a time, some milliseconds: an event loop has others waiting."""

MEMORY_MAX = 1 << 30
"""Bytes that are fetched into memory at the most, unless the caller says otherwise: a
server that never ends its file would fill it."""

FILE_MAX = 1 << 36
"""Bytes that are fetched anywhere else, 64 GiB: more than any image has, and less than
it takes to fill a disk before anybody looks."""

Summing = Generator[None, None, str]
"""Works out a SHA-256 in steps, and returns it in hexadecimal."""


class Store(Protocol):
    """Collects bytes in memory; the compiled twin is another one."""

    def expect(self, size: int) -> None:
        """Make room for so many bytes."""

    def write(self, data: bytes) -> None:
        """Add bytes at the end."""

    def take(self) -> bytes:
        """All of them; the store is empty then."""
        ...


class Pieces:
    """Collects bytes piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def expect(self, size: int) -> None:
        """See `Store`; there is nothing to make ready."""

    def write(self, data: bytes) -> None:
        """See `Store`."""
        self._pieces.append(data)

    def take(self) -> bytes:
        """See `Store`."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def best_store() -> Store:
    """A store: the compiled one where it is there."""
    compiled = twin("tftp_client")
    store: Store = compiled.Store() if compiled else Pieces()
    return store


class Bounded:
    """Takes no more than so many bytes.

    Args:
        limit: Bytes at the most.

    Attributes:
        size: Bytes so far.
        problem: What went wrong; None: nothing.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.problem: TreeError | None = None

    def expect(self, size: int) -> None:
        """See the module.

        Raises:
            Full: More was announced than is taken.
        """
        if size > self.limit:
            raise Full(f"{size} bytes are more than the {self.limit} that are taken")

    def _count(self, size: int) -> None:
        self.size += size
        if self.size > self.limit and self.problem is None:
            self._stop(Full(f"more than the {self.limit} bytes that are taken came"))

    def _stop(self, problem: TreeError) -> None:
        self.problem = problem


class Memory(Bounded):
    """Keeps what comes in memory.

    Args:
        limit: Bytes at the most.

    Attributes:
        size: Bytes so far.
        store: Has them until then.
        data: All of them, once it is kept.
    """

    fd: int | None = None
    ready = True

    def __init__(self, limit: int = MEMORY_MAX) -> None:
        super().__init__(limit)
        self.store = best_store()
        self.data = b""
        self.kept = False

    def expect(self, size: int) -> None:
        """See the module.

        Raises:
            Full: More was announced than is taken, or than there is memory for.
        """
        super().expect(size)
        try:
            self.store.expect(size)
        except MemoryError:
            raise Full(f"there is no memory for {size} bytes") from None

    def write(self, data: bytes) -> None:
        """See the module."""
        self.grew(len(data))
        if self.problem is None:
            self.store.write(data)

    def grew(self, size: int, failed: int = 0) -> None:
        """So many bytes went to the store by themselves."""
        self._count(size)

    def keep(self) -> None:
        """See the module."""
        self.data = self.store.take()
        self.kept = self.problem is None

    def summing(self) -> Summing:
        """See the module."""
        digest = hashlib.sha256()
        for at in range(0, self.size, STEP):
            digest.update(self.data[at : at + STEP])
            yield
        return digest.hexdigest()

    def settle(self) -> None:
        """See the module; there is no name to give."""

    def close(self) -> None:
        """See the module; there is nothing to remove."""
        self.store.take()


class Beside(Bounded):
    """Writes beside a file, whose place it takes at the end.

    Args:
        path: The file; a link is followed.
        limit: Bytes at the most.

    Attributes:
        fd: To write to, from `start` on.
        size: Bytes so far.

    Raises:
        NotKept: It cannot be written.
    """

    ready = True

    def __init__(self, path: Path, limit: int = FILE_MAX) -> None:
        super().__init__(limit)
        self.path = Path(os.path.realpath(path))
        self.kept = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._settled = False
        self._part = self.path.parent / f".fastboot-{secrets.token_hex(8)}.part"
        if self.path.is_dir():
            raise NotKept(f"cannot write {path}: it is a folder; name a file in it")
        self.fd = _nameless(self.path.parent)
        self._named = self.fd is None
        if self._named:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                self.fd = os.open(self._part, flags, 0o666)
            except OSError as error:
                raise NotKept(f"cannot write {path}: {error.strerror}") from None

    def expect(self, size: int) -> None:
        """See the module.

        Raises:
            Full: More was announced than is taken, or than the disk has room for.
        """
        super().expect(size)
        status = os.statvfs(self.path.parent)
        if size > status.f_bavail * status.f_frsize:
            raise Full(f"the disk has no room for {size} bytes at {self.path.parent}")

    def write(self, data: bytes) -> None:
        """See the module."""
        self._count(len(data))
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= BUFFER:
            self.flush()

    def grew(self, size: int, failed: int = 0) -> None:
        """So many bytes went to the descriptor by themselves, or failed to: why."""
        self._count(size)
        if failed:
            self._fail(os.strerror(failed))

    def keep(self) -> None:
        """See the module."""
        self.flush()
        self.kept = self.problem is None

    def summing(self) -> Summing:
        """See the module.

        Raises:
            NotKept: What was written cannot be read again.
        """
        digest = hashlib.sha256()
        assert self.fd is not None
        for at in range(0, self.size, STEP):
            try:
                digest.update(os.pread(self.fd, min(STEP, self.size - at), at))
            except OSError as error:
                text = f"cannot read {self.path} again: {error.strerror}"
                raise NotKept(text) from None
            yield
        return digest.hexdigest()

    def settle(self) -> None:
        """See the module.

        Raises:
            NotKept: It cannot have its name.
        """
        try:
            if not self._named:
                _name(self.fd, self._part)
                self._named = True
            self._part.replace(self.path)
        except OSError as error:
            raise NotKept(f"cannot write {self.path}: {error.strerror}") from None
        self._settled = True

    def close(self) -> None:
        """See the module: what was not settled leaves nothing."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
            if self._named and not self._settled:
                self._part.unlink(missing_ok=True)

    def flush(self) -> None:
        """Write what waits to be written."""
        if not self._waiting:
            return
        data, self._waiting, self._waiting_bytes = b"".join(self._waiting), [], 0
        try:
            _write_all(self.fd, data)
        except OSError as error:
            self._fail(error.strerror)

    def _fail(self, reason: str | None) -> None:
        self._stop(Unavailable(f"cannot write {self.path}: {reason}"))


class Stream(Bounded):
    """Hands on what comes, to a pipe, a terminal or a device.

    Args:
        file: Takes bytes; may make us wait.
        limit: Bytes at the most.
        owned: Whether to close it.

    Attributes:
        size: Bytes so far.
    """

    fd: int | None = None
    ready = True

    def __init__(
        self, file: BinaryIO, limit: int = FILE_MAX, *, owned: bool = False
    ) -> None:
        super().__init__(limit)
        self._owned = owned
        self.kept = False
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """See the module."""
        self._count(len(data))
        self._digest.update(data)
        self._try(lambda: self._file.write(data))

    def keep(self) -> None:
        """See the module."""
        self._try(self._file.flush)
        self.kept = self.problem is None

    def summing(self) -> Summing:
        """See the module: it was summed as it went by."""
        yield
        return self._digest.hexdigest()

    def settle(self) -> None:
        """See the module; there is no name to give."""

    def close(self) -> None:
        """See the module; what went by is gone."""
        if self._owned:
            self._try(self._file.close)

    def _try(self, call: Callable[[], object]) -> None:
        if self.problem is None:
            try:
                call()
            except OSError as error:
                self._stop(Unavailable(f"cannot write it: {error.strerror}"))


AnyLanding = Memory | Beside | Stream
"""What a file can be fetched into."""


def is_special(path: Path) -> bool:
    """Whether there is something at `path` that is no file, such as a device or a pipe.

    It is written to, never replaced.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _nameless(folder: Path) -> int | None:
    """A new file without a name in that folder; None where there are none such."""
    kind = getattr(os, "O_TMPFILE", None)
    if kind is None:  # pragma: no cover (not Linux)
        return None
    try:
        return os.open(folder, kind | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError:
        return None  # the file system cannot, or the other way says why not either


def _name(fd: int | None, path: Path) -> None:
    """Give a file its first name (open(2): by way of /proc, as not only root may)."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:  # `link` follows its source only where a folder is given
        os.link(f"/proc/self/fd/{fd}", path.name, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _write_all(fd: int | None, data: bytes) -> None:
    assert fd is not None  # nothing is written after `close`
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]

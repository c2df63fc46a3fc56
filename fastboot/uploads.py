"""A folder that takes files from clients, whole ones or none.

What arrives is written under a name that nobody can guess, and gets its own name when
it is complete and safe on the disk; what is not kept leaves nothing. Writing waits for
disks, so a thread of its own does it: whoever receives puts bytes in line and looks
later what became of them.

    upload = folder.begin(name, announced)
    upload.write(data)        again and again, while `upload.ready`
    upload.keep()             then wait until `upload.kept` or `upload.problem`
    upload.close()            in any case, once
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from .beneath import components, open_folder
from .errors import ConfigError, Exists, Full, Refused, TreeError, Unavailable

CHUNK = 1 << 18
"""Bytes that are collected before they are written: blocks of 512 one by one would cost
a system call each."""

WAITING_MAX = 4 << 20
"""Bytes of one upload that wait to be written before its client has to."""

CLOSE_WAIT = 10.0
"""Seconds that the disk has to finish when the server stops; what it left half done is
removed at the next start."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_TEMPORARY = re.compile(r"\.fastboot-upload-[0-9a-f]{32}")

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class Quota:
    """What a folder takes.

    Attributes:
        file_bytes: Bytes of one file at the most.
        files: Files being written at the same time, at the most.
        free_bytes: Bytes of the disk that are left free whatever is sent.
        overwrite: Whether a file may take the place of another.
    """

    file_bytes: int
    files: int
    free_bytes: int = 0
    overwrite: bool = False


class UploadFolder:
    """A folder that takes files; may be used from several threads at once.

    What a server that was killed has left half done is removed; what another that runs
    is writing into the same folder is not.

    Args:
        root: The folder.
        quota: What it takes.

    Raises:
        ConfigError: The folder does not exist or cannot be written to.
    """

    def __init__(self, root: str | os.PathLike[str], quota: Quota) -> None:
        self.root = Path(root)
        self._disk = _Disk(_open_root(self.root), quota)
        _sweep(self._disk.fd)
        self._writer = threading.Thread(
            target=self._disk.work, name="fastboot.uploads", daemon=True
        )
        self._writer.start()

    def begin(self, name: str, announced: int | None = None) -> Upload:
        """Make ready for a file; nothing is on the disk before its first bytes come.

        Args:
            name: As the client sent it (see `tree.Tree.open`). Folders in it have to
                be there already.
            announced: Bytes that it will have, where the client says so.

        Raises:
            Exists: There is one of that name.
            Full: There is no room for it.
            NotFound: It is to lie in a folder that is not there.
            Refused: A file of that name is not taken.
            Unavailable: Not just now.
        """
        disk, parts = self._disk, components(name)
        if not parts or parts[-1].startswith("."):
            raise Refused("a file of that name is not taken")
        disk.check_size(announced or 0)
        try:
            _check_name(disk, parts)
            disk.check_room(announced or 0)
        except OSError as error:
            raise _trouble(error) from None
        disk.check_files()
        return Upload(disk, parts)

    def close(self) -> None:
        """End the writer, once it has done what is in line; again, it does nothing."""
        self._disk.jobs.put(None)
        self._writer.join(CLOSE_WAIT)
        if not self._writer.is_alive():
            self._disk.close()


class _Disk:
    """What the uploads of a folder share.

    Attributes:
        fd: The folder.
        quota: What it takes.
        active: Files being written; changed by the writer only.
        jobs: What the writer has to do, None at the end.
    """

    def __init__(self, fd: int, quota: Quota) -> None:
        self.fd = fd
        self.quota = quota
        self.active = 0
        self.jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def work(self) -> None:
        while (job := self.jobs.get()) is not None:
            job()

    def check_size(self, size: int) -> None:
        if size > self.quota.file_bytes:
            raise Full(f"files of up to {self.quota.file_bytes} bytes are taken")

    def check_room(self, size: int) -> None:
        disk = os.fstatvfs(self.fd)
        if disk.f_bavail * disk.f_frsize - size < self.quota.free_bytes:
            raise Full("the disk has no room for it")

    def check_files(self) -> None:
        if self.active >= self.quota.files:
            raise Unavailable("too many files are being sent; try again later")

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Upload:
    """One file on its way into the folder.

    Attributes:
        kept: Whether it lies there, complete, under its own name.
        problem: Why it never will; None as long as all is well.
        size: Bytes that were written to it.
    """

    def __init__(self, disk: _Disk, parts: tuple[str, ...]) -> None:
        self.kept = False
        self.problem: TreeError | None = None
        self._disk = disk
        self._parts = parts
        self.size = 0
        self._rest = bytearray()
        self._put = 0  # bytes handed to the writer, and ...
        self._written = 0  # ... those that it has written
        self._closed = False
        self._temporary = ""  # what follows is the writer's
        self._fd = -1

    @property
    def ready(self) -> bool:
        """Whether the disk keeps up with what is written."""
        return self._put - self._written < WAITING_MAX

    def write(self, data: bytes) -> None:
        """Add bytes at the end; never waits."""
        self.size += len(data)
        try:
            self._disk.check_size(self.size)
        except Full as error:
            self.problem = self.problem or error
            return
        self._rest += data
        if len(self._rest) >= CHUNK:
            self._pass_on()

    def keep(self) -> None:
        """Give the file its name, once all is on the disk; `kept` tells when."""
        self._pass_on()
        self._line_up(self._name_it)

    def close(self) -> None:
        """Leave nothing of a file that was not kept; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._disk.jobs.put(self._discard)

    def _pass_on(self) -> None:
        data = bytes(self._rest)
        self._rest.clear()
        self._put += len(data)
        self._line_up(partial(self._store, data))

    def _line_up(self, step: Callable[[], None]) -> None:
        """Let the writer take a step, unless something goes wrong before it."""

        def job() -> None:
            if self.problem or self._closed:
                return
            try:
                step()
            except TreeError as error:
                self.problem = error
            except OSError as error:
                self.problem = _trouble(error)
            except Exception as error:  # noqa: BLE001 (the writer serves others too)
                self.problem = Unavailable(f"a mistake of the server: {error!r}")

        self._disk.jobs.put(job)

    # What the writer does

    def _store(self, data: bytes) -> None:
        if self._fd < 0:
            self._create()
        self._disk.check_room(len(data))
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self._written += len(data)

    def _create(self) -> None:
        self._disk.check_files()
        name = f".fastboot-upload-{secrets.token_hex(16)}"
        self._fd = os.open(name, _NEW, 0o666, dir_fd=self._disk.fd)
        self._temporary = name
        self._disk.active += 1
        # Whoever starts on the same folder sees by it that this is no leftover.
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _name_it(self) -> None:
        os.fsync(self._fd)
        folder = open_folder(self._disk.fd, self._parts[:-1])
        try:
            if self._disk.quota.overwrite:
                self._rename(folder)
            else:
                self._link(folder)
            os.fsync(folder)
        finally:
            os.close(folder)
        self.kept = True

    def _rename(self, folder: int) -> None:
        name, root = self._parts[-1], self._disk.fd
        os.rename(self._temporary, name, src_dir_fd=root, dst_dir_fd=folder)
        self._temporary = ""

    def _link(self, folder: int) -> None:
        """Give it its name in one step, which fails where the name is taken."""
        name, root = self._parts[-1], self._disk.fd
        try:
            os.link(self._temporary, name, src_dir_fd=root, dst_dir_fd=folder)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # FAT has no links: take the name first, then put the file in its place.
            os.close(os.open(name, _NEW, 0o666, dir_fd=folder))
            self._rename(folder)

    def _discard(self) -> None:
        if self._fd < 0:
            return
        if self._temporary:
            with contextlib.suppress(OSError):  # gone already, or the disk is
                os.unlink(self._temporary, dir_fd=self._disk.fd)
        os.close(self._fd)
        self._fd = -1
        self._disk.active -= 1


def _check_name(disk: _Disk, parts: tuple[str, ...]) -> None:
    """Tell before anything was sent what would go wrong with a name at the end."""
    folder = open_folder(disk.fd, parts[:-1])
    try:
        if os.fstat(folder).st_dev != os.fstat(disk.fd).st_dev:
            raise Refused("that folder lies on another disk")
        there = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    except UnicodeEncodeError:
        raise Refused("no file can have that name") from None
    finally:
        os.close(folder)
    if not disk.quota.overwrite:
        raise Exists("there is a file of that name")
    if not stat.S_ISREG(there.st_mode):
        raise Refused("what has that name is no regular file")


def _open_root(root: Path) -> int:
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        problem = error.strerror
    else:
        if os.access(root, os.W_OK | os.X_OK):
            return fd
        os.close(fd)
        problem = os.strerror(errno.EACCES)
    raise ConfigError(
        f"cannot take uploads into {root}: {problem}; "
        "name a folder that exists and can be written to"
    )


def _sweep(root: int) -> None:
    """Remove what servers that were killed have left half done."""
    for name in os.listdir(root):
        if not _TEMPORARY.fullmatch(name):
            continue
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=root)
        except OSError:
            pass  # a server that runs is writing it, or it is not ours to remove
        finally:
            os.close(fd)


def _trouble(error: OSError) -> TreeError:
    """What a failure of the disk means to a client."""
    if error.errno in _NO_ROOM:
        return Full("the disk is full")
    if error.errno == errno.EEXIST:
        return Exists("there is a file of that name")
    text = f"cannot be written: {os.strerror(error.errno or errno.EIO)}"
    return Refused(text) if error.errno in _FORBIDDEN else Unavailable(text)

"""Opening and finding files beneath a directory and nowhere else.

The one resolver of names for the whole package. Where the kernel has `openat2`
(Linux 5.6) it does the walk in one call that no renaming can trick; elsewhere each
component is opened on its own, without following links, and links are read and walked
by hand. Both allow links that stay inside the root and refuse those that leave it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import stat
import sys
from collections.abc import Callable
from itertools import islice

from .errors import NotFound, Refused, TreeError, Unavailable

OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""A FIFO must not block the open, a terminal must not become ours."""

LINKS_MAX = 40
"""Symbolic links followed in one name, as Linux does (path_resolution(7))."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# openat2(2). The number is the same on every Linux architecture but Alpha.
_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_HOW = _OpenHow(OPEN_FLAGS, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)


def components(name: str) -> tuple[str, ...]:
    r"""Split a name that a client sent into the directories and the file it means.

    Backslashes count as slashes (Windows loaders send them), a leading slash means
    the root, and empty and "." components mean nothing.

        >>> components(r"\boot\\x64/./wdsmgfw.efi")
        ('boot', 'x64', 'wdsmgfw.efi')

    Raises:
        Refused: The name holds ".." or a control character.
    """
    if _CONTROL.search(name):
        raise Refused("the name holds a control character")
    parts = tuple(
        part for part in name.replace("\\", "/").split("/") if part not in ("", ".")
    )
    if ".." in parts:
        raise Refused("the name climbs with ..")
    return parts


def open_beneath(root: int, parts: tuple[str, ...], *, public: bool = False) -> int:
    """Open the regular file `parts` beneath the directory descriptor `root`.

    Args:
        root: The directory's descriptor.
        parts: As `components` gives them.
        public: Whether only files are opened that everybody may read.

    Returns:
        A new descriptor, open for reading.

    Raises:
        NotFound: There is no such file, or it is a directory.
        Refused: It leads out of the root, is no regular file, or may not be read.
        Unavailable: The disk or the system fails, or has no descriptor left.
    """
    return open_file_beneath(root, parts, public=public)[0]


def open_file_beneath(
    root: int, parts: tuple[str, ...], *, public: bool = False
) -> tuple[int, os.stat_result]:
    """The same, and the file's status."""
    fd = _resolve(root, parts)
    status = os.fstat(fd)
    private = public and not status.st_mode & stat.S_IROTH
    if stat.S_ISREG(status.st_mode) and not private:
        return fd, status
    os.close(fd)
    if stat.S_ISDIR(status.st_mode):
        raise NotFound("the name is a directory")
    if private:
        raise Refused("not everybody may read it")
    raise Refused("not a regular file")


def list_beneath(
    root: int, depth: int, limit: int, *, public: bool = False
) -> list[str]:
    """The paths of the files beneath `root` that `components` leaves as they are.

    Hidden files and folders are left out, and links that `open_beneath` would refuse.
    The paths are sorted within each folder; outer folders come before inner ones, so
    that a limit cuts off what lies deepest. What cannot be read is not there.

    Args:
        root: A directory's descriptor.
        depth: How many folders deep to look.
        limit: How many files and folders to look at, at the most.
        public: See `open_beneath`.
    """
    paths: list[str] = []
    try:
        # A descriptor for this listing alone: it has its own place in the directory,
        # and stays with this directory whatever becomes of `root`.
        top = open_folder(root, ())
    except TreeError:
        return paths
    try:
        todo: list[tuple[str, ...]] = [()]
        for folder in todo:
            files, folders, count = _list_folder(top, folder, limit, public)
            paths += ("/".join((*folder, name)) for name in files)
            if len(folder) + 1 < depth:
                todo += ((*folder, name) for name in folders)
            limit -= count
            if limit <= 0:
                break
    finally:
        os.close(top)
    return paths


def _list_folder(
    root: int, folder: tuple[str, ...], limit: int, public: bool
) -> tuple[list[str], list[str], int]:
    """The files and the folders in a folder; how many entries were looked at."""
    files: list[str] = []
    folders: list[str] = []
    count = 0
    try:
        fd = open_folder(root, folder)
    except TreeError:
        return files, folders, count  # gone, or closed to us, since it was listed
    try:
        with os.scandir(fd) as entries:
            for entry in islice(entries, limit):
                count += 1
                if _is_file(root, folder, entry, public):
                    files.append(entry.name)
                elif _is_folder(entry):
                    folders.append(entry.name)
    except OSError:
        pass  # the disk fails: what was read until then stands
    finally:
        os.close(fd)
    return sorted(files), sorted(folders), count


def _is_file(
    root: int, folder: tuple[str, ...], entry: os.DirEntry[str], public: bool
) -> bool:
    try:
        if not is_plain(entry.name):
            return False
        if entry.is_symlink() or (public and entry.is_file()):
            os.close(open_beneath(root, (*folder, entry.name), public=public))
            return True
        return entry.is_file(follow_symlinks=False)
    except (TreeError, OSError):
        return False  # a link that leads nowhere, in a circle or out of the root


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return is_plain(entry.name) and entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def is_plain(name: str) -> bool:
    """Whether a name is not hidden, and one that a client can ask for."""
    return not (name.startswith(".") or "\\" in name or _CONTROL.search(name))


def open_folder(root: int, parts: tuple[str, ...]) -> int:
    """Open the directory `parts` beneath `root`; without parts, `root` once more.

    Raises:
        NotFound: There is no such directory.
        Refused: It leads out of the root, or may not be read.
        Unavailable: The disk or the system fails, or has no descriptor left.
    """
    fd = _resolve(root, parts)
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise NotFound("the name is no directory")


def stat_beneath(root: int, parts: tuple[str, ...]) -> os.stat_result:
    """What `parts` beneath `root` is; links that stay beneath it are followed.

    Raises:
        NotFound: There is nothing of that name.
        Refused: It leads out of the root, or may not be read.
        Unavailable: The disk or the system fails, or has no descriptor left.
    """
    fd = _resolve(root, parts)
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _resolve(root: int, parts: tuple[str, ...]) -> int:
    try:
        return _open(root, os.fsencode("/".join(parts) or "."))
    except UnicodeEncodeError:
        raise NotFound("no file can have that name") from None
    except OSError as error:
        raise _refusal(error) from None


_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO)


def _refusal(error: OSError) -> NotFound | Refused | Unavailable:
    if error.errno in _MISSING:
        return NotFound("no such file")
    if error.errno == errno.EXDEV:
        return Refused("the name leads out of the folder")
    text = f"cannot be opened: {os.strerror(error.errno or errno.EIO)}"
    return Refused(text) if error.errno in _FORBIDDEN else Unavailable(text)


def _open_by_kernel(root: int, path: bytes) -> int:
    assert _libc is not None  # `_probe` chose this walk
    fd: int = _libc.syscall(
        _SYS_OPENAT2, root, path, ctypes.byref(_HOW), ctypes.sizeof(_HOW)
    )
    if fd >= 0:
        return fd
    number = ctypes.get_errno()
    # EAGAIN: something was renamed during the walk, so that the kernel cannot promise
    # that the root was not left. The walk below answers without such a promise needed.
    if number in (errno.EAGAIN, errno.EINTR):
        return open_by_walk(root, path)
    raise OSError(number, os.strerror(number))


def open_by_walk(root: int, path: bytes) -> int:
    """Open `path` beneath `root` component by component; the portable twin.

    Raises:
        OSError: As `open(2)`; EXDEV where the path leads out of the root, ELOOP where
            it follows too many links.
    """
    todo = path.split(b"/")[::-1]
    held: list[int] = []  # the directories from the root down, one descriptor each
    links = 0
    try:
        while True:
            here = held[-1] if held else root
            part = todo.pop()
            if part in (b"", b"."):
                if todo:
                    continue
                part = b"."
            elif part == b"..":
                if not held:
                    raise OSError(errno.EXDEV, "leads out of the root")
                os.close(held.pop())
                if todo:
                    continue
                part, here = b".", held[-1] if held else root
            try:
                fd = os.open(part, OPEN_FLAGS | os.O_NOFOLLOW, dir_fd=here)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.EMLINK):
                    raise
                links += 1
                if links > LINKS_MAX:
                    raise
                target = os.readlink(part, dir_fd=here)
                if target.startswith(b"/"):
                    raise OSError(errno.EXDEV, "leads out of the root") from None
                todo += target.split(b"/")[::-1]
                continue
            if not todo:
                return fd
            held.append(fd)
    finally:
        for fd in held:
            os.close(fd)


def _probe() -> Callable[[int, bytes], int]:
    """Choose the kernel's walk where it works, else the portable one."""
    if not sys.platform.startswith("linux"):
        return open_by_walk
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(_open_by_kernel(root, b"."))
    except OSError:
        return open_by_walk
    finally:
        os.close(root)
    return _open_by_kernel


_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
_open = _probe()

"""Opening a file beneath a directory and nowhere else.

The one resolver of names for the whole package. Where the kernel has `openat2`
(Linux 5.6) it does the walk in one call that no renaming can trick; elsewhere each
component is opened on its own, without following links, and links are read and walked
by hand. Both allow links that stay inside the root and refuse those that leave it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable

from .errors import NotFound, Refused, Unavailable

OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""A FIFO must not block the open, a terminal must not become ours."""

LINKS_MAX = 40
"""Symbolic links followed in one name, as Linux does (path_resolution(7))."""

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
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in name):
        raise Refused("the name holds a control character")
    parts = tuple(
        part for part in name.replace("\\", "/").split("/") if part not in ("", ".")
    )
    if ".." in parts:
        raise Refused("the name climbs with ..")
    return parts


def open_beneath(root: int, parts: tuple[str, ...]) -> int:
    """Open the regular file `parts` beneath the directory descriptor `root`.

    Returns:
        A new descriptor, open for reading.

    Raises:
        NotFound: There is no such file, or it is a directory.
        Refused: It leads out of the root, is no regular file, or may not be read.
        Unavailable: The disk or the system fails, or has no descriptor left.
    """
    if not parts:
        raise NotFound("the name is a directory")
    try:
        path = os.fsencode("/".join(parts))
        fd = _open(root, path)
    except UnicodeEncodeError:
        raise NotFound("no file can have that name") from None
    except OSError as error:
        raise _refusal(error) from None
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return fd
    os.close(fd)
    if stat.S_ISDIR(mode):
        raise NotFound("the name is a directory")
    raise Refused("not a regular file")


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

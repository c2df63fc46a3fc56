"""File systems that may hang: those whose files come over a network or from a program.

A disk answers some time, and where it does not the machine is ill. A server that was
switched off, or a program in user space that is stuck, keeps whoever opens or reads a
file waiting, maybe for ever. The kernel's list of mounts tells which is which without
a question to the file system itself (proc_pid_mountinfo(5)).
"""

from __future__ import annotations

import os
import posixpath
import re
import select
import threading
from functools import cache
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""Where the kernel lists what is mounted; absent on systems that are not Linux."""

_SLOW = ("9p", "afs", "ceph", "cifs", "fuse", "nfs", "orangefs", "smb", "virtiofs")
"""How the names of those file systems begin; what FUSE shows of a disk comes from a
program, too."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def slow_mounts(mountinfo: str) -> dict[str, int]:
    r"""The file systems that may hang: where each is, and its device for `os.stat`.

    Args:
        mountinfo: The kernel's list.

    >>> line = r"36 35 0:46 / /srv/my\040boot rw shared:1 - nfs4 nas:/boot rw"
    >>> slow_mounts(line) == {"/srv/my boot": os.makedev(0, 46)}
    True
    """
    found: dict[str, int] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith(_SLOW):
            _, _, device, _, place, *_ = before.split(" ")
            major, _, minor = device.partition(":")
            path = _ESCAPED.sub(lambda digits: chr(int(digits[1], 8)), place)
            found[path] = os.makedev(int(major), int(minor))
    return found


class Mounts:
    """What is mounted, read anew when that has changed. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slow: dict[str, int] = {}
        self._devices: frozenset[int] = frozenset()
        try:
            # It stays open: only to whoever holds it the kernel tells changes.
            self._fd = os.open(MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._fd = -1
            return
        self._news = select.poll()
        self._news.register(self._fd, select.POLLPRI)
        self._read()

    def may_hang(self, device: int) -> bool:
        """Whether the file system on a device may keep whoever asks it waiting."""
        self._look()
        return device in self._devices

    def may_hang_near(self, path: str) -> bool:
        """Whether such a file system is mounted at a path, above or beneath it."""
        self._look()
        return any(
            place == path
            or place.startswith(path.rstrip("/") + "/")
            or path.startswith(place.rstrip("/") + "/")
            for place in self._slow
        )

    def slow_at(self, path: str) -> int | None:
        """The device of such a file system that a path leads into; None for none.

        Args:
            path: Absolute. Links on the way are not followed.
        """
        self._look()
        path = posixpath.normpath(path) + "/"
        above = [at for at in self._slow if path.startswith(at.rstrip("/") + "/")]
        return self._slow[max(above, key=len)] if above else None

    def _look(self) -> None:
        with self._lock:
            if self._fd >= 0 and self._news.poll(0):
                self._read()

    def _read(self) -> None:
        os.lseek(self._fd, 0, os.SEEK_SET)
        data = b""
        while more := os.read(self._fd, 1 << 16):
            data += more
        self._slow = slow_mounts(data.decode("utf-8", "surrogateescape"))
        self._devices = frozenset(self._slow.values())


@cache
def mounts() -> Mounts:
    """The mounts of this process."""
    return Mounts()

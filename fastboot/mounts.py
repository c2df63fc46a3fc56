"""File systems that may hang: those whose files come over a network or from a program.

A disk answers some time, and where it does not the machine is ill. A server that was
switched off, or a program in user space that is stuck, keeps whoever opens or reads a
file waiting, maybe for ever. The kernel's list of mounts tells which is which without
a question to the file system itself (proc_pid_mountinfo(5)).
"""

from __future__ import annotations

import os
import select
import threading
from functools import cache
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""Where the kernel lists what is mounted; absent on systems that are not Linux."""

_SLOW = ("9p", "afs", "ceph", "cifs", "fuse", "nfs", "orangefs", "smb", "virtiofs")
"""How the names of those file systems begin; what FUSE shows of a disk comes from a
program, too."""


def slow_devices(mountinfo: str) -> frozenset[int]:
    """The devices, as `os.stat` has them, of the file systems that may hang.

    Args:
        mountinfo: The kernel's list.

    >>> line = "36 35 0:46 / /srv/boot rw,relatime shared:1 - nfs4 nas:/boot rw"
    >>> slow_devices(line) == {os.makedev(0, 46)}
    True
    """
    found: set[int] = set()
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith(_SLOW):
            major, _, minor = before.split()[2].partition(":")
            found.add(os.makedev(int(major), int(minor)))
    return frozenset(found)


class Mounts:
    """What is mounted, read anew when that has changed. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slow: frozenset[int] = frozenset()
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
        with self._lock:
            if self._fd >= 0 and self._news.poll(0):
                self._read()
            return device in self._slow

    def _read(self) -> None:
        os.lseek(self._fd, 0, os.SEEK_SET)
        data = b""
        while more := os.read(self._fd, 1 << 16):
            data += more
        self._slow = slow_devices(data.decode("utf-8", "surrogateescape"))


@cache
def mounts() -> Mounts:
    """The mounts of this process."""
    return Mounts()

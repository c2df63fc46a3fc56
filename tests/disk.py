"""Files that are not in memory, and a disk that a test can hold up."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import time

import pytest

from fastboot import cold
from fastboot.cold import Cold, check_warm

OLD = 946684800  # a time long ago, seconds since the epoch
PATIENCE = 20.0
LIBC = ctypes.CDLL(None)


def put_old(path, data):
    """Write a file, as if that were long ago."""
    path.write_bytes(data)
    os.utime(path, (OLD, OLD))


def put(path, data):
    """Write a file, and have the kernel forget what is in it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.utime(path, (OLD, OLD))
    forget(path)


def forget(path):
    """Have the kernel forget what is in a file; it does once nothing uses it."""
    with path.open("rb") as file:
        for _ in range(2000):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if not in_memory(file):
                return
            time.sleep(0.001)
    pytest.skip("this file system keeps everything in memory")


def in_memory(file):
    """How many pages of a file are in memory, without a look into it (mincore(2))."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as pages:
        held = (ctypes.c_ubyte * (len(pages) // mmap.PAGESIZE + 1))()
        first = ctypes.c_char.from_buffer(pages)
        place = ctypes.c_void_p(ctypes.addressof(first))
        failed = LIBC.mincore(place, ctypes.c_size_t(len(pages)), held)
        del first
    assert not failed
    return sum(page & 1 for page in held)


def require_cold_files(folder):
    """Skip where the file system has no cold files, or cannot tell."""
    path = folder / "file"
    put_old(path, bytes(1 << 20))
    with path.open("rb") as file:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except BlockingIOError:
            pass
        except OSError:
            pytest.skip("this file system cannot tell what is in memory")
    put(path, bytes(1 << 20))
    with path.open("rb") as file:
        for _ in range(100):
            try:
                check_warm(file.fileno(), 0, 1 << 20)
            except Cold:
                return
            forget(path)
    pytest.skip("this file system keeps everything in memory, or cannot tell")


class Disk:
    """A disk that the test can hold up.

    Attributes:
        reads: The places that were read.
        free: Whether it reads at all.
    """

    def __init__(self, monkeypatch):
        self.reads = []
        self.free = threading.Event()
        self.free.set()
        really = cold.read

        def read(file, at, length):
            self.reads.append(at)
            assert self.free.wait(PATIENCE)
            return really(file, at, length)

        monkeypatch.setattr(cold, "read", read)

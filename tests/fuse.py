"""A file system of one file whose program can be stopped, and with it who asks for it.

    python tests/fuse.py FOLDER SIZE [direct]

Mounts it at FOLDER (as root), says so, and serves it by the kernel's own protocol
(linux/fuse.h) until it is unmounted. Nothing is kept in memory for long: each question
comes here, and with "direct" each reading of content as well.
"""

import ctypes
import os
import random
import signal
import struct
import subprocess
import sys
from contextlib import contextmanager

import pytest

NAME = b"linux"
MTIME = 946684800  # a time long ago, seconds since the epoch
FOLDER, FILE = 1, 2  # nodes; the kernel gives the root its number
NO_ENTRY, NO_CALL = 2, 38  # ENOENT, ENOSYS
LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE = 1, 2, 3, 14, 15, 18
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT = 25, 26, 27, 28, 29, 36
BATCH_FORGET = 42
DIRECT_IO = 1  # FOPEN_DIRECT_IO
MNT_DETACH = 2
LIBC = ctypes.CDLL(None, use_errno=True)


def content(size):
    """What is in the file."""
    return random.Random(size).randbytes(size)


def attributes(node, size):
    mode, size = (0o40755, 0) if node == FOLDER else (0o100644, size)
    times = (MTIME, MTIME, MTIME)
    return struct.pack("<6Q10I", node, size, 0, *times, 0, 0, 0, mode, *(1, *[0] * 5))


def answer(opcode, node, body, data, how):
    """What the kernel is told: bytes, or an error's number."""
    match opcode:
        case 26:  # INIT
            return struct.pack(
                "<4I2H2I2H8I", 7, 31, 0, 0, 8, 8, 1 << 17, 1, 32, *[0] * 9
            )
        case 1 if body.rstrip(b"\0") == NAME:  # LOOKUP
            return struct.pack("<4Q2I", FILE, 0, 0, 0, 0, 0) + attributes(
                FILE, len(data)
            )
        case 1:
            return NO_ENTRY
        case 3:  # GETATTR
            return struct.pack("<Q2I", 0, 0, 0) + attributes(node, len(data))
        case 14 | 27:  # OPEN, OPENDIR
            return struct.pack("<Q2I", 0, how, 0)
        case 15:  # READ
            _, offset, size = struct.unpack_from("<2QI", body)
            return data[offset : offset + size]
        case 28:  # READDIR
            (_, offset) = struct.unpack_from("<2Q", body)
            entry = struct.pack("<2Q2I", FILE, 1, len(NAME), 8) + NAME
            return b"" if offset else entry + bytes(-len(entry) % 8)
        case 18 | 25 | 29:  # RELEASE, FLUSH, RELEASEDIR
            return b""
    return NO_CALL


def serve(folder, size, how):
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    if LIBC.mount(b"test", folder.encode(), b"fuse", 0, options.encode()):
        sys.exit(os.strerror(ctypes.get_errno()))
    data = content(size)
    print("mounted", flush=True)
    while True:
        try:
            request = os.read(device, 1 << 18)
        except FileNotFoundError:
            continue  # it was interrupted
        except OSError:
            return  # unmounted
        _, opcode, unique, node = struct.unpack_from("<2I2Q", request)
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        said = answer(opcode, node, request[40:], data, how)
        error, said = (-said, b"") if isinstance(said, int) else (0, said)
        try:
            os.write(device, struct.pack("<IiQ", 16 + len(said), error, unique) + said)
        except FileNotFoundError:
            pass  # nobody waits for it any more


class Mounted:
    """The file system, mounted.

    Attributes:
        content: What is in its file.
    """

    def __init__(self, process, size):
        self._process = process
        self.content = content(size)

    def hang(self):
        """Answer nothing from now on."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        """Answer again."""
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def mounted(folder, size, *, direct=False):
    """The file system, mounted at a folder; skips where that is not allowed."""
    command = [sys.executable, __file__, str(folder), str(size)]
    command += ["direct"] if direct else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        try:
            if p.stdout.readline() != b"mounted\n":
                pytest.skip(f"no FUSE here: {p.stderr.read().decode()}")
            yield Mounted(p, size)
        finally:
            LIBC.umount2(str(folder).encode(), MNT_DETACH)
            p.kill()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), DIRECT_IO if "direct" in sys.argv else 0)

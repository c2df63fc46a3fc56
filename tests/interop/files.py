"""The files that clients fetch."""

from __future__ import annotations

import random
from pathlib import Path

SIZES = {"0": 0, "1": 1, "511": 511, "512": 512, "513": 513}
"""Sizes around a TFTP block of 512 bytes, by the names of their files."""

BIG = "big"
BIG_SIZE = 40_000_000
"""A file whose blocks of 512 bytes are more than 65535, so that numbers wrap."""

TEXT = "text"
LINES = "".join(f"line {n}\n" if n % 3 else f"return\r{n}\r\n" for n in range(300))
"""A text with every kind of line end, some of them across the border of a block."""

PROGRAM = "a name.efi"
"""Something whose name tells its type, and is to be escaped in a URL."""


def fill(folder: Path) -> Path:
    """Write every file into `folder`, and return it."""
    noise = random.Random(2)
    for name, size in {**SIZES, BIG: BIG_SIZE}.items():
        (folder / name).write_bytes(noise.randbytes(size))
    (folder / TEXT).write_bytes(LINES.encode())
    (folder / PROGRAM).write_bytes(b"MZ")
    return folder

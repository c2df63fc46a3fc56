"""A blob as TFTP's numbered blocks, in octet and in netascii mode.

Blocks count from 1 without end; only their low 16 bits go on the wire. The first block
shorter than `blksize`, possibly empty, is the last (RFC 1350, section 6).
"""

from __future__ import annotations

import re
from typing import Protocol

from fastboot.cold import Cold, Part, Reader
from fastboot.tree import Blob

_CHUNK = 1 << 15
"""Bytes converted at a time in netascii mode."""


class Blocks(Protocol):
    """Where a sender takes its blocks from."""

    def window(self, first: int, count: int) -> list[bytes]:
        """Blocks `first` and those after it, `count` or up to the last.

        `first` never goes back below that of an earlier call.

        Raises:
            Cold: They are not in memory; asked again after `take`, they are.
            ContentChanged: The file was cut short or rewritten.
            OSError: The file cannot be read.
        """
        ...

    def take(self, cold: Cold, part: Part) -> None:
        """What was not in memory.

        Raises:
            ContentChanged: The file was cut short or rewritten.
        """


class OctetBlocks:
    """The bytes as they are."""

    def __init__(self, blob: Blob, blksize: int) -> None:
        self._reader = Reader(blob)
        self._blksize = blksize

    def window(self, first: int, count: int) -> list[bytes]:
        """See `Blocks`; one read for all of them."""
        blksize = self._blksize
        data = self._reader.read((first - 1) * blksize, count * blksize)
        if len(data) < count * blksize:
            self._reader.check()
        blocks = [data[at : at + blksize] for at in range(0, len(data), blksize)]
        if len(blocks) < count and len(data) % blksize == 0:
            blocks.append(b"")
        return blocks

    def take(self, cold: Cold, part: Part) -> None:
        """See `Blocks`."""
        self._reader.take(cold, part)


class NetasciiBlocks:
    """Lines end with CR LF, and a CR that ends no line is CR NUL (RFC 764, NVT).

    A converted byte's place depends on all before it, so that the blocks that may
    have to be sent again are kept: a window of them.
    """

    def __init__(self, blob: Blob, blksize: int) -> None:
        self._size = blob.size
        self._reader = Reader(blob)
        self._blksize = blksize
        self._offset = 0  # of the first byte not yet converted
        self._rest = b""  # converted bytes that fill no block yet
        self._kept: list[bytes] = []
        self._first = 1  # the number of _kept[0]

    def window(self, first: int, count: int) -> list[bytes]:
        """See `Blocks`; what comes before `first` is forgotten."""
        del self._kept[: first - self._first]
        self._first = first
        while len(self._kept) < count and not self._complete():
            self._convert()
        return self._kept[:count]

    def take(self, cold: Cold, part: Part) -> None:
        """See `Blocks`."""
        self._reader.take(cold, part)

    def _complete(self) -> bool:
        return bool(self._kept) and len(self._kept[-1]) < self._blksize

    def _convert(self) -> None:
        chunk = self._reader.read(self._offset, _CHUNK)
        self._offset += len(chunk)
        data = self._rest + chunk.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
        whole = len(data) - len(data) % self._blksize
        self._kept += [
            data[at : at + self._blksize] for at in range(0, whole, self._blksize)
        ]
        self._rest = data[whole:]
        if self._offset >= self._size:
            self._reader.check()
            self._kept.append(self._rest)


class NetasciiText:
    r"""Text that comes in netascii, block by block, as it is stored here.

    CR LF becomes a line's end and CR NUL a CR (RFC 764, NVT), also where the two stand
    in different blocks. A CR before anything else is not netascii, and stays.

    >>> text = NetasciiText()
    >>> text.decode(b"one\r", last=False) + text.decode(b"\ntwo\r\0", last=True)
    b'one\ntwo\r'
    """

    def __init__(self) -> None:
        self._rest = b""  # a CR whose meaning the next block tells

    def decode(self, data: bytes, *, last: bool) -> bytes:
        """What a block adds to the text."""
        data = self._rest + data
        self._rest = b""
        if data.endswith(b"\r") and not last:
            data, self._rest = data[:-1], b"\r"
        return _LINE_ENDS.sub(lambda found: _MEANINGS[found[0]], data)


_LINE_ENDS = re.compile(rb"\r[\n\0]")
_MEANINGS = {b"\r\n": b"\n", b"\r\0": b"\r"}

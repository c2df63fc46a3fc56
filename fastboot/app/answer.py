"""What a function returned becomes content, the same for every protocol."""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable
from functools import partial
from pathlib import Path

from fastboot.aside import Aside
from fastboot.blob import leave
from fastboot.errors import NotFound, Refused, Unavailable
from fastboot.mounts import mounts
from fastboot.tree import Blob, Client, Tree, content

GATHER_MAX = 1 << 20
"""Bytes of a stream that are gathered for a client of TFTP, which may ask for any block
again: enough for a script, and little for each of those that ask without end."""


def blob_of(
    answer: object, below: Tree | None, client: Client
) -> Blob | Awaitable[Blob]:
    """The content that a function returned, as `App.get` describes it.

    Args:
        answer: What it returned, nothing to be awaited.
        below: Where relative paths lead.
        client: Who asks.

    Raises:
        NotFound: It is None, or the path of no file.
        TypeError: It is no content.
    """
    if isinstance(answer, Path):
        if answer.is_absolute():
            return _open(answer)
        if below is None:
            raise NotFound("there is no folder that the path could be in")
        return below.open(answer.as_posix(), client)
    blob = content(answer)
    if blob.pieces is not None and client.protocol == "tftp":
        return _gather(blob)
    return blob


def _open(path: Path) -> Blob | Aside:
    """A file anywhere; asked by a thread where its file system may hang."""
    place = mounts().slow_at(os.fspath(path))
    return _open_now(path) if place is None else Aside(partial(_open_now, path), place)


def _open_now(path: Path) -> Blob:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise NotFound("no such file") from None
    except PermissionError:
        raise Refused("the file may not be read") from None
    except OSError as error:
        raise Unavailable(f"the file cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):  # of what was opened, not of its name
        os.close(fd)
        raise Refused("it is no regular file")
    return Blob.from_fd(fd)


async def _gather(blob: Blob) -> Blob:
    assert blob.pieces is not None  # only such blobs come here
    whole = bytearray()
    try:
        if blob.size > GATHER_MAX:
            raise Unavailable(f"a stream above {GATHER_MAX} bytes goes over HTTP alone")
        async for piece in blob.pieces:
            whole += piece
            if len(whole) > blob.size:
                break
    finally:
        await leave(blob.pieces)
    if len(whole) != blob.size:
        raise Unavailable("the stream has not the size that it was said to have")
    return Blob.from_bytes(bytes(whole), kind=blob.kind)

"""How answers leave: small ones in one piece, files by sendfile(2); the front's other half.

Its twin is `fastboot/_ext/http_outlet.pyx`.
"""

from __future__ import annotations

import socket

from fastboot.cold import Cold, check_warm, read_warm, within_window
from fastboot.errors import ContentChanged
from fastboot.tree import Blob

from .link import send_content
from .waiting import Waiting

SMALL = 32 << 10
"""Bytes up to which a body is read and sent in one piece with its head: a call less,
and sendfile is faster only beyond."""

SHORT = 128 << 10
"""Bytes up to which it is tried whether all of an answer goes at once."""


def send_at_once(
    sock: socket.socket, blob: Blob, head: bytes, first: int, length: int
) -> int:
    """Send an answer before it is under way, if it is short; how many bytes of it went.

    It may be fewer, or none, for any reason: whoever goes on sending finds out.
    """
    sent = 0
    try:
        if length <= SMALL:
            body = read_warm(blob, first, length)
            return 0 if body is None else sock.send(head + body)
        file, at = blob.fd, blob.offset + first
        if file is None or length > SHORT or within_window(at, length) < length:
            return 0
        if type(sock) is not socket.socket:
            return 0  # sendfile(2) knows nothing of TLS
        check_warm(file, at, length)
        blob.check()
        sent = sock.send(head)
        if sent == len(head):
            sent += send_content(sock, blob, first, length)
    except (ContentChanged, OSError):
        pass
    return sent


def send(link: Waiting, share: int) -> int:
    """Send what there is room for, `share` bytes at the most; how many it was.

    Where the file has to be waited for, the connection is `cold` then.

    Raises:
        ContentChanged: The file is not what it was when the answer began.
        OSError: The connection has ended, or the file cannot be read.
    """
    assert link.known  # the caller looked
    blob = link.known.file.blob
    sent = 0
    try:
        if link.head:
            small = link.left == link.length <= SMALL
            whole = _read_small(link, blob) if small else b""
            # Not held back for the first bytes of the file: an answer that is a
            # little longer than the client's first window took three times as long.
            sent = link.sock.send(link.head + whole)
            link.went(sent)
        while link.left and not link.head and sent < share:
            at, most = blob.offset + link.offset, min(link.left, share - sent)
            length = within_window(at, most)
            count = _send_file(link, blob, length)
            sent += count
            link.offset += count
            link.left -= count
            if count < length:
                break  # there is no room for more: not to be asked again
    except BlockingIOError:
        pass
    return sent


def _read_small(link: Waiting, blob: Blob) -> bytes | bytearray:
    """Read the whole of a small body, by one call where it is in memory."""
    body: bytes | bytearray | None = read_warm(blob, link.offset, link.left)
    if body is None:
        _look(link, blob, link.left)
        body = blob.read(link.offset, link.left)
    link.warmed = False
    blob.check()  # it was the same when it was found, which may have been a while ago
    return body


def _send_file(link: Waiting, blob: Blob, length: int) -> int:
    _look(link, blob, length)
    if length == link.left:
        blob.check()
    return send_content(link.sock, blob, link.offset, length)


def _look(link: Waiting, blob: Blob, length: int) -> None:
    """Have the next bytes of a file read aside if they are not in memory."""
    if not link.warmed:
        assert blob.fd is not None  # it is a file's
        try:
            check_warm(blob.fd, blob.offset + link.offset, length)
        except Cold as cold:
            link.cold, link.cold_at = True, cold.at
            raise
    link.warmed = False

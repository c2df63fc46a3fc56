"""How answers leave: small ones in one piece, files by sendfile(2); the front's other half.

Its twin is `fastboot/_ext/http_outlet.pyx`.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from fastboot.cold import Cold, check_warm, read_warm, within_window
from fastboot.errors import ContentChanged
from fastboot.patient import PATIENCE
from fastboot.poller import LATER, READ, WRITE
from fastboot.tree import Blob

from .kept import Known
from .link import send_content

SMALL = 32 << 10
"""Bytes up to which a body is read and sent in one piece with its head: a call less,
and sendfile is faster only beyond."""

SLOW = 0.25
"""Seconds without room after which a client may wait with others for more: as much as it
took by then, or half of that, is on its way still, so that it does not run dry."""

SHORT = 128 << 10
"""Bytes up to which it is tried whether all of an answer goes at once."""


@dataclass(slots=True)
class Waiting:
    """A connection, and the answer that is under way on it."""

    sock: socket.socket
    client: str
    requests: int
    known: Known | None = None  # what is being sent
    head: bytes = b""  # what is left of the answer's head
    offset: int = 0
    left: int = 0
    length: int = 0
    began: float = 0.0
    waits_since: float = 0.0  # for room, or when the answer began
    unrenewed: int = 0  # bytes sent since its timer was set
    acked: int = 0  # what the client had acknowledged by then
    renewed: float = 0.0  # when that was
    rest: bytes = b""  # requests that were sent behind it
    interest: int = READ
    cold: bool = False  # a part of the file is being read for it
    cold_at: int = 0  # where in the file
    warmed: bool = False  # it has just been, and is sent without another look

    def begin(
        self, known: Known, head: bytes, first: int, length: int, now: float
    ) -> None:
        """Have an answer under way, nothing of which was sent."""
        self.known, self.head = known, head
        self.offset, self.left, self.length = first, length, length
        self.began = self.waits_since = now
        self.unrenewed = 0

    @property
    def sent(self) -> int:
        """Bytes of the content that were sent."""
        return self.length - self.left

    def waits(self, now: float, *, full: bool) -> int:
        """What its socket is to be watched for until it goes on; at once unless `full`.

        Who took long to make room has a good part of what is on its way still before
        it, and may wait for the others.
        """
        waited, self.waits_since = now - self.waits_since, now
        if self.cold:
            return 0
        least = 2 * PATIENCE if self.interest == LATER else SLOW
        return LATER if full and waited >= least else WRITE

    def went(self, count: int) -> None:
        """So many bytes were sent, of the head and what follows it."""
        body = max(0, count - len(self.head))
        self.head = self.head[count:]
        self.offset += body
        self.left -= body


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
    body = read_warm(blob, link.offset, link.left)
    if body is None:
        _look(link, blob, link.left)
        return blob.read(link.offset, link.left)
    link.warmed = False
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

"""Who meets clients over TLS first: shakes hands, answers what is known and short.

A head and its body are one record then, and one call. Longer ones are a link's, which
has the kernel encrypt where it can.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import cast

from fastboot.cold import Cold, fill
from fastboot.config import HttpConfig
from fastboot.poller import READ, Poller
from fastboot.tls.sockets import TlsSocket, Waits

from .front import Front
from .kept import Kept
from .limits import MAX_HEAD, RECEIVE
from .places import Places
from .secure import COPY, no_handshake
from .waiting import Waiting

MOST = COPY
"""Bytes of a body that is read and sent in one piece with its head."""


class SecureFront(Front):
    """The front of HTTPS: its connections are `TlsSocket`s.

    Whoever reads shakes hands first, which OpenSSL does by itself. A connection with a
    machine of its own meanwhile cost a tenth more.

    Args:
        poller: As for `Front`.
        config: As for `Front`.
        clock: As for `Front`.
        wall_clock: As for `Front`.
        room: As for `Front`.

    Attributes:
        dropped: Told which client had no handshake, and why.
    """

    def __init__(
        self,
        poller: Poller,
        config: HttpConfig,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        room: Places,
    ) -> None:
        super().__init__(poller, config, clock, wall_clock, room)
        self._answers.kept, self._answers.send = Kept(MOST), self._send
        self.dropped: Callable[[str, str], None] = lambda client, why: None
        self._buffer = memoryview(bytearray(MAX_HEAD + MOST))

    def _read(self, fd: int, link: Waiting) -> None:
        try:
            data = link.sock.recv(RECEIVE)
        except Waits as waits:  # for room, it may be: the peer has a say in that
            self._links.watch_for(fd, link, waits.interest)
            return
        except OSError as error:
            data = b""  # as good as an end: nothing is under way
            self._say_why(link, error)
        else:
            if not data:
                self._say_why(link, ssl.SSLEOFError())
        self._heed(fd, link, data)

    def _say_why(self, link: Waiting, error: OSError) -> None:
        """A connection is over; that is no news where its handshake was."""
        if not cast("TlsSocket", link.sock).established:
            self.dropped(link.client, no_handshake(error))

    def _send(self, link: Waiting, share: int) -> int:
        """Send an answer, or nothing of it: OpenSSL wants the same bytes once more then."""
        assert link.known  # the caller looked
        blob, begin = link.known.file.blob, len(link.head)
        assert blob.fd is not None  # it is a file's
        whole = self._buffer[: begin + link.left]
        whole[:begin] = link.head
        try:
            fill(blob.fd, whole[begin:], blob.offset + link.offset, wait=link.warmed)
            if link.interest != READ:  # it was found a while ago
                blob.check()
            count = link.sock.send(whole)
        except Cold as cold:
            link.cold, link.cold_at = True, cold.at
            return 0
        except Waits:
            return 0
        link.head, link.left, link.warmed = b"", 0, False
        return count

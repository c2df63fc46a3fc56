"""A connection over TLS: the same machine behind a socket that encrypts.

Where the kernel encrypts (kTLS, Linux 4.13), files go by sendfile(2) as over HTTP. That
the kernel does so is asked of each socket: on one where it does not, sendfile would put
the file on the wire as it is.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct

from fastboot.cold import CUT_SHORT, Cold, whole_chunks
from fastboot.errors import ContentChanged
from fastboot.tls.sockets import TlsSocket, Waits

from .actions import Action, Send, SendFile
from .connection import Connection
from .encrypt import encrypt
from .link import Link
from .outlet import SMALL

COPY = 128 << 10
"""Bytes given to OpenSSL at once: what finds no room has to be given once more, whole."""

SHARE = 512 << 10
"""A connection's share of a turn, bytes: a third of a millisecond's work."""

_SOL_TLS = 282
_TLS_TX = 1
_TLS_VERSIONS = (0x0303, 0x0304)
"""From linux/tls.h."""

_UNTRUSTED = ("unknown ca", "bad certificate", "certificate unknown")
"""How clients say that they do not know who signed our certificate (RFC 8446, 6.2)."""


class SecureLink(Link):
    """A connection's TLS socket; see `fastboot.http.link.Link`.

    The handshake is part of whatever is done first, and like a head has until the
    machine's `deadline`.

    Args:
        sock: The connection's.
        machine: The connection's.
        buffer: `COPY` bytes for what is about to be encrypted; for all links of a thread.
    """

    __slots__ = ("_buffer", "_kernel")

    sock: TlsSocket

    def __init__(
        self, sock: TlsSocket, machine: Connection, buffer: memoryview
    ) -> None:
        super().__init__(sock, machine)
        self._buffer = buffer
        self._kernel: bool | None = None  # not asked yet

    def receive(self, size: int) -> bytes:
        """What has come, nothing at the end; see `Link.receive`."""
        self.wants = 0
        try:
            return self.sock.recv(size)
        except Waits as waits:
            self.wants = waits.interest
            raise

    def send(self, action: Send) -> int:
        """Send it, and with it what is short behind it; see `Link.send`."""
        self.wants = 0
        if len(self.queue) > 1:
            action = self._joined(action)
        try:
            count = self.sock.send(action.data)
        except Waits as waits:
            self.wants = waits.interest
            raise
        self.queue.popleft()
        return count

    def send_file(self, action: SendFile, share: int) -> int:
        """Send what there is room for, about `share` bytes; see `Link`."""
        self.wants = 0
        blob, offset = action.blob, action.offset
        try:
            if blob.fd is None or blob.slow or not self._kernel_encrypts():
                count = self._send_encrypted(action, share)
            else:
                length = self.piece(action, share)
                count = os.sendfile(self.fd, blob.fd, blob.offset + offset, length)
                if not count:
                    raise ContentChanged(CUT_SHORT)
        except Waits as waits:
            self.wants = waits.interest
            raise
        self.went(action, count)
        return count

    def shutdown(self) -> None:
        """Send no more, and say so, to the TLS peer (RFC 8446, section 6.1) and below."""
        self.wants = 0
        if self.sock.established:
            try:
                self.sock.unwrap()
            except ssl.SSLWantWriteError:
                raise BlockingIOError from None
            except (OSError, ValueError):
                pass  # its own goodbye is not waited for
        socket.socket.shutdown(self.sock, socket.SHUT_WR)

    def _joined(self, action: Send) -> Send:
        """All that is short at the queue's beginning, as one thing to send: one record."""
        queue = self.queue
        parts, size = [action.data], len(action.data)
        while len(queue) > 1 and (more := self._short(queue[1], SMALL - size)):
            parts.append(more)
            size += len(more)
            del queue[1]
        if len(parts) > 1:
            action = queue[0] = Send(b"".join(parts))
        return action

    def _short(self, action: Action, most: int) -> bytes | memoryview:
        """What an action would send where that is short and at hand; else nothing."""
        if isinstance(action, Send):
            return action.data if len(action.data) <= most else b""
        if not isinstance(action, SendFile) or action.length > most or action.blob.slow:
            return b""
        try:
            if self.piece(action, most) < action.length:
                return b""
        except Cold:
            return b""
        return action.blob.read(action.offset, action.length)

    def _send_encrypted(self, action: SendFile, share: int) -> int:
        """Send records as long as there is room.

        What found none is given once more as OpenSSL wants it, the same bytes and no
        fewer: a turn begins with its whole share, and a piece is as long as ever.
        """
        blob = action.blob
        if blob.fd is None or blob.slow:
            return self.sock.send(self.at_hand(action, min(action.length, COPY)))
        at = blob.offset + action.offset
        length = min(action.length, whole_chunks(at, share))
        if length == action.length:
            blob.check()
        wait, self.warmed = self.warmed, False
        return encrypt(self.sock.send, blob.fd, at, length, self._buffer, wait=wait)

    def _kernel_encrypts(self) -> bool:
        if self._kernel is None:
            self._kernel = kernel_encrypts(self.sock)
        return self._kernel


def kernel_encrypts(sock: socket.socket) -> bool:
    """Whether what is written to a socket's descriptor is encrypted by the kernel.

    Only an answer that names version and cipher counts; everything else means no.
    """
    try:
        about = sock.getsockopt(_SOL_TLS, _TLS_TX, 4)  # struct tls_crypto_info
    except OSError:
        return False
    if len(about) != 4:
        return False
    version, cipher = struct.unpack("=HH", about)
    return version in _TLS_VERSIONS and cipher != 0


def no_handshake(error: OSError) -> str:
    """Why there was no handshake, and what helps."""
    return f"no TLS handshake: {_reason(error)}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLEOFError) or not isinstance(error, ssl.SSLError):
        return "the client left; does it trust our certificate? (see `fastboot cert`)"
    reason = (error.reason or "not TLS").lower().replace("_", " ")
    if reason == "http request":
        return "the client speaks HTTP, not HTTPS"
    if reason == "no shared cipher":
        return "the client knows none of our suites; --https-legacy allows older ones"
    if reason.endswith(_UNTRUSTED):
        return "the client does not trust our certificate; see `fastboot cert`"
    return reason

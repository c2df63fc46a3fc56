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
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastboot.cold import CUT_SHORT, whole_chunks
from fastboot.errors import ContentChanged
from fastboot.poller import READ, WRITE

from .actions import Send, SendFile
from .connection import Connection
from .encrypt import encrypt
from .link import Link

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
        sock: The socket as it was accepted; this takes it over.
        machine: The connection's.
        context: The server's certificates.
        dropped: Told why a handshake failed.
        buffer: `COPY` bytes for what is about to be encrypted; for all links of a thread.
    """

    __slots__ = ("_buffer", "_dropped", "_established", "_kernel")

    sock: ssl.SSLSocket

    def __init__(
        self,
        sock: socket.socket,
        machine: Connection,
        context: ssl.SSLContext,
        dropped: Callable[[str], None],
        buffer: memoryview,
    ) -> None:
        secure = context.wrap_socket(
            sock, server_side=True, do_handshake_on_connect=False
        )
        super().__init__(secure, machine)
        self._dropped = dropped
        self._buffer = buffer
        self._established = False
        self._kernel = False

    def receive(self, size: int) -> bytes:
        """What has come, nothing at the end; see `Link.receive`."""
        with self._patiently():
            self._establish()
            data = self.sock.recv(size)
            while data and (more := self.sock.pending()):
                data += self.sock.recv(more)  # of the same record: epoll knows nothing
            return data

    def send(self, action: Send) -> int:
        """Send what there is room for; see `Link.send`."""
        with self._patiently():
            self._establish()
            count = self.sock.send(action.data)
        if count < len(action.data):
            self.queue[0] = Send(memoryview(action.data)[count:])
        else:
            self.queue.popleft()
        return count

    def send_file(self, action: SendFile, share: int) -> int:
        """Send what there is room for, about `share` bytes; see `Link`."""
        blob, offset = action.blob, action.offset
        with self._patiently():
            self._establish()
            if self._kernel and blob.fd is not None and not blob.slow:
                length = self.piece(action, share)
                count = os.sendfile(self.fd, blob.fd, blob.offset + offset, length)
                if not count:
                    raise ContentChanged(CUT_SHORT)
            else:
                count = self._send_encrypted(action, share)
        self.went(action, count)
        return count

    def shutdown(self) -> None:
        """Send no more, and say so, to the TLS peer (RFC 8446, section 6.1) and below."""
        self.wants = 0
        if self._established:
            try:
                self.sock.unwrap()
            except ssl.SSLWantWriteError:
                raise BlockingIOError from None
            except (OSError, ValueError):
                pass  # its own goodbye is not waited for
        socket.socket.shutdown(self.sock, socket.SHUT_WR)

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

    def _establish(self) -> None:
        if self._established:
            return
        try:
            self.sock.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            self._dropped(f"no TLS handshake: {_reason(error)}")
            raise
        self._established = True
        self._kernel = kernel_encrypts(self.sock)

    @contextmanager
    def _patiently(self) -> Iterator[None]:
        """What TLS has to wait for as the engine knows it."""
        self.wants = 0
        try:
            yield
        except ssl.SSLWantReadError:
            self.wants = READ
            raise BlockingIOError from None
        except ssl.SSLWantWriteError:
            self.wants = WRITE
            raise BlockingIOError from None


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

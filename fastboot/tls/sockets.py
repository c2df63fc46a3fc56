"""TLS sockets that wait as other sockets do: with a BlockingIOError."""

from __future__ import annotations

import errno
import socket
import ssl
import sys
from functools import cache
from typing import TYPE_CHECKING

from fastboot.poller import READ, WRITE

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_TCP_ULP = 31
"""From linux/tcp.h."""


class Waits(BlockingIOError):
    """A TLS socket has to wait, maybe for the other direction: it reads in order to write.

    Attributes:
        interest: For what: READ or WRITE.
    """

    def __init__(self, interest: int) -> None:
        super().__init__("TLS has to wait")
        self.interest = interest


class TlsSocket(ssl.SSLSocket):
    """A connection's socket, non-blocking; contexts of `make_context` wrap with it."""

    @property
    def established(self) -> bool:
        """Whether the handshake is over."""
        return self.version() is not None

    def recv(self, buflen: int = 16384, flags: int = 0) -> bytes:
        """What has come: all of a record that `buflen` bytes are there of; b"": the end.

        The handshake is gone on with first, as far as that is not over.

        Raises:
            Waits: Nothing has come.
        """
        receive = super().recv
        try:
            data = receive(buflen, flags)
            if len(data) == buflen:  # epoll knows nothing of what is left of a record
                while more := self.pending():
                    data += receive(more)
        except ssl.SSLWantReadError:
            raise Waits(READ) from None
        except ssl.SSLWantWriteError:
            raise Waits(WRITE) from None
        return data

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Send all of it, or nothing: then the same bytes have to be given once more.

        The handshake comes first here, too.

        Raises:
            Waits: There is no room.
        """
        try:
            return super().send(data, flags)
        except ssl.SSLWantWriteError:
            raise Waits(WRITE) from None
        except ssl.SSLWantReadError:
            raise Waits(READ) from None


@cache
def kernel_knows_tls() -> bool:
    """Whether OpenSSL has to be told to try kernel TLS: without, it tries each handshake.

    What the kernel does with a socket is asked of that socket all the same. A socket
    without a connection cannot have TLS, but a kernel that does not know it says so
    first; one that keeps it in a module loads it for root alone, as for OpenSSL.
    """
    if not sys.platform.startswith("linux"):
        return True
    with socket.socket() as sock:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_ULP, b"tls")
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ENOPROTOOPT)
    return True

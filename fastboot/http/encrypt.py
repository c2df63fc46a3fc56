"""Parts of files given to OpenSSL, as far as there is room for them.

It exists twice: here, and compiled (`fastboot/_ext/http_encrypt.pyx`). Between two
pieces the processor has seen so many other bytes that Python's own code has to be
fetched anew: 128 KiB at a time it costs a tenth of what encrypting them does.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Protocol

from fastboot._ext import twin
from fastboot.cold import Cold, fill


class Encrypt(Protocol):
    """How a part of a file is sent."""

    def __call__(
        self,
        write: Callable[[memoryview], int],
        file: int,
        at: int,
        length: int,
        buffer: memoryview,
        wait: bool,
        /,
    ) -> int:
        """See `encrypt`."""


def encrypt(
    write: Callable[[memoryview], int],
    file: int,
    at: int,
    length: int,
    buffer: memoryview,
    wait: bool,
    /,
) -> int:
    """Send a part of a file in pieces as long as the buffer.

    Args:
        write: Sends a piece, all of it or nothing.
        file: The file's descriptor.
        at: Where in it the part begins.
        length: The part's bytes.
        buffer: Where pieces are read to.
        wait: Whether to read what is not in memory.

    Returns:
        How many bytes were sent: fewer where there was no room for more.

    Raises:
        Cold: Nothing was sent; it is not in memory.
        ssl.SSLWantReadError, ssl.SSLWantWriteError: Nothing was sent; there is no room.
        ContentChanged: The file is shorter.
        OSError: The file cannot be read, or the connection is gone.
    """
    sent = 0
    try:
        while sent < length:
            piece = buffer[: length - sent]
            fill(file, piece, at + sent, wait=wait)
            sent += write(piece)
    except (Cold, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        if not sent:
            raise
    return sent


def best() -> Encrypt:
    """The compiled one where it was built, else the one in Python."""
    compiled = twin("http_encrypt")
    return compiled.encrypt if compiled else encrypt

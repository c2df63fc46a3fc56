"""Parts of files given to OpenSSL, as far as there is room for them.

Compiled it was tried, too: with 128 KiB at a time it costs the same.
"""

from __future__ import annotations

from collections.abc import Callable

from fastboot.cold import fill


def encrypt(
    write: Callable[[memoryview], int],
    file: int,
    at: int,
    length: int,
    buffer: memoryview,
    *,
    wait: bool,
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
        BlockingIOError: Nothing was sent; there is no room.
        ContentChanged: The file is shorter.
        OSError: The file cannot be read, or the connection is gone.
    """
    sent = 0
    try:
        while sent < length:
            piece = buffer[: length - sent]
            fill(file, piece, at + sent, wait=wait)
            sent += write(piece)
    except BlockingIOError:
        if not sent:
            raise
    return sent

"""What a connection's machine asks the owner of its socket to do, in order."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from fastboot.tree import Blob


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes."""

    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class SendFile:
    """Send `length` bytes of the blob from `offset`."""

    blob: Blob
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Send no more, and say so to the peer; go on reading."""


@dataclass(frozen=True, slots=True)
class Close:
    """Give the socket back.

    Attributes:
        reset: Tell the peer that what it has is not all of it. An orderly end would
            look like success to clients that read to the end (U-Boot past 2 GiB).
    """

    reset: bool = False


@dataclass(frozen=True, slots=True)
class Await:
    """Have the tree's answer worked out, and call `answered` with what it came to."""

    answer: Awaitable[Blob]


Action = Send | SendFile | Shutdown | Close | Await
"""Any of these."""

"""Write requests: what is taken, and on which terms."""

from __future__ import annotations

from fastboot.config import TftpConfig
from fastboot.uploads import Quota, Upload, UploadFolder

from .options import Limits, negotiate, number
from .packet import WriteRequest
from .ports import DATAGRAM_MAX
from .receive import Receiver
from .request import read_name

BLKSIZE_MAX = DATAGRAM_MAX - 4 - 1
"""Largest block taken, octets: one byte less than the carriers look at, so that a block
that is too long and was cut is not taken for a whole one."""

UNASKED = frozenset({b"msftwindow"})
"""Options that mean nothing where files are received."""


def quota(config: TftpConfig) -> Quota:
    """What a folder for uploads takes by the settings."""
    return Quota(
        file_bytes=config.uploads_file_bytes,
        files=config.uploads_at_once,
        free_bytes=config.uploads_free_bytes,
        overwrite=config.uploads_overwrite,
    )


def announced(request: WriteRequest) -> int | None:
    r"""The size that a client says its file has (RFC 2349); None where it does not.

    >>> announced(WriteRequest(b"log", b"octet", ((b"TSize", b"4096"),)))
    4096
    """
    for name, value in request.options:
        if name.lower() == b"tsize":
            return number(value)
    return None


def take(
    request: WriteRequest, folder: UploadFolder, limits: Limits, patience: float
) -> tuple[Upload, Receiver]:
    """Decide on a write request: where the file goes, and the machine that takes it.

    Args:
        request: In octet or netascii mode.
        folder: Where files go.
        limits: What is granted at the most.
        patience: Seconds without progress after which it ends.

    Raises:
        TreeError: The file is not taken.
    """
    size = announced(request)
    upload = folder.begin(read_name(request.filename), size)
    own = Limits(
        min(limits.blksize, BLKSIZE_MAX),
        limits.windowsize,
        refused=limits.refused | UNASKED,
    )
    negotiated = negotiate(request.options, own, size)
    netascii = request.mode == b"netascii"
    return upload, Receiver(upload, negotiated, patience, netascii=netascii)

"""What a client is granted: from its request, the content's size and the settings."""

from __future__ import annotations

from functools import lru_cache

from fastboot.config import TftpConfig

from .options import OVERHEAD_IPV4, OVERHEAD_IPV6, Limits, negotiate
from .ports import Peer
from .request import Asked
from .transfer import Terms

MTU_USUAL = 65536
"""MTU where the interface's is not known: what was asked for is granted."""

KEPT = 512
"""Terms that are remembered: a room full of machines gets the same."""


def limits_for(peer: Peer, mtu: int, config: TftpConfig) -> Limits:
    """The most that a client is granted, on an interface of that MTU.

    >>> limits_for(("10.0.0.7", 2070), 1500, TftpConfig()).blksize
    1468
    """
    overhead = OVERHEAD_IPV6 if len(peer) == 4 else OVERHEAD_IPV4
    blksize = max(8, min(config.max_blksize, mtu - overhead))
    return Limits(blksize, config.max_windowsize, config.msftwindow)


@lru_cache(KEPT)
def terms_for(asked: Asked, size: int, limits: Limits, patience: float) -> Terms:
    """What a transfer of `size` bytes is held to.

    Args:
        asked: The request.
        size: The content's.
        limits: What is granted at the most.
        patience: Seconds without progress after which the transfer ends.
    """
    known = None if asked.netascii else size
    return Terms(negotiate(asked.options, limits, known), size, patience)

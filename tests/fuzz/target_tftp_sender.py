"""The compiled sender beside the one in Python: any history, the same datagrams."""

from __future__ import annotations

import random
from typing import Any

from fastboot._ext import tftp_transfer
from fastboot.tftp import transfer
from fastboot.tftp.blocks import OctetBlocks
from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Ack, Error
from fastboot.tftp.transfer import Terms
from fastboot.tree import Blob

from .history import History

CONTENT = random.Random(7).randbytes(5000)
SIZES = (600, 0, 1, 7, 8, 9, 64, 511, 512, 513, 1024, 5000)
STEPS_MAX = 100

SEEDS = (
    bytes((4, 0, 1, 0, 0, 0)) + bytes((0, 0, 0, 1)) * 20,
    bytes((0, 1, 2, 1, 1, 1, 0, 0, 4, 0, 3, 60, 0, 1, 2, 9, 5, 0, 6, 0)),
    bytes((11, 0, 5, 0, 2, 0)) + bytes((0, 0)) * 64,
)

WORDS = (bytes((0, 0)) * 8, bytes((3, 255)), bytes((2, 4, 0, 4, 0, 0)))


def run(data: bytes) -> None:
    """Tell both the same and compare all that shows."""
    history = History(data)
    content = CONTENT[: history.choice(SIZES)]
    blksize = history.choice((8, 9, 512))
    negotiated = Negotiated(
        blksize=blksize,
        windowsize=history.choice((1, 2, 3, 16, 64)),
        timeout=history.choice((None, 0.01, 1, 255)),
        answer=history.choice(((), ((b"tsize", b"9"),))),
        probe=bool(history.number() & 1),
    )
    terms = Terms(negotiated, len(content), 60.0)
    blocks = OctetBlocks(Blob.from_bytes(content), blksize)
    twins = (transfer.Sender(blocks, terms), tftp_transfer.Sender(blocks, terms))
    now = 0.0
    last = _both(twins, "start", now) or 0
    for _ in range(STEPS_MAX):
        if not history:
            break
        now += 0.003
        step = history.number() % 7
        if step <= 1:
            ack = Ack((last - history.choice((0, 1, 2, 3, 64, 0x8000))) & 0xFFFF)
            last = _both(twins, "receive", ack.encode(), now) or last
        elif step == 2:
            last = _both(twins, "receive", history.bytes(12), now) or last
        elif step == 3:
            now += history.number() / 16
            last = _both(twins, "tick", now) or last
        elif step == 4:
            now = max(now, twins[0].deadline or 0.0)
            last = _both(twins, "tick", now) or last
        elif step == 5:
            last = _both(twins, "repeat", now) or last
        else:
            error = Error(history.number() % 10, b"x").encode()
            _both(twins, "receive", error, now)


def _both(twins: tuple[Any, Any], method: str, *arguments: object) -> int | None:
    """The number of the last block that both sent, if they sent any."""
    sent, other = (getattr(twin, method)(*arguments) for twin in twins)
    assert sent == other, (sent, other)
    assert _state(twins[0]) == _state(twins[1])
    return int.from_bytes(sent[-1][2:4]) if sent and sent[-1][1] == 3 else None


def _state(sender: Any) -> tuple[Any, ...]:
    return (
        sender.outcome,
        sender.reason,
        sender.confirmed,
        sender.acknowledged,
        sender.retransmissions,
        sender.deadline,
    )

"""A sender's machine in memory, and packets for it."""

import random

from fastboot.tftp.blocks import OctetBlocks
from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Ack, decode
from fastboot.tftp.transfer import Sender, Terms
from fastboot.tree import Blob


def sender_of(data, *, blksize=512, window=1, oack=True, probe=False, **terms):
    answer = ((b"blksize", b"%d" % blksize),) if oack else ()
    timeout = terms.pop("timeout", None)
    more = {name: terms.pop(name, 0) for name in ("rollover", "msftwindow")}
    negotiated = Negotiated(blksize, window, timeout, answer, probe, **more)
    blocks = OctetBlocks(Blob.from_bytes(data), blksize)
    return Sender(blocks, Terms(negotiated, len(data), **terms))


def content(size):
    return random.Random(size).randbytes(size)


def ack(block):
    return Ack(block & 0xFFFF).encode()


def blocks_in(packets):
    return [decode(packet).block for packet in packets]

"""A receiver's machine in memory, and packets for it."""

import random

from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Ack, Data
from fastboot.tftp.receive import Receiver


class Kept:
    """A content whose disk is as fast, as slow or as full as the test wants it."""

    def __init__(self, *, quick=True):
        self.data = b""
        self.ready = True
        self.kept = False
        self.asked = False
        self.problem = None
        self.quick = quick

    def write(self, data):
        assert not self.asked
        self.data += data

    def keep(self):
        self.asked = True
        self.kept = self.quick and self.problem is None


def receiver_of(content, *, blksize=512, window=1, oack=True, **more):
    answer = ((b"blksize", b"%d" % blksize),) if oack else ()
    timeout = more.pop("timeout", None)
    negotiated = Negotiated(blksize, window, timeout, answer)
    receiver = Receiver(content, negotiated, **more)
    receiver.start(0.0)
    return receiver


def data(block, payload=b"x" * 512):
    return Data(block & 0xFFFF, payload).encode()


def ack(block):
    return [Ack(block & 0xFFFF).encode()]


def noise(size):
    return random.Random(size).randbytes(size)

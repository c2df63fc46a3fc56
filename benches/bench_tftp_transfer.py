"""A whole file through the sender's machine, without a socket: its own cost."""

import pytest

from fastboot.tftp.blocks import NetasciiBlocks, OctetBlocks
from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Ack
from fastboot.tftp.transfer import Outcome, Sender, Terms
from fastboot.tree import Blob

SIZE = 4 << 20
BLOB = Blob.from_bytes(b"a line of text\n" * (SIZE // 15))


@pytest.mark.benchmark(group="tftp-transfer")
@pytest.mark.parametrize("window", [1, 4, 16, 64])
@pytest.mark.parametrize("blocks", [OctetBlocks, NetasciiBlocks])
def test_four_mebibytes(benchmark, blocks, window):
    def transfer():
        negotiated = Negotiated(1428, window, answer=((b"blksize", b"1428"),))
        sender = Sender(blocks(BLOB, 1428), Terms(negotiated, BLOB.size))
        packets = sender.start(0.0)
        block = 0
        while not sender.finished:
            packets = sender.receive(Ack(block & 0xFFFF).encode(), 0.001)
            block += len(packets)
        return sender.outcome

    assert benchmark(transfer) is Outcome.DONE

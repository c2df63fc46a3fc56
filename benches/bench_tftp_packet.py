"""TFTP's codec: what one datagram costs to read and to write."""

import pytest

from fastboot.tftp.packet import Ack, Data, decode

PACKETS = {
    "request": b"\0\1boot/ipxe.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0",
    "ack": Ack(7).encode(),
    "data": Data(7, bytes(1428)).encode(),
}


@pytest.mark.benchmark(group="tftp-packet")
@pytest.mark.parametrize("kind", PACKETS)
def test_decode(benchmark, kind):
    packet = benchmark(decode, PACKETS[kind])
    assert packet.encode() == PACKETS[kind]


@pytest.mark.benchmark(group="tftp-packet")
def test_encode_data(benchmark):
    assert benchmark(Data(7, bytes(1428)).encode) == PACKETS["data"]

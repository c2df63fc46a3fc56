"""Looking for another DHCP server: its question, and what counts as an answer."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.dhcp.foreign import Foreign, discover, look, read_offer
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import BOOTREPLY, BOOTREQUEST, BROADCAST_FLAG, Frame, decode

MAC = bytes.fromhex("525400000007")
SERVER = IPv4Address("192.0.2.1")


def offer(xid=7, kind=MessageType.OFFER, server=SERVER, **fields):
    options = ((Code.MESSAGE_TYPE, bytes((kind,))),)
    if server is not None:
        options += ((Code.SERVER_IDENTIFIER, server.packed),)
    given = {"yiaddr": IPv4Address("192.0.2.77"), "op": BOOTREPLY, **fields}
    return Frame(xid=xid, chaddr=MAC, options=options, **given).encode()


def test_the_question_is_a_clients_discover_that_asks_for_broadcast():
    frame = decode(discover(MAC, 7).encode())
    assert (frame.op, frame.xid, frame.chaddr) == (BOOTREQUEST, 7, MAC)
    assert frame.message_type == MessageType.DISCOVER
    assert frame.flags == BROADCAST_FLAG


def test_an_offer_of_an_address_shows_a_server():
    found = read_offer(offer(), 7, "eth0")
    assert found == Foreign("eth0", SERVER, IPv4Address("192.0.2.77"))


@pytest.mark.parametrize(
    "data",
    [
        offer(xid=8),
        offer(kind=MessageType.ACK),
        offer(op=BOOTREQUEST),
        offer(server=None),
        offer(yiaddr=IPv4Address(0)),  # a proxy
        b"",
    ],
    ids=["not to us", "ack", "request", "nobody", "proxy", "nothing"],
)
def test_anything_else_shows_none(data):
    assert read_offer(data, 7, "eth0") is None


@given(st.binary(max_size=400))
def test_no_bytes_harm(data):
    read_offer(data, 7, "eth0")


def test_without_an_interface_there_is_nobody_to_ask():
    assert look([]) is None

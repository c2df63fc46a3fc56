"""Servers that keep boot clients from hearing a proxy are told of."""

from ipaddress import IPv4Address

import pytest

from fastboot.dhcp.options import Code
from fastboot.dhcp.packet import BOOTREPLY, BOOTREQUEST, Frame, decode
from fastboot.dhcp.rivals import AGAIN, SERVERS_MAX, Rivals
from fastboot.events import Rival

from .clients import MAC
from .recorded import RECORDED

OURS = IPv4Address("192.0.2.2")
ROUTER = IPv4Address("192.0.2.1")
TOLD = Rival("192.0.2.1", "52:54:00:00:00:07", "192.0.2.2")


def offer(server=ROUTER, vendor=b"PXEClient", kind=2, **changes):
    """A router's offer of an address, with option 60."""
    options = ((53, bytes((kind,))), (54, server.packed), (60, vendor))
    given = {"op": BOOTREPLY, "yiaddr": IPv4Address("192.0.2.50"), **changes}
    return Frame(xid=1, chaddr=MAC, options=options, **given)


def test_a_server_that_says_pxeclient_is_told_of():
    assert Rivals().receive(offer(), OURS, 0.0) == TOLD


@pytest.mark.parametrize(
    "frame",
    [
        offer(vendor=b"MSFT 5.0"),
        offer(yiaddr=IPv4Address(0)),  # another proxy
        offer(server=OURS),
        offer(siaddr=OURS),  # its clients ask our port 4011
        offer(kind=5),
        offer(op=BOOTREQUEST),
        Frame(op=BOOTREPLY, xid=1, chaddr=MAC),
        Frame(
            op=BOOTREPLY, xid=1, chaddr=MAC, options=((53, b"\2"), (60, b"PXEClient"))
        ),
        decode(RECORDED["dnsmasq-offer"]),
    ],
)
def test_others_are_not(frame):
    assert Rivals().receive(frame, OURS, 0.0) is None


def test_it_is_told_once_in_a_while():
    rivals = Rivals()
    told = [rivals.receive(offer(), OURS, now) for now in (0.0, 1.0, AGAIN)]
    assert told == [TOLD, None, TOLD]


def test_only_so_many_servers_are_remembered():
    rivals = Rivals()
    for number in range(SERVERS_MAX + 1):
        assert rivals.receive(offer(IPv4Address(0x0A000000 + number)), OURS, 0.0)
    assert rivals.receive(offer(IPv4Address(0x0A000000)), OURS, 0.0)
    last = IPv4Address(0x0A000000 + SERVERS_MAX)
    assert rivals.receive(offer(last), OURS, 0.0) is None


def test_an_offer_is_the_one_that_clients_take_for_pxe():
    assert offer(vendor=b"PXEClient:Arch:00007").option(Code.VENDOR_CLASS)
    assert Rivals().receive(offer(vendor=b"PXEClient:Arch:00007"), OURS, 0.0) == TOLD

"""TFTP's sockets: what they are told, and what that costs."""

import socket

import pytest

from fastboot.arrival import Arrival
from fastboot.listen import IP_PKTINFO, Place
from fastboot.poller import Poller
from fastboot.tftp.packet import Ack, Error, ErrorCode
from fastboot.tftp.ports import Ports
from fastboot.tree import Memory

PEER = ("127.0.0.1", 2000)
CAME = Arrival(1, "127.0.0.9")


@pytest.fixture
def opened():
    """Opens `Ports` at an address; gives them with the descriptor of one for files."""
    made = []

    def make(address, **kinds):
        poller = Poller()
        ports = Ports(poller)
        made.append((ports, poller))
        ports.open(Place(address), 0, **kinds)
        (listener,) = ports._pools
        return ports, listener, ports.data_port(listener, PEER)

    yield make
    for ports, poller in made:
        ports.close()
        poller.close()


def tells(ports, fd):
    return ports._sockets[fd].getsockopt(socket.IPPROTO_IP, IP_PKTINFO)


@pytest.mark.parametrize("data", ["pool", "each"])
def test_where_there_is_one_address_packets_carry_no_control_message(opened, data):
    ports, listener, fd = opened("127.0.0.9", data=data)
    assert not tells(ports, fd)
    assert ports.answering((fd, PEER), CAME) == []
    assert tells(ports, listener)  # which interface a request came by says its MTU


@pytest.mark.parametrize("data", ["pool", "each"])
def test_T13_where_there_are_many_each_packet_says_from_which_it_leaves(opened, data):
    ports, _, fd = opened("0.0.0.0", data=data)
    assert tells(ports, fd)
    assert ports.answering((fd, PEER), CAME)


def test_T13_a_single_port_says_so_too(opened):
    ports, listener, fd = opened("127.0.0.9", data="single")
    assert fd == listener
    assert ports.answering((fd, PEER), CAME)


def test_a_socket_of_its_own_is_forgotten_when_it_is_closed(opened):
    ports, _, fd = opened("127.0.0.9", data="each")
    ports.release((fd, PEER))
    assert not ports._settled


def test_T13_a_stranger_hears_from_the_address_that_he_wrote_to(serve):
    served = serve(Memory({"file": bytes(2000)}), address="127.0.0.9")
    _, tid = served.ask(served.client(), b"file", to="127.0.0.9")
    assert tid[0] == "127.0.0.9"
    packet, came_from = served.say(served.client(), Ack(1), tid)
    assert isinstance(packet, Error)
    assert packet.code == ErrorCode.UNKNOWN_TID
    assert came_from == tid

"""Opening ports, and what a person is told when that fails."""

import os
import re
import socket
import sys
from functools import partial

import pytest

from fastboot.arrival import SPACE, Arrival, arrival, sent_from
from fastboot.errors import ListenError
from fastboot.listen import (
    IP_MTU_DISCOVER,
    IP_PMTUDISC_DONT,
    Place,
    everywhere,
    is_here,
    join,
    tcp,
    udp,
)


@pytest.mark.parametrize("open_port", [udp, tcp])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_a_port_of_the_kernels_choice_opens(open_port, address):
    with open_port(Place(address), 0, "TEST") as sock:
        assert sock.getsockname()[1] > 0
        assert not sock.getblocking()


@pytest.mark.parametrize("open_port", [udp, tcp])
def test_R18_a_taken_port_is_one_line_with_its_holder(open_port):
    with open_port(Place("127.0.0.1"), 0, "TFTP") as sock:
        port = sock.getsockname()[1]
        with pytest.raises(ListenError) as caught:
            open_port(Place("127.0.0.1"), port, "TFTP")
    assert str(caught.value) == (
        f"TFTP cannot listen on 127.0.0.1 port {port}: this program has it; "
        "stop it or choose another --tftp-port"
    )


def test_a_taken_port_of_dhcp_names_both_ports_and_the_way_without():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(ListenError) as caught:
            udp(Place("127.0.0.1"), port, "DHCP", reuse=True)
    assert str(caught.value) == (
        f"DHCP cannot listen on 127.0.0.1 port {port}: this program has it; stop it or "
        "choose another --dhcp-port or --dhcp-pxe-port, or use --dhcp off"
    )


def test_blocks_larger_than_the_path_are_fragmented():
    with udp(Place("127.0.0.1"), 0, "TFTP") as sock:
        assert sock.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_DONT


@pytest.mark.parametrize("open_port", [udp, tcp])
@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db8::1"])
def test_R7_a_port_opens_on_an_address_that_no_interface_has_yet(open_port, address):
    assert not is_here(address)
    with open_port(Place(address), 0, "TFTP") as sock:
        assert sock.getsockname()[0] == address


def test_where_an_address_must_be_there_that_is_said(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")  # which has no such option
    with pytest.raises(ListenError, match="no interface has that address"):
        udp(Place("198.51.100.1"), 0, "TFTP")


def test_every_address_of_loopback_is_here():
    assert is_here("127.0.0.5")


def test_an_interface_that_is_not_there_is_said_so():
    with pytest.raises(ListenError, match=r"interface nosuch0: .*ip link"):
        udp(Place("0.0.0.0", "nosuch0"), 0, "TFTP")


@pytest.mark.skipif(os.geteuid() != 0, reason="binding to a device needs root")
def test_a_place_may_be_bound_to_a_device():
    with udp(Place("0.0.0.0", "lo"), 0, "TFTP") as sock:
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
        assert raw.rstrip(b"\0") == b"lo"


def test_everywhere_is_each_family_that_there_is():
    assert Place("0.0.0.0") in everywhere()
    assert {place.device for place in everywhere("lo")} == {"lo"}


def test_descriptors_are_given_back_when_a_port_is_taken():
    with udp(Place("127.0.0.1"), 0, "TFTP") as sock:
        port = sock.getsockname()[1]
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            with pytest.raises(ListenError):
                udp(Place("127.0.0.1"), port, "TFTP")
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("family", "wildcard", "target"),
    [
        (socket.AF_INET, "0.0.0.0", "127.0.0.5"),
        (socket.AF_INET6, "::", "::1"),
    ],
)
def test_T13_an_answer_leaves_from_the_address_that_was_asked(family, wildcard, target):
    with (
        udp(Place(wildcard), 0, "TFTP") as ours,
        socket.socket(family, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(5)
        client.sendto(b"x", (target, ours.getsockname()[1]))
        ours.settimeout(5)
        _, ancillary, _, peer = ours.recvmsg(10, SPACE)
        came = arrival(ancillary)
        assert came.local == target
        assert came.direct
        assert socket.if_indextoname(came.index) == "lo"
        ours.sendmsg([b"y"], sent_from(came.local), 0, peer)
        assert client.recvfrom(10)[1][0] == target


def test_a_broadcast_is_told_from_a_datagram_for_us():
    with (
        udp(Place("0.0.0.0"), 0, "TFTP") as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.sendto(b"x", ("127.255.255.255", ours.getsockname()[1]))
        ours.settimeout(5)
        _, ancillary, _, _ = ours.recvmsg(10, SPACE)
        assert not arrival(ancillary).direct


def test_without_a_control_message_nothing_is_known():
    assert arrival([]) == Arrival()
    assert sent_from("") == []


def test_a_message_for_people_is_one_line():
    with (
        tcp(Place("127.0.0.1"), 0, "HTTP") as sock,
        pytest.raises(ListenError) as caught,
    ):
        tcp(Place("127.0.0.1"), sock.getsockname()[1], "HTTP")
    assert re.fullmatch(r"[^\n]+", str(caught.value))


OPEN = [
    pytest.param(partial(udp, requests=True), id="udp"),
    pytest.param(tcp, id="tcp"),
]


@pytest.mark.parametrize("open_port", OPEN)
def test_engines_share_the_port_that_the_first_has(open_port):
    first = Place("127.0.0.1", shared=True)
    with open_port(first, 0, "TFTP") as sock:
        port = sock.getsockname()[1]
        (place,) = join([first], [sock.getsockname()])
        with open_port(place, 0, "TFTP") as other, open_port(place, 0, "TFTP") as third:
            assert other.getsockname()[1] == third.getsockname()[1] == port


@pytest.mark.parametrize("open_port", OPEN)
@pytest.mark.parametrize("shared", [False, True])
def test_R18_a_port_that_is_shared_is_shared_with_no_other_server(open_port, shared):
    """A second server would get half of the clients, and nobody would know why."""
    ours = Place("127.0.0.1", shared=True)
    with open_port(ours, 0, "TFTP") as sock:
        port = sock.getsockname()[1]
        with pytest.raises(ListenError, match="this program has it"):
            open_port(Place("127.0.0.1", shared=shared), port, "TFTP")


def test_one_client_always_reaches_the_same_engine():
    """Else the repetition of a request would be a request of its own."""
    first = Place("127.0.0.1", shared=True)
    with udp(first, 0, "TFTP", requests=True) as one:
        (place,) = join([first], [one.getsockname()])
        with udp(place, 0, "TFTP", requests=True) as other:
            reached = set()
            for _ in range(64):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    client.connect(one.getsockname())
                    client.send(b"request")
                    client.send(b"request")
                counts = received(one), received(other)
                assert counts in ((2, 0), (0, 2))
                reached.add(counts)
            assert len(reached) == 2  # all at one by chance: once in 2^63 runs


def received(sock):
    count = 0
    while True:
        try:
            sock.recv(100)
        except BlockingIOError:
            return count
        count += 1


def test_data_ports_are_one_engines_own():
    with udp(Place("127.0.0.1", shared=True, port=1), 0, "TFTP") as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0
        assert sock.getsockname()[1] != 1

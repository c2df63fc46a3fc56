"""DHCP's sockets between network namespaces, where root runs it."""

import socket
from contextlib import closing
from ipaddress import IPv4Address

import pytest

from fastboot import events, interfaces
from fastboot.config import DhcpConfig
from fastboot.dhcp import ports, rate
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import BOOTREPLY, Frame, decode
from fastboot.follow import Follower
from fastboot.listen import Place

from .clients import ipxe, to_boot_server, uefi
from .lan import ALL, EVERYWHERE, SOON, inside, udp


def silent(client):
    client.setblocking(False)
    try:
        client.recv(2048)
    except BlockingIOError:
        return True
    return False


def test_a_broadcast_is_answered_by_broadcast_on_its_network(lan):
    with (
        lan.serving(EVERYWHERE) as serving,
        lan.client(lan.left) as left,
        lan.client(lan.right) as right,
    ):
        left.sendto(uefi().encode(), ALL)
        serving.poll()
        data, source = left.recvfrom(2048)
        assert source == ("192.0.2.2", 67)
        assert decode(data).siaddr == IPv4Address("192.0.2.2")
        assert silent(right)


def test_each_network_is_answered_with_its_own_address_of_ours(lan):
    with lan.serving(EVERYWHERE) as serving, lan.client(lan.right) as right:
        right.sendto(ipxe().encode(), ALL)
        serving.poll()
        data, source = right.recvfrom(2048)
        assert source == ("198.51.100.2", 67)
        assert decode(data).file == b"http://198.51.100.2/boot.ipxe"


def test_a_named_address_is_served_on_its_network_alone(lan):
    with (
        lan.serving((Place("198.51.100.2"),)) as serving,
        lan.client(lan.left) as left,
        lan.client(lan.right) as right,
    ):
        left.sendto(uefi().encode(), ALL)
        right.sendto(uefi().encode(), ALL)
        serving.poll(2)
        assert right.recvfrom(2048)[1] == ("198.51.100.2", 67)
        assert silent(left)
        assert (serving.count("offers"), serving.count("ignored")) == (1, 1)


def test_a_named_device_is_served_alone(lan):
    with (
        lan.serving((Place("0.0.0.0", "eth1"),)) as serving,
        lan.client(lan.left) as left,
        lan.client(lan.right) as right,
    ):
        left.sendto(uefi().encode(), ALL)
        right.sendto(uefi().encode(), ALL)
        serving.poll()
        assert right.recvfrom(2048)[1] == ("198.51.100.2", 67)
        assert silent(left)
        assert serving.count("received") == 1


def test_a_machine_with_an_address_asks_on_4011(lan):
    lan.left.ip("address", "add", "192.0.2.50/24", "dev", "eth0")
    with lan.serving(EVERYWHERE) as serving, lan.client(lan.left, 4011) as left:
        left.sendto(to_boot_server().encode(), ("192.0.2.2", 4011))
        serving.poll()
        data, source = left.recvfrom(2048)
        assert source == ("192.0.2.2", 4011)
        assert decode(data).message_type == MessageType.ACK


def test_a_relay_is_answered_on_its_port_67(lan):
    lan.left.ip("address", "add", "192.0.2.50/24", "dev", "eth0")
    with lan.serving(EVERYWHERE) as serving, lan.client(lan.left, 67) as relay:
        info = (Code.RELAY_AGENT_INFORMATION, b"\x01\x04port")
        frame = uefi(info, giaddr=IPv4Address("192.0.2.50"), hops=1)
        relay.sendto(frame.encode(), ("192.0.2.2", 67))
        serving.poll()
        data, source = relay.recvfrom(2048)
        assert source == ("192.0.2.2", 67)
        assert decode(data).options[-1] == (82, b"\x01\x04port")


def test_D10_a_relay_asks_for_many_machines_but_not_without_end(lan, monkeypatch):
    monkeypatch.setattr(rate, "RELAY_RATE", (0.0, 20.0, 4))
    lan.left.ip("address", "add", "192.0.2.50/24", "dev", "eth0")
    with lan.serving(EVERYWHERE) as serving, lan.client(lan.left, 67) as relay:
        for number in range(30):
            mac = b"\x02" + number.to_bytes(5, "big")
            frame = uefi(mac=mac, giaddr=IPv4Address("192.0.2.50"))
            relay.sendto(frame.encode(), ("192.0.2.2", 67))
        serving.poll(30)
        assert (serving.count("offers"), serving.count("limited")) == (20, 10)


def test_R7_a_network_that_went_down_is_survived_and_served_again(lan):
    with lan.serving(EVERYWHERE) as serving, lan.client(lan.right) as right:
        right.sendto(uefi().encode(), ALL)
        lan.server.ip("link", "set", "eth1", "down")
        serving.poll()
        assert serving.count("unsent") == 1
        lan.server.ip("link", "set", "eth1", "up")
        right.sendto(uefi().encode(), ALL)
        serving.poll()
        assert decode(right.recv(2048)).message_type == MessageType.OFFER


def test_R7_an_address_that_comes_later_is_answered_with_at_once(lan):
    lan.server.ip("address", "del", "198.51.100.2/24", "dev", "eth1")
    now = 0.0
    with (
        lan.serving(EVERYWHERE, clock=lambda: now) as serving,
        lan.client(lan.right) as right,
    ):
        right.sendto(uefi().encode(), ALL)
        serving.poll()
        assert serving.count("ignored") == 1
        lan.server.ip("address", "add", "198.51.100.2/24", "dev", "eth1")
        now = interfaces.CHANGED_AGE_MAX  # far from when it looks by itself
        right.sendto(uefi().encode(), ALL)
        serving.poll()
        assert right.recvfrom(2048)[1] == ("198.51.100.2", 67)


def test_R7_an_address_that_changes_is_answered_with_at_once(lan):
    now = 0.0
    with (
        lan.serving(EVERYWHERE, clock=lambda: now) as serving,
        lan.client(lan.right) as right,
    ):
        for number, address in enumerate(("198.51.100.3", "198.51.100.2"), 1):
            lan.server.ip("address", "flush", "dev", "eth1")
            lan.server.ip("address", "add", f"{address}/24", "dev", "eth1")
            now = number * interfaces.CHANGED_AGE_MAX
            right.sendto(uefi(xid=number).encode(), ALL)
            serving.poll()
            data, source = right.recvfrom(2048)
            assert source == (address, 67)
            assert decode(data).siaddr == IPv4Address(address)


def test_R7_a_link_that_flaps_is_served_each_time_it_is_up(lan):
    with lan.serving(EVERYWHERE) as serving, lan.client(lan.right) as right:
        for number in range(5):
            lan.server.ip("link", "set", "eth1", "down")
            lan.server.ip("link", "set", "eth1", "up")
            mac = b"\x02" + number.to_bytes(5, "big")
            right.sendto(uefi(mac=mac).encode(), ALL)
            serving.poll()
            assert decode(right.recv(2048)).chaddr == mac


@pytest.mark.parametrize("device", [None, "eth1"])
def test_R7_a_device_that_was_replaced_is_served_again(lan, device):
    with inside(lan.server), closing(Follower()) as follower:
        place = Place("0.0.0.0", device, follower.add)
        with lan.serving((place,)) as serving:
            lan.server.ip("link", "del", "eth1")
            lan.plug("eth1", lan.right, "198.51.100.2/24")
            follower.poll(SOON)
            assert [port for _, port in serving.engine.ports] == [67, 4011]
            with lan.client(lan.right) as right:
                right.sendto(uefi().encode(), ALL)
                serving.poll()
                assert right.recvfrom(2048)[1] == ("198.51.100.2", 67)


BESIDE = DhcpConfig(mode="boot-server")


def test_a_boot_server_leaves_port_67_to_the_dhcp_server_on_the_same_machine(lan):
    lan.left.ip("address", "add", "192.0.2.50/24", "dev", "eth0")
    with inside(lan.server), udp() as other:
        other.bind(("0.0.0.0", 67))  # shares it with nobody
        with (
            lan.serving(EVERYWHERE, config=BESIDE) as serving,
            lan.client(lan.left, 4011) as left,
        ):
            assert [port for _, port in serving.engine.ports] == [4011]
            left.sendto(uefi().encode(), ALL)
            assert decode(other.recv(2048)) == uefi()
            left.sendto(to_boot_server().encode(), ("192.0.2.2", 4011))
            serving.poll()
            assert left.recvfrom(2048)[1] == ("192.0.2.2", 4011)
            assert serving.count("received") == 1


PROXY = DhcpConfig(mode="proxy")

OFFER = Frame(
    op=BOOTREPLY,
    xid=1,
    chaddr=uefi().chaddr,
    yiaddr=IPv4Address("192.0.2.50"),
    options=((53, b"\2"), (54, bytes((192, 0, 2, 1))), (60, b"PXEClient")),
)
"""What a DHCP server says that was told to send option 60 to everyone."""


def test_another_server_that_takes_the_machines_is_told_of(lan):
    lan.left.ip("address", "add", "192.0.2.1/24", "dev", "eth0")
    with (
        lan.serving(EVERYWHERE, config=PROXY) as serving,
        lan.client(lan.left, 67) as other,
    ):
        other.sendto(OFFER.encode(), ("255.255.255.255", 68))
        other.sendto(b"\x02 garbage", ("255.255.255.255", 68))
        serving.engine.poll(SOON)
        serving.engine.poll()
        told = events.Rival("192.0.2.1", "52:54:00:00:00:07", "192.0.2.2")
        assert serving.events == [told]
        assert serving.count("received") == 0


def test_our_own_offers_do_not_come_back_to_us(lan):
    with (
        lan.serving(EVERYWHERE, config=PROXY) as serving,
        lan.client(lan.left) as left,
    ):
        left.sendto(uefi().encode(), ALL)
        serving.poll()
        left.recv(2048)
        overheard = [p for p in serving.engine._ports if p.role is ports.Role.OFFERS]
        with pytest.raises(BlockingIOError):
            overheard[0].sock.recv(1)


@pytest.mark.parametrize("shares", [True, False])
def test_a_dhcp_client_on_the_same_machine_keeps_its_port_68(lan, shares):
    lan.left.ip("address", "add", "192.0.2.1/24", "dev", "eth0")
    with inside(lan.server), udp() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, shares)
        own.bind(("0.0.0.0", 68))
        with (
            lan.serving(EVERYWHERE, config=PROXY) as serving,
            lan.client(lan.left, 67) as router,
        ):
            router.sendto(b"a lease that is renewed", ("192.0.2.2", 68))
            assert own.recv(2048) == b"a lease that is renewed"
            router.sendto(uefi().encode(), ("192.0.2.2", 67))
            serving.poll()
            assert serving.count("offers") == 1


def test_port_67_is_shared_with_a_dhcp_server_that_shares_it(lan):
    with inside(lan.server), udp() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        other.bind(("0.0.0.0", 67))
        with lan.serving(EVERYWHERE) as serving, lan.client(lan.left) as left:
            left.sendto(uefi().encode(), ALL)
            serving.poll()
            assert decode(left.recv(2048)).message_type == MessageType.OFFER
            assert decode(other.recv(2048)) == uefi()

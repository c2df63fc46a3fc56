"""DHCPv6 over sockets, on the loopback interface."""

import socket
from ipaddress import IPv6Address

import pytest

from fastboot.boot.choose import Site
from fastboot.config import DhcpConfig
from fastboot.dhcp.v6.decide import Responder
from fastboot.dhcp.v6.engine import Engine
from fastboot.dhcp.v6.options import Association, Code, encode_vendor_class
from fastboot.dhcp.v6.packet import Kind, Message, Relayed, decode
from fastboot.errors import ConfigError, ListenError
from fastboot.events import Dropped, Fault, Offered
from fastboot.interfaces import Interface, Interfaces
from fastboot.listen import Place
from fastboot.seen import Asked, Packet

SERVER = b"\x00\x03\x00\x01\x02\x00\x00\x00\x00\x01"
CLIENT = bytes.fromhex("00030001525400123456")
MAC = "52:54:00:12:34:56"
HEAD = ((Code.CLIENT_ID, CLIENT), (Code.SERVER_ID, SERVER))
LO = Interface("lo", socket.if_nametoindex("lo"), ipv6=(IPv6Address("fd00:1::2"),))
SITE = Site("images", lambda arch: "ipxe.efi")
PXE = (
    (Code.CLIENT_ARCHITECTURE, b"\x00\x07"),
    (Code.VENDOR_CLASS, encode_vendor_class(b"PXEClient:Arch:00007:UNDI:003001")),
)


def ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not ipv6(), reason="needs IPv6")


class Desk:
    """An engine on the loopback interface, and a client of it."""

    def __init__(self, *, gives=False):
        self.events = []
        self.seen = []
        self.engine = Engine(
            DhcpConfig(mode="proxy", pxe_port=0),
            Responder(SERVER, SITE, gives=gives),
            self.events.append,
            Interfaces(reader=lambda: (LO,)),
            [Place("::")],
            port=0,
            view=self.seen.append,
        )
        self.client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.client.bind(("::1", 0))
        self.client.settimeout(10)

    def tell(self, data, port=1):
        """Send bytes to a port of the engine, the first or the second."""
        self.client.sendto(data, ("::1", self.engine.ports[port][1]))
        before = self.engine.stats()["received"]
        while self.engine.stats()["received"] == before:
            self.engine.poll(1.0)

    def ask(self, *options, kind=Kind.REQUEST, server=SERVER):
        head = ((Code.CLIENT_ID, CLIENT), (Code.SERVER_ID, server))
        self.tell(Message(kind, 7, (*head, *options)).encode())

    def close(self):
        self.engine.close()
        self.engine.close()  # does nothing
        self.client.close()


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.close()
    assert not [event for event in made.events if isinstance(event, Fault)]


def test_a_question_to_port_4011_is_answered_to_where_it_came_from(desk):
    desk.ask(*PXE)
    message = decode(desk.client.recv(2048))
    assert (message.kind, message.xid) == (Kind.REPLY, 7)
    assert message.option(Code.BOOTFILE_URL) == b"tftp://[fd00:1::2]/ipxe.efi"
    (event,) = desk.events
    assert isinstance(event, Offered)
    assert desk.engine.stats()["answers"] == 1


def test_who_follows_machines_is_told_of_the_question_and_the_answer(desk):
    desk.ask(*PXE)
    came, asked, went = desk.seen
    here, there = ("fd00:1::2", 4011), desk.client.getsockname()[:2]
    question = Message(Kind.REQUEST, 7, (*HEAD, *PXE)).encode()
    assert came == Packet(MAC, there, here, inbound=True, data=question)
    facts = (MAC, "UEFI x86-64", "PXE", "", True, False, "", "dhcp6")
    assert asked == Asked(*facts)
    answer = desk.client.recv(2048)
    assert went == Packet(MAC, there, here, inbound=False, data=answer)


def test_who_follows_machines_is_told_nothing_of_others(desk):
    desk.ask(kind=Kind.SOLICIT)
    assert desk.seen == []


def test_D2_garbage_is_counted_and_dropped(desk):
    desk.tell(b"\x01\x02")
    assert desk.engine.stats()["dropped"] == 1
    assert isinstance(desk.events[0], Dropped)


def test_D2_a_message_that_is_too_long_is_dropped(desk):
    desk.tell(b"\x01" + bytes(8000))
    assert desk.engine.stats()["dropped"] == 1


def test_what_is_for_another_server_is_ignored(desk):
    desk.ask(*PXE, server=b"\x00\x03\x00\x01other!")
    assert desk.engine.stats()["ignored"] == 1
    assert desk.events == []


def test_D4_a_machine_that_asks_too_often_is_left_to_wait(desk):
    for _ in range(20):
        desk.ask(*PXE)
    stats = desk.engine.stats()
    assert 0 < stats["answers"] < 20
    assert stats["answers"] + stats["limited"] == stats["received"] == 20


def test_after_a_drain_nothing_is_taken(desk):
    desk.engine.drain()
    assert desk.engine.ports == ()
    desk.engine.poll(0)
    assert desk.engine.idle


def test_a_relay_is_answered_in_its_own_form():
    """It takes the answer on port 547, as servers do."""
    made = Desk(gives=True)
    relay = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        relay.bind(("::1", 547))
    except OSError:
        pytest.skip("needs port 547")
    else:
        relay.settimeout(10)
        made.client.close()
        made.client = relay
        options = ((Code.CLIENT_ID, CLIENT), (Code.IA_NA, Association(1).encode()))
        inner = Message(Kind.SOLICIT, 9, (*options, *PXE)).encode()
        link = IPv6Address("fd00:1::1")
        forward = Relayed(
            Kind.RELAY_FORWARD, 0, link, link, ((Code.RELAY_MESSAGE, inner),)
        )
        made.tell(forward.encode(), port=0)
        # No prefix is named for that link: there is nothing to give.
        assert made.engine.stats()["ignored"] == 1
        inner = Message(Kind.INFORMATION_REQUEST, 9, PXE).encode()
        forward = Relayed(
            Kind.RELAY_FORWARD, 0, link, link, ((Code.RELAY_MESSAGE, inner),)
        )
        made.tell(forward.encode(), port=0)
        answer = decode(relay.recv(2048))
        assert answer.kind == Kind.RELAY_REPLY
        assert decode(answer.option(Code.RELAY_MESSAGE)).option(Code.BOOTFILE_URL)
    finally:
        made.close()


def test_without_an_ipv6_address_it_says_what_to_do():
    with pytest.raises(ListenError, match="--no-dhcp-ipv6"):
        Engine(
            DhcpConfig(mode="proxy"),
            Responder(SERVER, SITE, gives=False),
            print,
            Interfaces(),
            [Place("0.0.0.0")],
        )


def test_the_settings_name_what_is_wrong():
    for given, words in [
        ({"ipv6_prefix": ("fd00::1/64",)}, "--dhcp-ipv6-prefix"),
        ({"ipv6_prefix": ("fd00::/112",)}, "96 at the most"),
        ({"ipv6_dns": ("192.0.2.1",)}, "--dhcp-ipv6-dns"),
    ]:
        with pytest.raises(ConfigError, match=words):
            DhcpConfig(**given)

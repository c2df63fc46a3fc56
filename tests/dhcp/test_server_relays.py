"""The lease server behind relays: networks that they name, answers that go through them."""

from ipaddress import IPv4Address

import pytest

from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import BROADCAST_FLAG
from fastboot.events import Dropped

from .lease_server import ACK, NAK, OFFER, RELAY, answer, client, ip, reboot, select


def test_a_relayed_client_gets_an_address_of_the_relays_network(site):
    outcome = site.ask(client(giaddr=RELAY))
    frame = answer(outcome, OFFER)
    assert frame.yiaddr == ip(100, "198.51.100")
    assert outcome.to == ("198.51.100.1", 67)
    assert frame.giaddr == RELAY
    ack = site.ask(select(frame.yiaddr, giaddr=RELAY))
    assert answer(ack, ACK)
    assert ack.to == ("198.51.100.1", 67)


def test_D10_a_relay_of_a_network_that_is_none_of_ours_is_dropped(site):
    for address in ("203.0.113.1", "127.0.0.1", "224.0.0.1", "255.255.255.255"):
        outcome = site.ask(client(giaddr=IPv4Address(address)))
        assert isinstance(outcome, Dropped)
        assert "is in no [[dhcp.subnet]]" in outcome.reason


@pytest.mark.parametrize("relay", ["0.0.0.1", "224.0.0.1", "127.0.0.1", "203.0.113.7"])
@pytest.mark.parametrize(
    "network",
    [
        (Code.SUBNET_SELECTION, ip(0).packed),
        (Code.RELAY_AGENT_INFORMATION, b"\5\4" + ip(0).packed),
    ],
)
def test_D10_no_answer_goes_where_a_message_says_a_relay_is(site, relay, network):
    """Whoever names a network of ours does not thereby become its relay."""
    frame = client(1, MessageType.DISCOVER, network, giaddr=IPv4Address(relay))
    assert isinstance(site.ask(frame), Dropped)


def test_D11_what_a_relay_adds_is_said_back_unchanged_and_last(site):
    info = (Code.RELAY_AGENT_INFORMATION, b"\1\4eth7")
    frame = answer(site.ask(client(1, MessageType.DISCOVER, info, giaddr=RELAY)))
    assert frame.options[-1] == info


def test_D11_relay_information_that_does_not_fit_is_left_out(site):
    info = (Code.RELAY_AGENT_INFORMATION, b"\1\xfa" + bytes(250))
    long = (Code.CLIENT_IDENTIFIER, b"\xff" * 200)
    frame = answer(site.ask(client(1, MessageType.DISCOVER, info, long, giaddr=RELAY)))
    assert frame.option(Code.RELAY_AGENT_INFORMATION) is None
    assert frame.option(Code.CLIENT_IDENTIFIER) == long[1]


def test_a_refusal_through_a_relay_asks_for_broadcast(site):
    outcome = site.ask(reboot(IPv4Address("203.0.113.7"), giaddr=RELAY))
    assert answer(outcome, NAK).flags == BROADCAST_FLAG
    assert outcome.to == ("198.51.100.1", 67)


def test_a_relay_may_name_the_clients_network(site):
    info = (Code.RELAY_AGENT_INFORMATION, b"\5\4" + ip(0).packed)
    frame = client(1, MessageType.DISCOVER, info, giaddr=RELAY)
    assert answer(site.ask(frame)).yiaddr == ip(100)


@pytest.mark.parametrize("info", [b"\5\4\1", b"\5\3\1\2\3", b"\1\1x"])
def test_D11_a_network_that_is_named_wrongly_counts_as_not_named(site, info):
    named = (Code.RELAY_AGENT_INFORMATION, info)
    frame = client(1, MessageType.DISCOVER, named, giaddr=RELAY)
    assert answer(site.ask(frame)).yiaddr == ip(100, "198.51.100")


def test_only_a_relay_names_a_network_in_its_information(site):
    info = (Code.RELAY_AGENT_INFORMATION, b"\5\4" + RELAY.packed)
    assert answer(site.ask(client(1, MessageType.DISCOVER, info))).yiaddr == ip(100)


def test_a_client_may_name_its_network_and_hears_it_back(site):
    named = (Code.SUBNET_SELECTION, ip(0, "198.51.100").packed)
    frame = answer(site.ask(client(1, MessageType.DISCOVER, named)))
    assert frame.yiaddr == ip(100, "198.51.100")
    assert frame.option(Code.SUBNET_SELECTION) == named[1]

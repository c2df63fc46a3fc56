"""Networks that a DHCP server chose by itself, as they come and change."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from fastboot import networks as module
from fastboot.config import Config, DhcpConfig
from fastboot.dhcp import foreign
from fastboot.dhcp.foreign import Foreign
from fastboot.errors import ListenError
from fastboot.events import LeaseTrouble
from fastboot.interfaces import Interface
from fastboot.networks import ASK_AGAIN, KEPT_FOR, TRY_AGAIN, Networks

MAC = bytes.fromhex("525400000001")
FIRST = "192.0.2.2/24"


def card(*addresses, name="eth0"):
    """An interface with these addresses."""
    each = [IPv4Interface(text) for text in addresses]
    networks = tuple(item.network for item in each)
    return Interface(
        name, 1, tuple(item.ip for item in each), networks=networks, mac=MAC
    )


class Site:
    """A server's networks, and what is found there when they are asked."""

    def __init__(self, **dhcp):
        self.told = []
        self.asked = []
        self.other = None
        self.takes = True
        config = Config(Path(), dhcp=DhcpConfig(mode="server", **dhcp))
        config = config.resolved(privileged=True)
        self.networks = Networks(config, self.told.append)

    def look(self, devices):
        self.asked.append(devices)
        if isinstance(self.other, Exception):
            raise self.other
        return self.other

    def do(self, job, of):
        if self.takes:
            job()
        return self.takes

    def follow(self, *cards, now=0.0):
        """The networks that are served now, or None where nothing changed."""
        found = self.networks.follow(cards, now)
        return None if found is None else [str(subnet.network) for subnet in found]


@pytest.fixture
def site(monkeypatch):
    return begin(monkeypatch)


def begin(monkeypatch, **dhcp):
    site = Site(**dhcp)
    monkeypatch.setattr(module, "crew", lambda: site)
    monkeypatch.setattr(foreign, "look", site.look)
    return site


def test_a_network_that_comes_is_asked_and_then_served(site):
    assert site.follow(card(FIRST)) == ["192.0.2.0/24"]
    assert site.asked == [[("eth0", MAC)]]
    assert site.follow(card(FIRST)) is None
    assert site.told == []


def test_nobody_is_asked_where_that_is_not_wanted(monkeypatch):
    site = begin(monkeypatch, force=True)
    assert site.follow(card(FIRST)) == ["192.0.2.0/24"]
    assert site.asked == []


def test_D9_a_network_with_another_server_is_left_to_it_and_that_is_said_once(site):
    site.other = Foreign("eth0", IPv4Address("192.0.2.1"), IPv4Address("192.0.2.50"))
    assert [site.follow(card(FIRST), now=now) for now in (0.0, 1.0, 2.0)] == [None] * 3
    (event,) = site.told
    assert isinstance(event, LeaseTrouble)
    assert event.reason == (
        "another DHCP server, 192.0.2.1, answers on eth0 (it offers 192.0.2.50); "
        "nobody there gets an address"
    )
    assert len(site.asked) == 1
    site.other = None
    assert site.follow(card(FIRST), now=ASK_AGAIN + 3) == ["192.0.2.0/24"]


def test_an_interface_that_cannot_be_asked_yet_is_asked_a_little_later(site):
    site.other = ListenError("cannot ask on eth0")
    assert site.follow(card(FIRST)) is None
    site.other = None
    assert site.follow(card(FIRST), now=TRY_AGAIN - 1) is None
    assert site.follow(card(FIRST), now=TRY_AGAIN) == ["192.0.2.0/24"]


def test_F6_where_too_much_waits_for_a_thread_it_is_asked_a_little_later(site):
    site.takes = False
    assert site.follow(card(FIRST)) is None
    site.takes = True
    assert site.follow(card(FIRST), now=TRY_AGAIN) == ["192.0.2.0/24"]


def test_R7_a_network_that_is_gone_and_comes_back_is_served_at_once(site):
    site.follow(card(FIRST))
    assert site.follow(card()) is None
    assert site.follow(card(FIRST)) is None
    assert len(site.asked) == 1


def test_D9_a_network_that_comes_back_late_may_be_another_one_and_is_asked(site):
    site.follow(card(FIRST))
    assert site.follow(card(), now=KEPT_FOR - 1) is None
    assert site.follow(card(), now=KEPT_FOR) == []
    site.other = Foreign("eth0", IPv4Address("192.0.2.1"), IPv4Address("192.0.2.50"))
    assert site.follow(card(FIRST), now=KEPT_FOR + 1) is None
    assert len(site.asked) == 2


def test_R7_a_network_that_changed_its_size_is_another_one(site):
    site.follow(card(FIRST))
    assert site.follow(card("192.0.2.2/25")) == ["192.0.2.0/25"]


def test_R7_an_address_that_becomes_ours_is_given_to_nobody(site):
    site.follow(card(FIRST))
    (subnet,) = site.networks.follow([card("192.0.2.128/24")], 0.0)
    assert subnet.network == IPv4Network("192.0.2.0/24")
    assert IPv4Address("192.0.2.128") not in subnet.pool
    assert IPv4Address("192.0.2.129") in subnet.pool


def test_R3_so_many_networks_are_remembered(site, monkeypatch):
    monkeypatch.setattr(module, "NETWORKS_MAX", 2)
    for number in range(5):
        site.follow(card(f"10.0.{number}.1/24"))
    assert len(site.networks._known) == 2

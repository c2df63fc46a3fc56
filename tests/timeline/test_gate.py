"""Who may look at the machines."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest

from fastboot.interfaces import Interface
from fastboot.timeline.gate import Gate, is_local_name

CARD = Interface(
    "eth0",
    2,
    (IPv4Address("192.0.2.2"),),
    (IPv6Address("2001:db8::2"),),
    networks=(IPv4Network("192.0.2.0/24"),),
)


def gate(*more):
    return Gate(lambda: (CARD,), more)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "192.0.2.77", "::ffff:192.0.2.77", "2001:db8::77"),
        *("fe80::1%eth0", "169.254.7.7"),
    ],
)
def test_loopback_and_our_own_networks_may_look(address):
    assert gate().refusal(address, "192.0.2.2") == ""


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db9::1", "", "nonsense"])
def test_others_are_told_why_not_and_what_to_do(address):
    assert "--http-status-from" in gate().refusal(address, "192.0.2.2")


def test_a_network_that_is_named_may_look():
    assert gate("198.51.100.0/24").refusal("198.51.100.1", "") == ""
    assert gate("198.51.100.0/24").refusal("203.0.113.1", "") != ""


@pytest.mark.parametrize(
    "host",
    [
        *("", "192.0.2.2", "192.0.2.2:8080", "[2001:db8::2]:80", "localhost:8080"),
        *("boot", "boot.lan", "boot.home.arpa.", "BOOT.local:80"),
    ],
)
def test_addresses_and_names_of_this_network_are_ours(host):
    assert is_local_name(host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "192.0.2.2.evil.example", "boot.lan.evil.example:80", "a:b:c.d"],
)
def test_a_name_that_a_stranger_can_point_at_us_is_not(host):
    assert not is_local_name(host)
    assert "not by a public name" in gate().refusal("127.0.0.1", host)

"""Subnets that nobody described."""

from ipaddress import IPv4Network

import pytest

from fastboot.dhcp.automatic import automatic


@pytest.mark.parametrize(
    ("network", "pool"),
    [
        ("192.0.2.0/24", "192.0.2.128-192.0.2.254"),
        ("192.0.2.64/26", "192.0.2.96-192.0.2.126"),
        ("10.0.0.0/8", "10.128.0.0-10.128.15.255"),
        ("192.0.2.0/30", "192.0.2.2-192.0.2.2"),
    ],
)
def test_the_upper_half_is_given_and_no_more_than_enough(network, pool):
    (table,) = automatic([IPv4Network(network)])
    assert (table.network, table.pool) == (network, (pool,))


@pytest.mark.parametrize(
    "network", ["127.0.0.0/8", "169.254.0.0/16", "192.0.2.0/31", "192.0.2.2/32"]
)
def test_a_network_without_machines_is_none(network):
    assert automatic([IPv4Network(network)]) == ()


def test_one_network_on_two_interfaces_is_one_subnet():
    networks = [IPv4Network(text) for text in ("10.0.0.0/8", "10.1.0.0/16")]
    assert [table.network for table in automatic(networks)] == ["10.0.0.0/8"]

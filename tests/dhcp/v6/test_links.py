"""Which links are served, with which addresses, and what is advertised there."""

from ipaddress import IPv6Address, IPv6Network

import pytest

from fastboot.dhcp.v6.addressing import DECLINED_MAX, Addressing
from fastboot.dhcp.v6.advert import advertisement, is_solicitation
from fastboot.dhcp.v6.links import Links
from fastboot.interfaces import Interface, Interfaces
from fastboot.listen import Place

LINK_LOCAL = IPv6Address("fe80::2")
GLOBAL = IPv6Address("fd00:1::2")
ETH0 = Interface("eth0", 2, ipv6=(LINK_LOCAL, GLOBAL))
ETH1 = Interface("eth1", 3, ipv6=(IPv6Address("fe80::3"),))
LO = Interface("lo", 1, ipv6=(IPv6Address("::1"),))
DOWN = Interface("eth2", 4, ipv6=(IPv6Address("fd00:3::2"),), up=False)


def links(*places, prefixes=(), interfaces=(LO, ETH0, ETH1, DOWN)):
    found = Interfaces(reader=lambda: interfaces, clock=lambda: 0.0)
    return Links(found, places or (Place("::"),), prefixes)


def test_links_that_are_up_and_have_an_address_are_served():
    assert [link.name for link in links()] == ["eth0", "eth1"]


def test_only_the_device_or_the_address_that_was_named_is_served():
    assert [link.name for link in links(Place("::", "eth1"))] == ["eth1"]
    assert [link.name for link in links(Place("fd00:1::2"))] == ["eth0"]
    assert links(Place("::", "eth1")).by_index(2) is None


def test_clients_load_from_an_address_that_needs_no_scope():
    assert links().ours(ETH0) == GLOBAL
    assert links().ours(ETH1) == IPv6Address("fe80::3")  # there is no better one


def test_addresses_are_given_from_the_networks_of_our_own():
    assert links().prefixes(ETH0) == (IPv6Network("fd00:1::/64"),)
    assert links().prefixes(ETH1) == ()


def test_named_prefixes_are_given_where_our_address_is_in_them():
    named = (IPv6Network("fd00:1::/72"), IPv6Network("fd00:9::/64"))
    assert links(prefixes=named).prefixes(ETH0) == named[:1]


def test_behind_a_relay_only_named_prefixes_are_given():
    named = (IPv6Network("fd00:9::/64"),)
    assert links(prefixes=named).behind(IPv6Address("fd00:9::1")) == named
    assert links().behind(IPv6Address("fd00:9::1")) == ()


def test_an_advertisement_byte_for_byte():
    data = advertisement((IPv6Network("fd00:1::/64"),), 7200, 3600)
    assert (
        data
        == (
            b"\x86\x00"  # type 134, code 0
            b"\x00\x00"  # checksum: the kernel's
            b"\x40"  # hop limit 64
            b"\xc0"  # M, O
            b"\x00\x00"  # router lifetime 0: no default router
            + bytes(8)  # reachable time, retrans timer: unspecified
            + b"\x03\x04"  # prefix information, 32 bytes
            b"\x40"  # prefix length 64
            b"\x80"  # L, not A
            b"\x00\x00\x1c\x20"  # valid lifetime
            b"\x00\x00\x0e\x10"  # preferred lifetime
             + bytes(4) + IPv6Address("fd00:1::").packed
        )
    )


@pytest.mark.parametrize(
    ("data", "hops", "heeded"),
    [
        (b"\x85\x00" + bytes(6), 255, True),
        (b"\x85\x00" + bytes(6), 64, False),  # from beyond a router
        (b"\x86\x00" + bytes(6), 255, False),
        (b"\x85\x00", 255, False),
    ],
)
def test_only_a_solicitation_from_the_link_itself_is_heeded(data, hops, heeded):
    assert is_solicitation(data, hops) is heeded


def test_addresses_that_were_declined_are_remembered_in_a_bounded_table():
    addressing = Addressing()
    prefix = IPv6Network("fd00:1::/64")
    first = addressing.address(prefix, b"client", 1, GLOBAL)
    addressing.decline(first)
    assert addressing.address(prefix, b"client", 1, GLOBAL) != first
    for n in range(DECLINED_MAX):
        addressing.decline(prefix[n])
    assert addressing.address(prefix, b"client", 1, GLOBAL) == first


def test_a_client_for_whom_all_addresses_were_declined_gets_none():
    addressing = Addressing()
    prefix = IPv6Network("fd00:1::/64")
    while (address := addressing.address(prefix, b"client", 1, GLOBAL)) is not None:
        addressing.decline(address)
    assert addressing.address(prefix, b"other", 1, GLOBAL) is not None


@pytest.mark.parametrize("length", [48, 64, 80, 96])
def test_an_address_lies_within_its_prefix_and_is_no_small_number(length):
    prefix = IPv6Network(f"fd00:1::/{length}")
    for n in range(200):
        address = Addressing().address(prefix, b"%d" % n, n, GLOBAL)
        assert address in prefix
        host = int(address) - int(prefix.network_address)
        assert host >> (128 - length - 2) == 1  # a quarter of the network, its second

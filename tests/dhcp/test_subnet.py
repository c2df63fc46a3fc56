"""Subnets: from tables of settings to what decisions are made with."""

import tomllib
from ipaddress import IPv4Address, IPv4Network
from uuid import UUID

import pytest

from fastboot.config import DhcpConfig
from fastboot.dhcp import subnet as subnet_module
from fastboot.dhcp.subnet import subnets
from fastboot.errors import ConfigError
from fastboot.settings import build

MAC = bytes.fromhex("525400123456")
MACHINE = UUID("12345678-1234-5678-1234-567812345678")


def made(text, **options):
    values = {"folder": "x", "dhcp": tomllib.loads(text)}
    return subnets(build(values).dhcp.subnet, 3600, **options)


FULL = """
[[subnet]]
network = "192.0.2.0/24"
pool = ["192.0.2.10-192.0.2.12", "192.0.2.20"]
router = "192.0.2.1"
dns = ["192.0.2.1", "192.0.2.2"]
ntp = "192.0.2.3"
domain = "example.org"
lease_time = 600
options = { interface-mtu = 9000, 224 = "x" }

[[subnet.reservation]]
mac = "52:54:00:12:34:56"
address = "192.0.2.11"
hostname = "ant"

[[subnet.reservation]]
client_id = "hex:ff00"
options = { router = "192.0.2.9" }

[[subnet.reservation]]
uuid = "12345678-1234-5678-1234-567812345678"

[[subnet]]
network = "198.51.100.0/25"
"""


def test_a_table_says_what_everyone_is_told():
    first, second = made(FULL)
    assert first.network == IPv4Network("192.0.2.0/24")
    assert first.lease_time == 600
    assert dict(first.options) == {
        1: b"\xff\xff\xff\0",  # subnet mask
        3: b"\xc0\0\2\1",  # router
        6: b"\xc0\0\2\1\xc0\0\2\2",  # domain name servers
        15: b"example.org",
        28: b"\xc0\0\2\xff",  # broadcast address
        42: b"\xc0\0\2\3",  # NTP servers
        26: b"\x23\x28",  # interface MTU
        224: b"x",
    }
    assert second.lease_time == 3600
    assert dict(second.options) == {1: b"\xff\xff\xff\x80", 28: b"\xc6\x33\x64\x7f"}


def test_a_reservation_is_found_by_each_of_its_names():
    (first, _) = made(FULL)
    by_mac = first.reservation(MAC, None, b"")
    assert by_mac.address == IPv4Address("192.0.2.11")
    assert by_mac.options == ((12, b"ant"),)
    by_client = first.reservation(bytes(6), b"\xff\0", b"")
    assert by_client.options == ((3, b"\xc0\0\2\x09"),)
    for number in (MACHINE.bytes, MACHINE.bytes_le):
        assert first.reservation(bytes(6), None, number) is first.reservations[2]
    assert first.reservation(bytes(6), b"\xff\1", b"") is None


def test_what_is_reserved_or_ours_or_no_hosts_is_not_in_the_pool():
    text = '[[subnet]]\nnetwork = "192.0.2.0/24"\npool = "192.0.2.0-192.0.2.255"\n'
    text += '[[subnet.reservation]]\nmac = "525400123456"\naddress = "192.0.2.11"'
    text = text.replace("525400123456", "52-54-00-12-34-56")
    (subnet,) = made(text, own=[IPv4Address("192.0.2.2")])
    out = {
        number
        for number in range(256)
        if IPv4Address(f"192.0.2.{number}") not in subnet.pool
    }
    assert out == {0, 2, 11, 255}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "network = '192.0.2.1/24'",
            r"number 1: network: .*host bits.*as 192.0.2.0/24",
        ),
        ("network = 'x'", "network: .*write it as"),
        ("pool = 'x-y'", "pool is 'x-y'; write it as"),
        ("pool = '192.0.2.9-192.0.2.8'", "is no range of addresses in 192.0.2.0/24"),
        ("pool = '192.0.2.9-192.0.3.8'", "is no range of addresses in"),
        ("pool = ['192.0.2.9', '192.0.2.8-192.0.2.10']", "overlaps another one"),
        ("router = 'gate'", "option router is .*must be an IPv4 address"),
        ("options = { colour = 1 }", "no option called colour"),
        ("lease_time = 1", "lease_time is 1; it must be between 30"),
        ("reservation = [{}]", r"reservation\]\] number 1: it names no machine"),
        ("reservation = [{ mac = 'x' }]", "mac is 'x'; write it as"),
        ("reservation = [{ uuid = 'x' }]", "uuid is 'x', which is none"),
        ("reservation = [{ client_id = 'hex:x' }]", "client_id is 'hex:x'; write"),
        (
            "reservation = [{ mac = '52:54:00:12:34:56', address = '192.0.3.1' }]",
            r"\]\] number 1: address is '192.0.3.1'; it must be one of 192.0.2.0/24",
        ),
        (
            "reservation = [{ client_id = 'x', options = { 53 = 'x' } }]",
            "server's own",
        ),
        (
            "[[subnet.reservation]]\nclient_id = 'a'\naddress = '192.0.2.3'\n" * 2,
            "an address is reserved twice",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(text, message):
    network = "" if text.startswith("network") else 'network = "192.0.2.0/24"\n'
    with pytest.raises(ConfigError, match=message):
        made(f"[[subnet]]\n{network}{text}")


def test_subnets_do_not_overlap():
    text = '[[subnet]]\nnetwork = "10.0.0.0/8"\n[[subnet]]\nnetwork = "10.1.0.0/16"'
    with pytest.raises(ConfigError, match=r"number 2: 10.1.0.0/16 overlaps another"):
        made(text)


def test_R3_pools_are_bounded(monkeypatch):
    monkeypatch.setattr(subnet_module, "ADDRESSES_MAX", 9)
    text = '[[subnet]]\nnetwork = "10.0.0.0/8"\npool = "10.0.0.1-10.0.0.9"\n'
    assert made(text)
    text += '[[subnet]]\nnetwork = "192.0.2.0/24"\npool = "192.0.2.7"'
    with pytest.raises(ConfigError, match="number 2: the pools have more than 9 addr"):
        made(text)


def test_there_may_be_no_subnet():
    assert subnets(DhcpConfig().subnet, 3600) == ()

"""This machine's interfaces, and following them as they change."""

import errno
import socket
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from types import SimpleNamespace

import psutil
import pytest

from fastboot.interfaces import (
    AGE_MAX,
    CHANGED_AGE_MAX,
    UNKNOWN_AGE_MAX,
    Changes,
    Interface,
    Interfaces,
    read,
)

LO = Interface("lo", 1, (IPv4Address("127.0.0.1"),), (), 65536)
ETH = Interface("eth0", 2, (IPv4Address("192.0.2.2"),), (), 1500)


def on(family, address, netmask=None):
    return SimpleNamespace(family=family, address=address, netmask=netmask)


def state(isup, mtu):
    return SimpleNamespace(isup=isup, mtu=mtu)


class World:
    """A clock, and interfaces that change."""

    def __init__(self, *there):
        self.there = there
        self.now = 0.0
        self.readings = 0
        self.interfaces = Interfaces(self.read, lambda: self.now)

    def read(self):
        self.readings += 1
        if isinstance(self.there, Exception):
            raise self.there
        return self.there


def test_loopback_is_read_from_the_system():
    loopback = next(found for found in read() if found.name == "lo")
    assert IPv4Address("127.0.0.1") in loopback.ipv4
    assert loopback.index == socket.if_nametoindex("lo")
    assert loopback.mtu > 1500
    assert loopback.up


@pytest.fixture
def system(monkeypatch):
    """psutil with two interfaces of which one has just gone."""
    stats = {"eth0": state(True, 9000), "gone": state(True, 1500)}
    addresses = {
        "eth0": [
            on(socket.AF_INET, "192.0.2.2", "255.255.255.0"),
            on(socket.AF_INET6, "fe80::1%eth0"),
            on(psutil.AF_LINK, "52:54:00:00:00:01"),
        ],
        "eth0:1": [on(socket.AF_INET, "192.0.2.3")],
        "new": [on(socket.AF_INET, "198.51.100.2")],
        "gone": [],
    }

    def index(name):
        if name == "gone":
            raise OSError(19, "No such device")
        return {"eth0": 7, "new": 3}[name]

    monkeypatch.setattr(psutil, "net_if_stats", lambda: stats)
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: addresses)
    monkeypatch.setattr(socket, "if_nametoindex", index)


@pytest.mark.usefixtures("system")
def test_labels_are_addresses_of_their_interface():
    eth0 = read()[1]
    assert eth0.ipv4 == (IPv4Address("192.0.2.2"), IPv4Address("192.0.2.3"))


@pytest.mark.usefixtures("system")
def test_each_address_has_its_network_and_the_interface_its_hardware_address():
    new, eth0 = read()
    assert eth0.networks == (IPv4Network("192.0.2.0/24"), IPv4Network("192.0.2.3/32"))
    assert (eth0.mac, new.mac) == (bytes.fromhex("525400000001"), b"")


@pytest.mark.usefixtures("system")
def test_scopes_are_no_part_of_an_address():
    assert read()[1].ipv6 == (IPv6Address("fe80::1"),)


@pytest.mark.usefixtures("system")
def test_an_interface_that_comes_or_goes_while_it_is_read_harms_nothing():
    assert [(found.name, found.up, found.mtu) for found in read()] == [
        ("new", False, 0),
        ("eth0", True, 9000),
    ]


def test_a_reading_is_used_for_a_while():
    world = World(LO)
    world.interfaces.by_index(1)
    world.now = AGE_MAX - 0.01
    assert world.interfaces.all() == (LO,)
    assert world.readings == 1


def test_R7_a_changed_address_is_followed():
    world = World(LO, ETH)
    world.interfaces.by_index(2)
    moved = Interface("eth0", 2, (IPv4Address("192.0.2.9"),))
    world.there = (LO, moved)
    world.now = AGE_MAX
    assert world.interfaces.by_index(2) == moved


def test_R7_a_new_interface_is_seen_at_once():
    world = World(LO)
    assert world.interfaces.by_index(2) is None
    world.there = (LO, ETH)
    world.now = UNKNOWN_AGE_MAX
    assert world.interfaces.by_index(2) == ETH


def test_R7_an_interface_that_went_is_forgotten():
    world = World(LO, ETH)
    world.interfaces.all()
    world.there = (LO,)
    world.now = AGE_MAX
    assert world.interfaces.by_index(2) is None


def test_a_flood_from_an_unknown_interface_does_not_read_for_each_datagram():
    world = World(LO)
    for _ in range(1000):
        world.interfaces.by_index(99)
    assert world.readings == 1


def test_the_last_reading_stands_where_none_can_be_had():
    world = World(LO)
    world.interfaces.all()
    world.there = OSError(5, "I/O error")
    world.now = AGE_MAX
    assert world.interfaces.all() == (LO,)


def test_the_mtu_is_that_of_the_interface():
    world = World(LO, ETH, Interface("tun0", 3))
    assert [world.interfaces.mtu(index) for index in (2, 3, 4)] == [1500, None, None]


def test_R7_a_change_that_is_told_is_read_at_once():
    world = World(LO)
    world.interfaces.all()
    world.there = (LO, ETH)
    world.interfaces.expire()
    world.now = CHANGED_AGE_MAX
    assert world.interfaces.all() == (LO, ETH)


def test_many_changes_do_not_make_a_reading_each():
    world = World(LO)
    for _ in range(1000):
        world.interfaces.expire()
        world.interfaces.all()
    assert world.readings == 1


def test_an_interface_that_did_not_change_stays_the_same_object():
    world = World(LO, ETH)
    before = world.interfaces.by_index(2)
    world.there = (LO, replace(ETH))
    world.now = AGE_MAX
    assert world.interfaces.by_index(2) is before


def test_a_system_that_does_not_tell_of_changes_is_survived(monkeypatch):
    def none(*_):
        raise OSError(errno.EAFNOSUPPORT, "no netlink")

    monkeypatch.setattr(socket, "socket", none)
    assert Changes.open() is None
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert Changes.open() is None


class Overrun:
    """A netlink socket that lost messages, and then has none."""

    def __init__(self):
        self.answers = [OSError(errno.ENOBUFS, "lost"), BlockingIOError()]

    def recv(self, _):
        raise self.answers.pop(0)


def test_changes_that_were_lost_are_changes():
    sock = Overrun()
    Changes(sock).take()
    assert sock.answers == []

"""What a played machine takes for its own, and whom it would ask on port 4011."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.doctor.ask import (
    HEARD_MAX,
    TARGETS_MAX,
    Player,
    listen,
    players,
    targets,
)
from fastboot.doctor.machines import KINDS, USUAL
from fastboot.interfaces import Interface
from models.offers import NOBODY, OTHER, OURS, PXE, ROUTER, proxy, router

ME = b"\x52\x54\0\0\0\1"
SENDER = (str(ROUTER), 67)


def player(kind="uefi"):
    return Player(KINDS[kind], ME, 1)


def test_an_offer_is_kept_with_its_sender_port_and_size():
    one = player()
    data = router().packet.encode()
    one.take(data, SENDER)
    (heard,) = one.heard
    assert (heard.source, heard.port, heard.order) == (ROUTER, 67, 0)
    assert (heard.packet, heard.size) == (router().packet, len(data))


@pytest.mark.parametrize(
    "changes", [{"xid": 2}, {"chaddr": b"\x52\x54\0\0\0\2"}, {"op": 1}]
)
def test_what_is_for_others_is_not_kept(changes):
    one = player()
    one.take(replace(router().packet, **changes).encode(), SENDER)
    assert one.heard == []


def test_the_same_offer_again_is_one():
    one = player()
    for _ in range(2):
        one.take(router().packet.encode(), SENDER)
    assert len(one.heard) == 1


@given(st.binary(max_size=400))
def test_no_datagram_does_harm(data):
    player().take(data, SENDER)


def test_who_floods_is_heard_for_a_while():
    one = player()
    for number in range(HEARD_MAX * 2):
        address = IPv4Address(0x0A000000 + number)
        one.take(router(server=address).packet.encode(), (str(address), 67))
    assert len(one.heard) == HEARD_MAX


def test_every_machine_is_somebody_else():
    cast = players(USUAL)
    assert len({one.chaddr for one in cast}) == len({one.xid for one in cast}) == 4


def test_whom_it_may_ask():
    one = player()
    one.heard = [router(), router(PXE, siaddr=NOBODY), proxy(PXE, siaddr=OTHER)]
    assert targets(one) == {ROUTER, OURS, OTHER}


def test_whoever_makes_up_offers_has_us_write_to_few():
    one = player()
    made_up = [IPv4Address(f"198.51.100.{number}") for number in range(1, 40)]
    one.heard = [router(PXE), *(proxy(PXE, siaddr=address) for address in made_up)]
    assert len(targets(one)) == TARGETS_MAX
    assert ROUTER in targets(one)


def test_http_boot_asks_nobody():
    one = player("uefi-http")
    one.heard = [proxy(PXE)]
    assert targets(one) == set()


def test_a_system_that_cannot_bind_to_an_interface_says_so(monkeypatch):
    monkeypatch.delattr("socket.SO_BINDTODEVICE")
    network = IPv4Network("192.168.1.0/24")
    card = Interface("en0", 1, (OURS,), networks=(network,), mac=b"123456")
    segment = listen(card, players(USUAL))
    assert segment.problem.startswith("only Linux can ask on one interface; run it")
    assert segment.heard == {}

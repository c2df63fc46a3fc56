"""The lease server: what is answered to whom, in each of RFC 2131's cases."""

from ipaddress import IPv4Address

import pytest

from fastboot.config.subnet import SubnetTable
from fastboot.dhcp.book import CONFLICT_HOLD
from fastboot.dhcp.leases import Lease, State
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import BROADCAST, Ignored, Noted, Origin
from fastboot.dhcp.packet import BOOTREPLY, BROADCAST_FLAG, Frame
from fastboot.dhcp.server import OFFER_HOLD
from fastboot.events import Conflict, Dropped, Leased, Released

from .lease_server import (
    ACK,
    EPOCH,
    NAK,
    OFFER,
    SERVER,
    Serving,
    answer,
    client,
    decline,
    ip,
    mac,
    reboot,
    release,
    renew,
    seconds,
    select,
)

# DISCOVER (section 4.3.1)


def test_a_discover_is_offered_the_first_address_of_the_pool(site):
    frame = answer(site.ask(client(xid=7)), OFFER)
    assert (frame.op, frame.xid, frame.yiaddr) == (BOOTREPLY, 7, ip(100))
    assert frame.option(Code.SERVER_IDENTIFIER) == SERVER.packed
    assert frame.option(Code.SUBNET_MASK) == b"\xff\xff\xff\0"
    assert frame.option(Code.ROUTER) == ip(1).packed
    assert frame.option(Code.DOMAIN_NAME) == b"example.org"
    assert frame.siaddr == IPv4Address(0)
    assert (frame.sname, frame.file) == (b"", b"")


def test_an_offer_tells_when_to_renew_and_when_to_rebind(site):
    frame = answer(site.ask(client()))
    assert seconds(frame) == 3600
    assert seconds(frame, Code.RENEWAL_TIME) == 1800
    assert seconds(frame, Code.REBINDING_TIME) == 3150


@pytest.mark.parametrize(
    ("asked", "given"),
    [(None, 3600), (600, 600), (1, 60), (86400, 7200), (0xFFFFFFFF, 7200)],
)
def test_a_client_may_ask_for_a_lease_time_within_bounds(site, asked, given):
    wish = [(Code.LEASE_TIME, asked.to_bytes(4, "big"))] if asked else []
    assert seconds(answer(site.ask(client(1, MessageType.DISCOVER, *wish)))) == given


def test_an_offer_is_broadcast_and_keeps_the_clients_flags(site):
    for flags in (0, BROADCAST_FLAG):
        outcome = site.ask(client(flags=flags))
        assert outcome.to == BROADCAST
        assert answer(outcome).flags == flags


def test_two_clients_are_offered_two_addresses(site):
    offers = {answer(site.ask(client(number))).yiaddr for number in (1, 2)}
    assert offers == {ip(100), ip(101)}


def test_D13_a_repeated_discover_is_offered_the_same(site):
    first = site.ask(client())
    site.now += 4.0
    assert site.ask(client()).data == first.data


def test_a_client_that_has_a_lease_is_offered_the_same_address(site):
    site.bind(2)
    assert site.bind(1) == ip(101)
    assert answer(site.ask(client(1))).yiaddr == ip(101)
    assert site.book.at(ip(101)).state is State.BOUND


def test_a_client_whose_lease_ended_gets_its_old_address_while_it_is_free(site):
    site.bind(1)
    site.bind(2)
    site.now += 10_000.0
    assert answer(site.ask(client(2))).yiaddr == ip(101)


def test_a_client_gets_the_address_that_it_asks_for_if_that_is_free(site):
    wish = (Code.REQUESTED_ADDRESS, ip(103).packed)
    ask = [client(number, MessageType.DISCOVER, wish) for number in (1, 2)]
    assert answer(site.ask(ask[0])).yiaddr == ip(103)
    assert answer(site.ask(ask[1])).yiaddr == ip(100)


@pytest.mark.parametrize("wish", [ip(2), ip(50), ip(99), ip(255), ip(7, "203.0.113")])
def test_an_address_outside_the_pool_is_not_given_for_the_asking(site, wish):
    wanted = (Code.REQUESTED_ADDRESS, wish.packed)
    asked = client(1, MessageType.DISCOVER, wanted)
    assert answer(site.ask(asked)).yiaddr == ip(100)


def test_where_all_addresses_are_taken_nobody_else_is_answered(site):
    for number in range(4):
        site.ask(client(number))
    outcome = site.ask(client(9))
    assert isinstance(outcome, Dropped)
    assert outcome.reason == "no address is free in 192.0.2.0/24"


def test_D7_an_offer_that_nobody_takes_is_soon_free_again(site):
    for number in range(4):
        site.ask(client(number))
    site.now += OFFER_HOLD
    assert answer(site.ask(client(9))).yiaddr == ip(100)


def test_D7_known_clients_are_served_while_a_flood_holds_the_pool(site):
    site.bind(1)
    for number in range(2, 100):
        site.ask(client(number))
    assert answer(site.ask(client(1)), OFFER).yiaddr == ip(100)
    assert answer(site.ask(renew(ip(100))), ACK)


def test_what_was_offered_is_not_stored(site):
    site.ask(client())
    site.settle()
    assert list(site.store.load()) == []


def test_a_client_identifier_says_who_a_client_is(site):
    named = (Code.CLIENT_IDENTIFIER, b"\xffone")
    one = client(1, MessageType.DISCOVER, named)
    same = client(2, MessageType.DISCOVER, named)  # another network card
    other = client(1, MessageType.DISCOVER)
    offers = [answer(site.ask(frame)).yiaddr for frame in (one, same, other)]
    assert offers == [ip(100), ip(100), ip(101)]


def test_a_client_identifier_is_said_back(site):
    named = (Code.CLIENT_IDENTIFIER, b"\xffone")
    frame = answer(site.ask(client(1, MessageType.DISCOVER, named)))
    assert frame.option(Code.CLIENT_IDENTIFIER) == b"\xffone"


@pytest.mark.parametrize("value", [b"", b"\1"])
def test_D2_a_client_identifier_that_is_none_counts_as_none(site, value):
    site.ask(client(1))
    named = (Code.CLIENT_IDENTIFIER, value)
    assert answer(site.ask(client(1, MessageType.DISCOVER, named))).yiaddr == ip(100)


# REQUEST after an offer (SELECTING)


def test_a_request_for_the_offer_is_acknowledged_and_kept(site):
    address = answer(site.ask(client(1))).yiaddr
    outcome = site.ask(select(address, 1, SERVER, (Code.HOST_NAME, b"bee")))
    frame = answer(outcome, ACK)
    assert (frame.yiaddr, seconds(frame)) == (address, 3600)
    assert outcome.event == Leased(
        "52:54:00:00:00:01", "192.0.2.100", "192.0.2.2", "ack", 3600, ""
    )
    site.settle()
    (kept,) = site.store.load()
    now = EPOCH + site.now
    assert kept == Lease(
        *(ip(100), b"\1" + mac(1), mac(1), State.BOUND, now, now + 3600, "bee")
    )


def test_D12_a_request_for_another_servers_offer_is_ignored_and_ours_is_free(site):
    address = answer(site.ask(client(1))).yiaddr
    assert isinstance(site.ask(select(ip(9), 1, ip(3))), Ignored)
    assert answer(site.ask(client(2))).yiaddr != address  # never had comes first
    wish = (Code.REQUESTED_ADDRESS, address.packed)
    asked = client(3, MessageType.DISCOVER, wish)
    assert answer(site.ask(asked)).yiaddr == address


def test_a_request_for_an_address_that_another_has_is_refused(site):
    site.bind(1)
    outcome = site.ask(select(ip(100), 2))
    frame = answer(outcome, NAK)
    assert outcome.to == BROADCAST
    assert outcome.event.message == "nak"
    codes = [code for code, _ in frame.options]
    assert codes == [Code.MESSAGE_TYPE, Code.SERVER_IDENTIFIER, Code.MESSAGE]
    assert frame.option(Code.MESSAGE) == b"192.0.2.100 is not free"
    assert frame.yiaddr == IPv4Address(0)


def test_a_request_that_comes_late_is_granted_while_the_address_is_free(site):
    address = answer(site.ask(client(1))).yiaddr
    site.now += OFFER_HOLD + 60.0
    assert answer(site.ask(select(address)), ACK).yiaddr == address


def test_a_request_that_comes_too_late_is_refused(site):
    address = answer(site.ask(client(1))).yiaddr
    site.now += OFFER_HOLD
    wish = (Code.REQUESTED_ADDRESS, address.packed)
    site.ask(client(2, MessageType.DISCOVER, wish))
    answer(site.ask(select(address)), NAK)


def test_an_offer_made_before_a_restart_is_granted_after_it(site):
    address = answer(site.ask(client(1))).yiaddr
    answer(site.restart().ask(select(address)), ACK)


def test_D2_a_request_without_any_address_is_dropped(site):
    named = (Code.SERVER_IDENTIFIER, SERVER.packed)
    for more in ((named,), ()):
        outcome = site.ask(client(1, MessageType.REQUEST, *more))
        assert isinstance(outcome, Dropped)


# INIT-REBOOT


def test_a_client_that_comes_back_keeps_its_address(site):
    address = site.bind()
    site.now += 100.0
    frame = answer(site.ask(reboot(address)), ACK)
    assert (frame.yiaddr, seconds(frame)) == (address, 3600)
    site.settle()
    (kept,) = site.store.load()
    assert kept.expires == EPOCH + site.now + 3600
    assert kept.began == EPOCH + site.now - 100.0


def test_a_client_that_comes_back_from_another_network_is_refused(site):
    outcome = site.ask(reboot(IPv4Address("203.0.113.7")))
    frame = answer(outcome, NAK)
    assert frame.option(Code.MESSAGE) == b"203.0.113.7 is not in 192.0.2.0/24"


def test_a_client_that_comes_back_with_a_wrong_address_is_refused(site):
    site.bind(1)
    answer(site.ask(reboot(ip(101), 1)), NAK)


def test_a_client_that_was_never_here_is_left_to_others(site):
    assert isinstance(site.ask(reboot(ip(101), 1)), Ignored)


def test_a_client_that_comes_back_after_its_lease_keeps_a_free_address(site):
    address = site.bind()
    site.now += 10_000.0
    answer(site.ask(reboot(address)), ACK)


# RENEWING and REBINDING


def test_a_lease_is_renewed_by_unicast(site):
    address = site.bind()
    site.now += 1800.0
    outcome = site.ask(renew(address))
    frame = answer(outcome, ACK)
    assert (frame.yiaddr, frame.ciaddr, seconds(frame)) == (address, address, 3600)
    assert outcome.to == (str(address), 68)
    assert site.book.at(address).expires == site.now + 3600


def test_a_lease_that_another_has_is_not_renewed(site):
    address = site.bind(1)
    answer(site.ask(renew(address, 2)), NAK)


def test_a_lease_that_there_is_no_record_of_is_renewed_while_it_is_free(site):
    answer(site.ask(renew(ip(102))), ACK)
    assert site.book.at(ip(102)).state is State.BOUND


def test_an_address_that_is_no_longer_ours_to_give_is_not_renewed(site):
    site.bind()
    tables = (SubnetTable("192.0.2.0/24", pool=("192.0.2.200-192.0.2.201",)),)
    answer(site.restart(tables=tables).ask(renew(ip(100))), NAK)


def test_a_client_of_another_network_is_none_of_ours(site):
    assert isinstance(site.ask(renew(IPv4Address("203.0.113.7"))), Ignored)


# RELEASE, DECLINE, INFORM


def test_an_address_that_is_released_is_free_and_kept_for_its_client(site):
    address = site.bind()
    outcome = site.ask(release(address))
    assert outcome == Noted(Released("52:54:00:00:00:01", "192.0.2.100"))
    site.settle()
    (kept,) = site.store.load()
    assert kept.state is State.RELEASED
    assert answer(site.ask(client(1))).yiaddr == address
    for number in range(2, 5):
        site.bind(number)
    site.ask(release(address))
    assert answer(site.ask(client(5))).yiaddr == address


@pytest.mark.parametrize(
    "frame",
    [release(ip(100), 2), release(ip(100), 1, ip(3)), release(ip(101))],
    ids=["another client", "another server", "another address"],
)
def test_nobody_releases_what_is_not_theirs_and_ours(site, frame):
    site.bind()
    assert isinstance(site.ask(frame), Ignored)
    assert site.book.at(ip(100)).state is State.BOUND


def test_a_release_that_names_no_server_is_taken_for_systemd_networkd_leaves_it_out(
    site,
):
    address = site.bind()
    frame = client(1, MessageType.RELEASE, ciaddr=address)
    assert frame.option(Code.SERVER_IDENTIFIER) is None
    assert isinstance(site.ask(frame), Noted)


def test_an_address_that_is_declined_is_set_aside_for_a_while(site):
    address = site.bind()
    outcome = site.ask(decline(address))
    assert outcome == Noted(Conflict("192.0.2.100", "52:54:00:00:00:01", "declined it"))
    assert answer(site.ask(client(1))).yiaddr == ip(101)
    answer(site.ask(select(address, 1)), NAK)
    site.settle()
    again = site.restart()
    answer(again.ask(select(address, 2)), NAK)
    again.now += CONFLICT_HOLD
    answer(again.ask(select(address, 2)), ACK)


@pytest.mark.parametrize(
    "frame",
    [decline(ip(100), 2), decline(ip(100), 1, ip(3)), decline(ip(101))],
    ids=["another client", "another server", "another address"],
)
def test_D7_nobody_declines_what_was_not_given_to_them(site, frame):
    site.bind()
    assert isinstance(site.ask(frame), Ignored)


def test_an_inform_is_told_everything_but_a_lease(site):
    outcome = site.ask(client(1, MessageType.INFORM, ciaddr=ip(77)))
    frame = answer(outcome, ACK)
    assert outcome.to == ("192.0.2.77", 68)
    assert (frame.yiaddr, frame.ciaddr) == (IPv4Address(0), ip(77))
    assert frame.option(Code.ROUTER) == ip(1).packed
    for code in (Code.LEASE_TIME, Code.RENEWAL_TIME, Code.REBINDING_TIME):
        assert frame.option(code) is None
    assert site.book.at(ip(77)) is None


@pytest.mark.parametrize("address", ["0.0.0.0", "203.0.113.7", "127.0.0.1"])
def test_D10_an_inform_answers_nobody_elsewhere(site, address):
    asked = client(1, MessageType.INFORM, ciaddr=IPv4Address(address))
    assert isinstance(site.ask(asked), Ignored)


# Who is no client


@pytest.mark.parametrize(
    "frame",
    [
        client(op=BOOTREPLY),
        client(1, MessageType.OFFER),
        client(1, MessageType.ACK),
        client(1, MessageType.NAK),
        Frame(op=1, xid=1, chaddr=mac(1)),  # BOOTP
    ],
    ids=["reply", "offer", "ack", "nak", "bootp"],
)
def test_what_is_no_message_for_a_server_is_ignored(site, frame):
    assert isinstance(site.ask(frame), Ignored)


@pytest.mark.parametrize(
    "fields",
    [
        {"htype": 6},
        {"chaddr": b""},
        {"chaddr": bytes(6)},
        {"chaddr": b"\xff" * 6},
        {"chaddr": bytes(16)},
    ],
)
def test_D1_a_hardware_address_that_is_none_gets_no_lease(site, fields):
    assert isinstance(site.ask(client(**fields)), Dropped)
    assert list(site.book._leases) == []


def test_an_interface_without_a_subnet_is_ignored(site):
    origin = Origin(IPv4Address("203.0.113.2"))
    assert isinstance(site.ask(client(), origin), Ignored)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"bee-2.example", "bee-2.example"),
        (b"bee\0", "bee"),
        (b"", ""),
        (b"x" * 64, ""),
        (b"a\nb", ""),
        (b"${reboot}", ""),
        (b"%n", ""),
        (b"\xff\xfe", ""),
        ("\u0663".encode(), ""),
    ],
)
def test_D15_a_hostname_that_may_do_harm_is_not_kept(site, name, kept):
    address = answer(site.ask(client(1))).yiaddr
    site.ask(select(address, 1, SERVER, (Code.HOST_NAME, name)))
    assert site.book.at(address).hostname == kept


# Probing


def test_an_address_for_somebody_new_is_to_be_tried_first():
    site = Serving(probe=True)
    outcome = site.ask(client(1))
    assert outcome.probe == ip(100)
    site.ask(select(ip(100)))
    site.settle()
    assert site.ask(client(1)).probe is None
    assert site.ask(renew(ip(100))).probe is None


def test_an_address_that_somebody_answered_at_is_set_aside(site):
    site.ask(client(1))
    event = site.server.conflict(ip(100), site.now)
    assert event == Conflict("192.0.2.100", "52:54:00:00:00:01", "found it in use")
    assert answer(site.ask(client(1))).yiaddr == ip(101)
    answer(site.ask(select(ip(100), 1)), NAK)

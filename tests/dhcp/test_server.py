"""The lease server: what is answered to whom, in each of RFC 2131's cases."""

import subprocess
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.boot.choose import Site
from fastboot.config import LeaseConfig
from fastboot.config.subnet import ReservationTable, SubnetTable
from fastboot.dhcp.book import CONFLICT_HOLD, LOOK, STEP, Book
from fastboot.dhcp.leases import Lease, Memory, State
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import BROADCAST, Ignored, Noted, Origin, Reply
from fastboot.dhcp.packet import BOOTREPLY, BROADCAST_FLAG, Frame, decode
from fastboot.dhcp.proxy import Proxy
from fastboot.dhcp.server import OFFER_HOLD, LeaseServer
from fastboot.dhcp.subnet import subnets
from fastboot.errors import StoreError
from fastboot.events import (
    Conflict,
    Dropped,
    Leased,
    LeaseTrouble,
    Released,
    Unbootable,
)
from peers import need

from .clients import (
    UUID,
    bios,
    boot_client,
    ipxe,
    laptop,
    to_boot_server,
    uefi,
    uefi_http,
)

EPOCH = 1_000_000_000.0
SERVER = IPv4Address("192.0.2.2")
RELAY = IPv4Address("198.51.100.1")
TIMES = LeaseConfig(file=Path("unused"), time=3600, min_time=60, max_time=7200)
TABLES = (
    SubnetTable(
        "192.0.2.0/24",
        pool=("192.0.2.100-192.0.2.103",),
        router=("192.0.2.1",),
        dns=("192.0.2.1",),
        domain="example.org",
        reservation=(
            ReservationTable(
                mac="52:54:00:00:00:99", address="192.0.2.50", hostname="ant"
            ),
        ),
    ),
    SubnetTable("198.51.100.0/24", pool=("198.51.100.100-198.51.100.200",)),
)


def ip(last, net="192.0.2"):
    return IPv4Address(f"{net}.{last}")


def mac(number):
    return bytes.fromhex("5254000000") + bytes((number,))


class Serving:
    """A server, its store and a clock."""

    def __init__(self, tables=TABLES, store=None, now=1000.0, epoch=EPOCH, **more):
        self.store = store or Memory()
        self.now = now
        self.epoch = epoch
        served = subnets(tables, TIMES.time, [SERVER])
        program = more.pop("program", lambda arch: "boot/ipxe.efi")
        self.book = Book(served, self.store, TIMES.max_time, now, epoch)
        proxy = Proxy(Site("images", program))
        self.server = LeaseServer(served, TIMES, self.book, proxy, **more)

    def ask(self, frame, origin=None):
        origin = origin or Origin(SERVER)
        return self.server.receive(frame, origin, self.now)

    def settle(self):
        return list(self.server.settle(self.now, self.epoch))

    def restart(self, **more):
        return Serving(store=self.store, now=more.pop("now", self.now), **more)

    def bind(self, number=1, **more):
        """Give a client an address, as DISCOVER and REQUEST do."""
        offer = answer(self.ask(client(number, **more)))
        self.ask(select(offer.yiaddr, number, **more))
        self.settle()
        return offer.yiaddr


@pytest.fixture
def site():
    return Serving()


def client(number=1, kind=MessageType.DISCOVER, *more, **fields):
    """A message of an ordinary client."""
    return replace(laptop(kind, *more, mac=mac(number)), **fields)


def select(address, number=1, server=SERVER, *more, **fields):
    """SELECTING: the REQUEST that takes an offer."""
    return client(
        number,
        MessageType.REQUEST,
        (Code.SERVER_IDENTIFIER, server.packed),
        (Code.REQUESTED_ADDRESS, address.packed),
        *more,
        **fields,
    )


def reboot(address, number=1, **fields):
    """INIT-REBOOT: is this still mine?"""
    wish = (Code.REQUESTED_ADDRESS, address.packed)
    return client(number, MessageType.REQUEST, wish, **fields)


def renew(address, number=1, *more, **fields):
    """RENEWING or REBINDING: more time."""
    return client(number, MessageType.REQUEST, *more, ciaddr=address, **fields)


def release(address, number=1, server=SERVER):
    named = (Code.SERVER_IDENTIFIER, server.packed)
    return client(number, MessageType.RELEASE, named, ciaddr=address)


def decline(address, number=1, server=SERVER):
    return client(
        number,
        MessageType.DECLINE,
        (Code.SERVER_IDENTIFIER, server.packed),
        (Code.REQUESTED_ADDRESS, address.packed),
    )


def answer(outcome, kind=None):
    """The message that a reply carries."""
    assert isinstance(outcome, Reply), outcome
    frame = decode(outcome.data)
    assert kind is None or frame.message_type == kind
    return frame


def seconds(frame, code=Code.LEASE_TIME):
    value = frame.option(code)
    return None if value is None else int.from_bytes(value, "big")


OFFER, ACK, NAK = MessageType.OFFER, MessageType.ACK, MessageType.NAK


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


# Relays


def relayed(frame_of, *args, more=(), **fields):
    return frame_of(*args, *more, **{"giaddr": RELAY, **fields})


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


# Reservations


def test_a_reserved_address_goes_to_its_machine_and_nobody_else(site):
    wish = (Code.REQUESTED_ADDRESS, ip(50).packed)
    assert answer(site.ask(client(1, MessageType.DISCOVER, wish))).yiaddr == ip(100)
    frame = answer(site.ask(client(0x99)))
    assert frame.yiaddr == ip(50)
    assert frame.option(Code.HOST_NAME) == b"ant"
    answer(site.ask(select(ip(50), 1)), NAK)


def test_a_reserved_machine_has_one_address_whatever_it_calls_itself(site):
    firmware = (Code.CLIENT_IDENTIFIER, b"\0" + bytes(16))
    system = (Code.CLIENT_IDENTIFIER, b"\xff" + bytes(18))
    for name in (firmware, system):
        found = answer(site.ask(client(0x99, MessageType.DISCOVER, name)))
        assert found.yiaddr == ip(50)
        answer(site.ask(select(ip(50), 0x99, SERVER, name)), ACK)
        site.settle()


def test_a_reserved_machine_may_come_back_though_it_never_was_here(site):
    answer(site.ask(reboot(ip(50), 0x99)), ACK)


def test_a_reservation_by_uuid_and_without_an_address_gives_options_alone():
    uuid = "04030201-0605-0807-090a-0b0c0d0e0f10"
    tables = (
        SubnetTable(
            "192.0.2.0/24",
            pool=("192.0.2.100",),
            domain="example.org",
            reservation=(
                ReservationTable(uuid=uuid, options={"domain-name": "own.example"}),
            ),
        ),
    )
    machine = b"\0" + bytes(range(1, 17))
    frame = uefi(uuid=machine)
    answered = answer(Serving(tables).ask(frame))
    assert answered.yiaddr == ip(100)
    assert answered.option(Code.DOMAIN_NAME) == b"own.example"


# Options


def test_what_a_client_asks_for_comes_first_and_in_its_order(site):
    wanted = bytes((Code.DOMAIN_NAME, Code.DOMAIN_NAME_SERVER, Code.SUBNET_MASK))
    asked = (Code.PARAMETER_REQUEST_LIST, wanted)
    frame = client(1)
    options = tuple(o for o in frame.options if o[0] != Code.PARAMETER_REQUEST_LIST)
    frame = Frame(op=1, xid=1, chaddr=mac(1), options=(*options, asked))
    codes = [code for code, _ in answer(site.ask(frame)).options]
    assert codes == [53, 54, 51, 58, 59, 15, 6, 1, 3, 28]


def test_D5_what_does_not_fit_is_left_out_beginning_with_what_nobody_asked_for():
    tables = (
        SubnetTable(
            "192.0.2.0/24",
            pool=("192.0.2.100",),
            router=("192.0.2.1",),
            options={"224": "x" * 200, "225": "y" * 200, "root-path": "z" * 100},
        ),
    )
    asked = (Code.PARAMETER_REQUEST_LIST, bytes((225, 3)))
    frame = Frame(
        op=1, xid=1, chaddr=mac(1), options=((Code.MESSAGE_TYPE, b"\1"), asked)
    )
    outcome = Serving(tables).ask(frame)
    assert len(outcome.data) <= 576 - 28
    found = answer(outcome)
    assert found.option(224) is None
    assert found.option(225) == b"y" * 200
    assert found.option(Code.ROUTER) == ip(1).packed


@pytest.mark.parametrize("size", [None, 0, 1, 300, 575, 576, 1472, 65535])
def test_D5_a_reply_is_as_long_as_the_client_takes_and_no_longer(size):
    tables = (
        SubnetTable(
            "192.0.2.0/24",
            pool=("192.0.2.100",),
            options={str(code): "x" * 250 for code in range(224, 234)},
        ),
    )
    more = (
        [(Code.MAX_MESSAGE_SIZE, size.to_bytes(2, "big"))] if size is not None else []
    )
    outcome = Serving(tables).ask(client(1, MessageType.DISCOVER, *more))
    assert 300 <= len(outcome.data) <= max(576, min(size or 576, 1500)) - 28


# Boot clients


def test_a_boot_client_is_told_what_to_load_with_its_address(site):
    outcome = site.ask(uefi())
    frame = answer(outcome, OFFER)
    assert frame.yiaddr == ip(100)
    assert frame.siaddr == SERVER
    assert frame.file == b"boot/ipxe.efi"
    assert frame.option(Code.BOOTFILE_NAME) == b"boot/ipxe.efi\0"
    assert frame.option(Code.VENDOR_CLASS) == b"PXEClient"
    assert frame.option(Code.VENDOR_SPECIFIC) == b"\6\1\x08\xff"
    assert frame.option(Code.CLIENT_MACHINE) == UUID
    assert outcome.event.detail == "boot/ipxe.efi"


def test_the_ack_tells_a_boot_client_the_same(site):
    site.ask(uefi())
    named = (Code.SERVER_IDENTIFIER, SERVER.packed)
    wish = (Code.REQUESTED_ADDRESS, ip(100).packed)
    frame = answer(site.ask(boot_client(MessageType.REQUEST, named, wish)), ACK)
    assert (frame.yiaddr, frame.file) == (ip(100), b"boot/ipxe.efi")
    assert frame.option(Code.SUBNET_MASK) == b"\xff\xff\xff\0"


@pytest.mark.parametrize(
    ("ask", "vendor", "file"),
    [
        (bios, b"PXEClient", b"boot/ipxe.efi"),
        (uefi_http, b"HTTPClient", b"http://192.0.2.2/boot/ipxe.efi"),
        (ipxe, b"PXEClient", b"http://192.0.2.2/boot.ipxe"),
    ],
)
def test_each_kind_of_boot_client_is_answered_in_its_way(site, ask, vendor, file):
    frame = answer(site.ask(ask()))
    assert frame.option(Code.VENDOR_CLASS) == vendor
    assert frame.file == file
    assert frame.option(Code.BOOTFILE_NAME) == file + b"\0"
    has_43 = frame.option(Code.VENDOR_SPECIFIC) is not None
    assert has_43 == (ask is bios)


def test_u_boot_is_told_a_name_and_nothing_of_pxe(site):
    frame = answer(site.ask(uefi(vendor=b"U-Boot.armv8", arch=b"\0\x16")))
    assert frame.option(Code.VENDOR_CLASS) is None
    assert frame.option(Code.BOOTFILE_NAME) == b"boot/ipxe.efi"
    assert frame.option(Code.TFTP_SERVER_NAME) == b"192.0.2.2"
    assert frame.siaddr == SERVER


def test_a_boot_client_with_nothing_to_boot_gets_an_address_and_a_word_is_said():
    site = Serving(program=lambda arch: None)
    frame = answer(site.ask(uefi()), OFFER)
    assert frame.siaddr == IPv4Address(0)
    (event,) = site.settle()
    assert isinstance(event, Unbootable)
    assert site.settle() == []


def test_a_question_on_port_4011_is_answered_as_by_a_proxy(site):
    origin = Origin(SERVER, boot_server=True, address="192.0.2.100", port=4011)
    frame = answer(site.ask(to_boot_server(), origin), ACK)
    assert frame.file == b"boot/ipxe.efi"
    assert frame.option(Code.LEASE_TIME) is None


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


# What is kept


class Failing(Memory):
    """A store that cannot keep anything, or not before it begins anew."""

    def __init__(self, *, damaged):
        super().__init__()
        self.damaged = damaged

    def save(self, leases):
        if self.damaged is not None:
            raise StoreError("it failed", damaged=self.damaged)
        super().save(leases)

    def begin_anew(self, leases, reason):
        self.damaged = None
        super().begin_anew(leases, reason)


def test_R14_what_cannot_be_kept_has_not_happened():
    store = Failing(damaged=None)
    site = Serving(store=store)
    first = site.bind(1)
    store.damaged = False
    second = answer(site.ask(client(2))).yiaddr
    answer(site.ask(select(second, 2)), ACK)
    site.ask(release(first, 1))
    with pytest.raises(StoreError):
        site.settle()
    assert site.book.at(first).state is State.BOUND
    assert site.book.at(second).state is State.OFFERED
    site.now += OFFER_HOLD
    answer(site.ask(select(second, 3)), ACK)
    store.damaged = None
    site.settle()
    assert {lease.address: lease.client for lease in store.load()} == {
        first: b"\1" + mac(1),
        second: b"\1" + mac(3),
    }


def test_R13_a_store_that_is_damaged_is_begun_anew_with_all_that_is_known():
    store = Failing(damaged=None)
    site = Serving(store=store)
    site.bind(1)
    site.ask(client(3))  # offered, and not to be stored as more
    store.damaged = True
    address = answer(site.ask(client(2))).yiaddr
    site.ask(select(address, 2))
    (event,) = site.settle()
    assert event == LeaseTrouble("it failed; a new file was begun")
    states = {lease.address: lease.state for lease in store.load()}
    assert states[ip(100)] is states[address] is State.BOUND
    assert State.OFFERED not in states.values()


def test_leases_are_there_after_a_restart(site):
    address = site.bind(1)
    again = site.restart(now=5.0, epoch=EPOCH + site.now - 5.0)
    assert answer(again.ask(client(2))).yiaddr == ip(101)
    answer(again.ask(renew(address, 1)), ACK)


def test_a_lease_that_a_person_released_is_free(site):
    address = site.bind(1)
    (there,) = site.store.load()
    gone = Lease(address, there.client, there.mac, State.RELEASED, 0.0, 1.0)
    site.store.released = lambda: [gone]
    assert site.settle() == []  # not yet time to look
    site.now += LOOK
    assert site.settle() == [Released("52:54:00:00:00:01", "192.0.2.100")]
    answer(site.ask(select(address, 2)), ACK)
    site.now += LOOK
    site.settle()


def test_R6_setting_the_clock_ends_no_lease_and_is_made_good_in_the_store(site):
    address = site.bind(1)
    site.ask(client(2))
    for step in (-86400.0, 86400.0 * 7):
        site.epoch += step
        site.now += LOOK
        site.settle()
        answer(site.ask(select(address, 3)), NAK)
        (kept,) = site.store.load()
        assert abs(kept.expires - (site.book.at(address).expires + site.epoch)) < 1e-3


def test_R6_a_clock_that_drifts_writes_nothing(site):
    site.bind(1)
    site.store.save = None
    site.epoch += STEP / 2
    site.settle()


def test_R6_a_clock_that_was_set_back_makes_no_lease_last_for_ever(site):
    address = site.bind(1)
    again = site.restart(epoch=EPOCH - 86400.0 * 365)
    again.now += TIMES.max_time
    assert answer(again.ask(select(address, 2)), ACK)


def test_what_the_next_settle_is_for_is_said(site):
    assert site.server.deadline == site.now + LOOK


# Together


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["discover", "select", "renew", "reboot", "release", "decline", "restart"]
        ),
        st.integers(1, 6),  # who
        st.integers(98, 104),  # which address
        st.sampled_from([0.0, 1.0, 40.0, 4000.0]),  # after so long
    ),
    max_size=40,
)


@given(STEPS)
def test_no_address_is_given_to_two_whatever_happens(steps):
    site, holders = Serving(), {}  # address -> who was promised it, and until when
    for what, who, last, after in steps:
        site.now += after
        address = ip(last)
        frame = {
            "discover": lambda who=who: client(who),
            "select": lambda who=who, a=address: select(a, who),
            "renew": lambda who=who, a=address: renew(a, who),
            "reboot": lambda who=who, a=address: reboot(a, who),
            "release": lambda who=who, a=address: release(a, who),
            "decline": lambda who=who, a=address: decline(a, who),
            "restart": lambda: None,
        }[what]()
        if frame is None:
            site = site.restart()
            continue
        outcome = site.ask(frame)
        site.settle()
        if isinstance(outcome, Noted):
            assert holders.pop(address, (who, 0.0))[0] == who
        if isinstance(outcome, Reply):
            found = decode(outcome.data)
            if found.message_type != NAK:
                assert ip(100) <= found.yiaddr <= ip(103)
                owner, until = holders.get(found.yiaddr, (who, 0.0))
                assert owner == who or until <= site.now
            if found.message_type == ACK:
                holders[found.yiaddr] = (who, site.now + seconds(found))


CODES = sorted({*Code, 224} - {Code.PAD, Code.END, Code.OVERLOAD, Code.MESSAGE_TYPE})
ADDRESSES = st.one_of(
    st.sampled_from([ip(100), ip(50), ip(2), ip(0), RELAY, SERVER, IPv4Address(0)]),
    st.integers(0, 0xFFFFFFFF).map(IPv4Address),
)
VALUES = st.one_of(st.binary(max_size=40), ADDRESSES.map(lambda item: item.packed))
MESSAGES = st.builds(
    lambda kind, options, **fields: Frame(
        options=((Code.MESSAGE_TYPE, bytes((kind,))), *options.items()), **fields
    ),
    kind=st.integers(1, 9),
    options=st.dictionaries(st.sampled_from(CODES), VALUES, max_size=6),
    op=st.sampled_from([1, 1, 1, 2]),
    xid=st.integers(0, 0xFFFFFFFF),
    chaddr=st.one_of(st.integers(0, 3).map(mac), st.binary(max_size=16)),
    htype=st.sampled_from([1, 1, 1, 6, 32]),
    flags=st.integers(0, 0xFFFF),
    secs=st.integers(0, 0xFFFF),
    ciaddr=ADDRESSES,
    giaddr=ADDRESSES,
)


@given(st.lists(MESSAGES, max_size=8))
def test_D2_whatever_is_asked_an_answer_is_well_formed_or_there_is_none(frames):
    site = Serving(probe=True)
    for frame in frames:
        outcome = site.ask(frame)
        assert isinstance(outcome, (Reply, Noted, Dropped, Ignored))
        site.settle()
        if isinstance(outcome, Reply):
            found = decode(outcome.data)
            assert 300 <= len(outcome.data) <= 1472
            assert outcome.data.rstrip(b"\0")[-1] == Code.END
            assert (found.op, found.xid, found.chaddr) == (2, frame.xid, frame.chaddr)
            assert found.option(Code.SERVER_IDENTIFIER) == SERVER.packed
            assert found.message_type in (OFFER, ACK, NAK)
            to = IPv4Address(outcome.to[0])
            ours = any(to in subnet.network for subnet in site.server.subnets)
            assert outcome.to == BROADCAST or ours


# Judged by another


FULL = SubnetTable(
    "192.0.2.0/24",
    pool=("192.0.2.100-192.0.2.110",),
    router=("192.0.2.1", "192.0.2.3"),
    dns=("192.0.2.1", "192.0.2.3"),
    ntp=("192.0.2.1",),
    domain="example.org",
    options={
        "domain-search": ["example.org", "a.example"],
        "classless-static-route": ["0.0.0.0/0 192.0.2.1", "10.1.0.0/16 192.0.2.3"],
        "interface-mtu": 9000,
        "tftp-server-address": "192.0.2.2",
        "time-offset": -3600,
    },
)


def test_tshark_has_nothing_to_say_about_any_kind_of_answer(tmp_path):
    scapy = pytest.importorskip("scapy.all", reason="pip install -e '.[test]'")
    site = Serving((FULL, TABLES[1]))
    large = (Code.MAX_MESSAGE_SIZE, (1472).to_bytes(2, "big"))
    info = (Code.RELAY_AGENT_INFORMATION, b"\1\4eth7\2\6" + mac(9))
    asked = [
        client(1, MessageType.DISCOVER, large, (Code.CLIENT_IDENTIFIER, b"\xff" * 9)),
        *(ask() for ask in (bios, uefi, uefi_http, ipxe)),
        client(2, MessageType.DISCOVER, info, giaddr=RELAY),
        select(ip(105), 3),
        renew(ip(105), 3),
        reboot(ip(9, "203.0.113"), 3),
        select(ip(105), 4),
        client(5, MessageType.INFORM, large, ciaddr=ip(77)),
    ]
    replies = [site.ask(frame) for frame in asked]
    wire = scapy.Ether(src="52:54:00:00:00:02", dst="ff:ff:ff:ff:ff:ff")
    packets = [
        wire
        / scapy.IP(src=str(SERVER), dst=reply.to[0])
        / scapy.UDP(sport=67, dport=reply.to[1])
        / scapy.Raw(reply.data)
        for reply in replies
    ]
    capture = tmp_path / "answers.pcap"
    scapy.wrpcap(str(capture), packets)
    fields = ("dhcp.option.dhcp", "_ws.expert.message", "_ws.malformed")
    wanted = [word for field in fields for word in ("-e", field)]
    shown = subprocess.run(
        [need("tshark"), "-r", capture, "-T", "fields", *wanted],
        capture_output=True,
        text=True,
        check=True,
    )
    kinds = [line.split("\t") for line in shown.stdout.splitlines()]
    assert kinds == [
        [str(decode(reply.data).message_type), "", ""] for reply in replies
    ]

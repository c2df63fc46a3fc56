"""What a DHCPv6 message is answered with, beside another server and as the server."""

import dataclasses
from ipaddress import IPv6Address, IPv6Network
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.boot.choose import Site
from fastboot.dhcp.allow import Allowed
from fastboot.dhcp.outcome import Ignored
from fastboot.dhcp.v6.decide import Responder
from fastboot.dhcp.v6.options import Association, Code, Status, encode_vendor_class
from fastboot.dhcp.v6.outcome import Origin, Reply
from fastboot.dhcp.v6.packet import Kind, Message, Relayed
from fastboot.errors import Refused
from fastboot.events import Dropped, Leased, Offered, Unbootable

SERVER = b"\x00\x03\x00\x01\x02\x00\x00\x00\x00\x01"  # DUID-LL, Ethernet
OTHER = b"\x00\x03\x00\x01\x02\x00\x00\x00\x00\x02"
CLIENT = bytes.fromhex("00030001525400123456")
MAC = "52:54:00:12:34:56"
PREFIX = IPv6Network("fd00:1::/64")
OURS = IPv6Address("fd00:1::2")
LINK_LOCAL = IPv6Address("fe80::5054:ff:fe12:3456")
SITE = Site("images", lambda arch: "ipxe.efi" if arch.cpu == "x86_64" else None)
HERE = Origin(OURS, LINK_LOCAL, (PREFIX,))

PXE = (
    (Code.CLIENT_ARCHITECTURE, b"\x00\x07"),
    (Code.VENDOR_CLASS, encode_vendor_class(b"PXEClient:Arch:00007:UNDI:003001")),
)
HTTP = (
    (Code.CLIENT_ARCHITECTURE, b"\x00\x10"),
    (Code.VENDOR_CLASS, encode_vendor_class(b"HTTPClient:Arch:00016:UNDI:003001")),
)
IPXE = (
    (Code.CLIENT_ARCHITECTURE, b"\x00\x07"),
    (Code.USER_CLASS, b"\x00\x04iPXE"),
    (Code.VENDOR_CLASS, encode_vendor_class(b"PXEClient:Arch:00007:UNDI:003001")),
)


def ask(kind, *options, client=CLIENT, server=None, iaid=7, held=()):
    """A message with one association, as clients send them."""
    head = [(Code.CLIENT_ID, client)] if client is not None else []
    if server is not None:
        head.append((Code.SERVER_ID, server))
    if iaid is not None:
        head.append((Code.IA_NA, Association(iaid, held).encode()))
    return Message(kind, 0x123456, (*head, *options))


def proxy(**more):
    return Responder(SERVER, SITE, gives=False, **more)


def server(**more):
    return Responder(SERVER, SITE, gives=True, **more)


def answer(responder, message, origin=HERE, relays=()):
    outcome = responder.receive(message, relays, origin)
    assert isinstance(outcome, Reply), outcome
    assert outcome.message.xid == message.xid
    assert outcome.message.option(Code.SERVER_ID) == SERVER
    assert outcome.message.option(Code.CLIENT_ID) == message.option(Code.CLIENT_ID)
    return outcome


def held(message):
    """The addresses in a message's associations."""
    return tuple(
        address
        for code, value in message.options
        if code == Code.IA_NA
        for address in Association.decode(value).addresses
    )


# As a proxy


@pytest.mark.parametrize(
    ("client", "vendor", "url"),
    [
        (PXE, b"PXEClient", b"tftp://[fd00:1::2]/ipxe.efi"),
        (HTTP, b"HTTPClient", b"http://[fd00:1::2]/ipxe.efi"),
    ],
)
def test_a_proxy_names_the_boot_file_and_gives_no_address(client, vendor, url):
    reply = answer(proxy(), ask(Kind.SOLICIT, *client))
    message = reply.message
    assert message.kind == Kind.ADVERTISE
    assert message.option(Code.BOOTFILE_URL) == url
    # EDK2 compares from the seventh byte on, after enterprise number and length.
    assert message.option(Code.VENDOR_CLASS)[6:] == vendor
    assert message.option(Code.IA_NA) is None
    assert isinstance(reply.event, Offered)
    assert (reply.event.mac, reply.event.message) == (MAC, "offer")


def test_the_question_on_port_4011_is_answered():
    origin = Origin(OURS, LINK_LOCAL, boot_server=True)
    reply = answer(proxy(), ask(Kind.REQUEST, *PXE, server=SERVER, iaid=None), origin)
    assert reply.message.kind == Kind.REPLY
    assert reply.message.option(Code.BOOTFILE_URL) == b"tftp://[fd00:1::2]/ipxe.efi"
    assert reply.event.message == "ack"


def test_a_proxy_is_silent_to_who_does_not_boot():
    assert isinstance(proxy().receive(ask(Kind.SOLICIT), (), HERE), Ignored)


def test_a_proxy_does_not_keep_ipxe_from_its_server():
    assert isinstance(proxy().receive(ask(Kind.SOLICIT, *IPXE), (), HERE), Ignored)


def test_a_proxy_tells_ipxe_that_asks_for_no_address():
    message = ask(Kind.INFORMATION_REQUEST, *IPXE, iaid=None)
    reply = answer(proxy(), message)
    assert reply.message.option(Code.BOOTFILE_URL) == b"http://[fd00:1::2]/boot.ipxe"


@pytest.mark.parametrize("kind", [Kind.RENEW, Kind.REBIND, Kind.CONFIRM, Kind.RELEASE])
def test_a_proxy_has_no_part_in_addresses(kind):
    named = SERVER if kind in (Kind.RENEW, Kind.RELEASE) else None
    message = ask(kind, *PXE, server=named)
    assert isinstance(proxy().receive(message, (), HERE), Ignored)


def test_what_cannot_be_booted_is_said():
    arm = ((Code.CLIENT_ARCHITECTURE, b"\x00\x0b"), PXE[1])
    outcome = proxy().receive(ask(Kind.SOLICIT, *arm), (), HERE)
    assert isinstance(outcome, Unbootable)


@pytest.mark.parametrize(
    ("client", "url"),
    [
        (PXE, b"tftp://[fd00:1::2]/mine/PXE"),
        (HTTP, b"http://[fd00:1::2]/mine/HTTP%20boot"),
        (IPXE, b"http://[fd00:1::2]/mine/iPXE"),
    ],
)
def test_a_program_that_embeds_us_chooses_what_is_loaded_over_ipv6_too(client, url):
    def choose(machine):
        assert machine.mac == MAC
        return f"mine/{machine.firmware.value}"

    site = dataclasses.replace(SITE, choice=choose)
    responder = Responder(SERVER, site, gives=True)
    given = answer(responder, ask(Kind.SOLICIT, *client)).message
    assert given.option(Code.BOOTFILE_URL) == url


def test_a_program_that_embeds_us_may_refuse_over_ipv6_too():
    def refuse(machine):
        raise Refused("not this one")

    responder = Responder(SERVER, dataclasses.replace(SITE, choice=refuse), gives=False)
    outcome = responder.receive(ask(Kind.SOLICIT, *PXE), (), HERE)
    assert outcome == Unbootable(MAC, "UEFI x86-64", "not this one")


def test_a_machine_that_is_not_on_the_list_does_not_boot():
    responder = proxy(allowed=Allowed(("52:54:00:99",)))
    refused = responder.receive(ask(Kind.SOLICIT, *PXE), (), HERE)
    assert isinstance(refused, Ignored)
    assert refused.meant
    allowed = proxy(allowed=Allowed(("52:54:00",)))
    assert answer(allowed, ask(Kind.SOLICIT, *PXE)).message.option(Code.BOOTFILE_URL)


def test_a_machine_is_known_by_its_uuid():
    uuid = UUID("12345678-1234-5678-9abc-def012345678")
    wire = b"\x00\x04" + uuid.bytes_le  # as EDK2 copies it from SMBIOS
    message = ask(Kind.SOLICIT, *PXE, client=wire)
    assert answer(proxy(allowed=Allowed((str(uuid),))), message)


# As the server


def test_the_server_gives_an_address_and_names_the_boot_file():
    reply = answer(server(), ask(Kind.SOLICIT, *PXE))
    (address,) = held(reply.message)
    assert address in PREFIX
    assert reply.message.kind == Kind.ADVERTISE
    assert reply.message.option(Code.BOOTFILE_URL) == b"tftp://[fd00:1::2]/ipxe.efi"
    # With a vendor class EDK2 would ask once more, on port 4011.
    assert reply.message.option(Code.VENDOR_CLASS) is None


def test_http_boot_is_told_that_it_is_answered():
    message = answer(server(), ask(Kind.SOLICIT, *HTTP)).message
    assert message.option(Code.VENDOR_CLASS)[6:] == b"HTTPClient"


def test_ipxe_gets_its_script():
    message = answer(server(), ask(Kind.REQUEST, *IPXE, server=SERVER)).message
    assert message.kind == Kind.REPLY
    assert message.option(Code.BOOTFILE_URL) == b"http://[fd00:1::2]/boot.ipxe"


def test_who_does_not_boot_gets_an_address_and_no_boot_file():
    reply = answer(server(), ask(Kind.SOLICIT))
    assert held(reply.message)
    assert reply.message.option(Code.BOOTFILE_URL) is None
    assert isinstance(reply.event, Leased)


def test_who_cannot_be_booted_still_gets_an_address():
    arm = ((Code.CLIENT_ARCHITECTURE, b"\x00\x0b"), PXE[1])
    reply = answer(server(), ask(Kind.SOLICIT, *arm))
    assert held(reply.message)
    assert reply.message.option(Code.BOOTFILE_URL) is None


def test_a_client_keeps_its_address_through_everything_and_after_a_restart():
    (first,) = held(answer(server(), ask(Kind.SOLICIT)).message)
    for kind, named in [
        (Kind.REQUEST, SERVER),
        (Kind.RENEW, SERVER),
        (Kind.REBIND, None),
    ]:
        message = ask(kind, server=named, held=(first,))
        assert held(answer(server(), message).message) == (first,)


ELSEWHERE = IPv6Address("fd00:9::99")
ON_LINK = IPv6Address("fd00:1::99")


@pytest.mark.parametrize(
    ("kind", "named", "address", "withdrawn"),
    [
        (Kind.RENEW, SERVER, ELSEWHERE, True),
        (Kind.RENEW, SERVER, ON_LINK, True),
        (Kind.REBIND, None, ELSEWHERE, True),
        (Kind.REBIND, None, ON_LINK, False),  # may be another server's to prolong
        (Kind.SOLICIT, None, ELSEWHERE, False),  # no more than a wish
    ],
)
def test_an_address_that_is_not_its_clients_comes_back_without_time_to_live(
    kind, named, address, withdrawn
):
    (own,) = held(answer(server(), ask(Kind.SOLICIT)).message)
    reply = answer(server(), ask(kind, server=named, held=(own, address)))
    assert reply.message.option(Code.IA_NA) == b"".join(
        (
            bytes((0, 0, 0, 7)),  # IAID
            (1800).to_bytes(4, "big"),  # T1: half of the preferred time
            (2880).to_bytes(4, "big"),  # T2: four fifths
            *(b"\x00\x05\x00\x18", own.packed),  # IA Address, 24 bytes
            *((3600).to_bytes(4, "big"), (7200).to_bytes(4, "big")),
            *((b"\x00\x05\x00\x18", address.packed) if withdrawn else ()),
            *((b"\0\0\0\0", b"\0\0\0\0") if withdrawn else ()),  # both times
        )
    )
    assert reply.event.address == str(own)


def test_a_flood_of_addresses_that_nobody_gave_is_answered_in_part():
    many = tuple(IPv6Address("fd00:9::") + n for n in range(30))
    reply = answer(server(), ask(Kind.RENEW, server=SERVER, held=many))
    assert held(reply.message)[1:] == many[:8]


def test_each_association_and_each_prefix_has_an_address_of_its_own():
    two = Origin(OURS, LINK_LOCAL, (PREFIX, IPv6Network("fd00:2::/64")))
    second = (Code.IA_NA, Association(8).encode())
    message = answer(server(), ask(Kind.SOLICIT, second), two).message
    assert len(set(held(message))) == 4


@given(st.lists(st.binary(min_size=3, max_size=20), unique=True, max_size=30))
def test_no_two_clients_share_an_address(duids):
    responder = server()
    given_ = [
        held(answer(responder, ask(Kind.SOLICIT, client=duid)).message)
        for duid in duids
    ]
    assert len(set(given_)) == len(duids)


def test_an_address_that_a_client_found_in_use_is_given_to_nobody():
    responder = server()
    (first,) = held(answer(responder, ask(Kind.SOLICIT)).message)
    decline = ask(Kind.DECLINE, server=SERVER, held=(first,))
    reply = answer(responder, decline)
    assert reply.message.option(Code.STATUS_CODE) == b"\x00\x00"
    (second,) = held(answer(responder, ask(Kind.SOLICIT)).message)
    assert second != first


def test_D5_nobody_declines_an_address_of_somebody_else():
    responder = server()
    (mine,) = held(answer(responder, ask(Kind.SOLICIT)).message)
    answer(responder, ask(Kind.DECLINE, client=OTHER, server=SERVER, held=(mine,)))
    assert held(answer(responder, ask(Kind.SOLICIT)).message) == (mine,)


def test_rapid_commit_is_answered_at_once():
    message = answer(server(), ask(Kind.SOLICIT, (Code.RAPID_COMMIT, b""))).message
    assert message.kind == Kind.REPLY
    assert message.option(Code.RAPID_COMMIT) == b""
    assert held(message)


@pytest.mark.parametrize(
    ("address", "status"),
    [("fd00:1::99", Status.SUCCESS), ("fd00:9::1", Status.NOT_ON_LINK)],
)
def test_confirm_tells_whether_an_address_fits_the_link(address, status):
    message = ask(Kind.CONFIRM, held=(IPv6Address(address),))
    reply = answer(server(), message)
    assert reply.message.option(Code.STATUS_CODE) == status.to_bytes(2, "big")
    assert reply.event is None


def test_confirm_of_nothing_is_not_answered():
    assert isinstance(server().receive(ask(Kind.CONFIRM), (), HERE), Ignored)


def test_release_is_acknowledged():
    message = ask(Kind.RELEASE, server=SERVER, held=(IPv6Address("fd00:1::99"),))
    assert answer(server(), message).message.option(Code.STATUS_CODE) == b"\x00\x00"


def test_name_servers_are_told():
    dns = IPv6Address("fd00:1::53")
    message = answer(server(dns=(dns,)), ask(Kind.SOLICIT)).message
    assert message.option(Code.DNS_SERVERS) == dns.packed


def test_without_a_prefix_there_is_nothing_to_give():
    bare = Origin(OURS, LINK_LOCAL)
    assert isinstance(server().receive(ask(Kind.SOLICIT), (), bare), Ignored)
    told = ask(Kind.INFORMATION_REQUEST, *IPXE, iaid=None)
    assert answer(server(), told, bare).message.option(Code.BOOTFILE_URL)


@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.RENEW, Kind.RELEASE, Kind.DECLINE])
@pytest.mark.parametrize("named", [None, OTHER])
def test_what_is_for_another_server_is_left_to_it(kind, named):
    outcome = server().receive(ask(kind, server=named), (), HERE)
    assert isinstance(outcome, Ignored)


@pytest.mark.parametrize("kind", [Kind.SOLICIT, Kind.CONFIRM, Kind.REBIND])
def test_a_message_to_any_server_names_none(kind):
    assert isinstance(server().receive(ask(kind, server=SERVER), (), HERE), Ignored)


@pytest.mark.parametrize("kind", [Kind.ADVERTISE, Kind.REPLY, Kind.RECONFIGURE])
@pytest.mark.parametrize("make", [proxy, server])
def test_messages_of_servers_are_not_answered(kind, make):
    assert isinstance(make().receive(ask(kind, *PXE), (), HERE), Ignored)


@pytest.mark.parametrize("client", [None, b"", b"\x00\x01", bytes(131)])
def test_D2_a_client_without_a_proper_identifier_is_dropped(client):
    outcome = server().receive(ask(Kind.SOLICIT, client=client), (), HERE)
    assert isinstance(outcome, Dropped)


def test_D2_a_malformed_association_is_dropped():
    message = ask(Kind.SOLICIT, (Code.IA_NA, b"short"))
    assert isinstance(server().receive(message, (), HERE), Dropped)


def test_a_flood_of_associations_is_answered_in_part():
    many = [(Code.IA_NA, Association(n).encode()) for n in range(100)]
    assert len(held(answer(server(), ask(Kind.SOLICIT, *many)).message)) == 8


@pytest.mark.parametrize(
    ("client", "relays", "peer", "mac"),
    [
        (CLIENT, (), "fe80::1", MAC),
        (
            b"\x00\x01\x00\x01" + bytes(4) + bytes.fromhex("525400123456"),
            (),
            "::1",
            MAC,
        ),
        (b"\x00\x04" + bytes(16), (), str(LINK_LOCAL), MAC),
        (b"\x00\x04" + bytes(16), (), "fe80::1", "fe80::1"),
        (b"\x00\x02abc", (LINK_LOCAL,), "fd00::9", MAC),
    ],
)
def test_a_machine_is_called_by_its_hardware_address_where_that_is_known(
    client, relays, peer, mac
):
    came = tuple(
        Relayed(Kind.RELAY_FORWARD, 0, IPv6Address("fd00:1::1"), of) for of in relays
    )
    origin = Origin(OURS, IPv6Address(peer), (PREFIX,))
    message = ask(Kind.SOLICIT, *PXE, client=client)
    assert answer(proxy(), message, origin, came).event.mac == mac


def test_a_relay_that_tells_the_hardware_address_is_believed():
    told = (Code.CLIENT_LINK_ADDRESS, b"\x00\x01" + bytes.fromhex("525400abcdef"))
    relay = Relayed(
        Kind.RELAY_FORWARD, 0, IPv6Address("fd00:1::1"), IPv6Address("fe80::1"), (told,)
    )
    message = ask(Kind.SOLICIT, *PXE)
    assert answer(proxy(), message, relays=(relay,)).event.mac == "52:54:00:ab:cd:ef"


@given(
    st.integers(1, 11),
    st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3, 14, 15, 16, 59, 61]), st.binary(max_size=30)
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_whatever_comes_is_answered_with_something_that_can_be_sent(
    kind, options, gives
):
    responder = Responder(SERVER, SITE, gives=gives)
    outcome = responder.receive(Message(kind, 1, tuple(options)), (), HERE)
    if isinstance(outcome, Reply):
        assert len(outcome.message.encode()) < 1200

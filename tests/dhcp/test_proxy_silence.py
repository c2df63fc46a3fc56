"""Whom the proxy does not answer, and who may boot."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from fastboot.dhcp.allow import Allowed
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import Ignored, Origin, Reply
from fastboot.dhcp.packet import BOOTREPLY, BROADCAST_FLAG, Frame
from fastboot.events import Dropped

from . import clients
from .clients import bios, boot_client, ipxe, laptop, to_boot_server, uefi, uefi_http
from .proxying import DISCOVERS, QUESTIONS, SERVER, answer, proxy

# Silence


NOT_OURS = {
    "a laptop": laptop(),
    "a laptop's request": laptop(MessageType.REQUEST),
    "U-Boot": boot_client(vendor=b"U-Boot.armv8", arch=b"\x00\x16"),
    "an Apple": boot_client(MessageType.INFORM, vendor=b"AAPLBSDPC/i386/MacBook"),
    "no vendor class": boot_client(vendor=None),
    "a server's vendor class": boot_client(vendor=b"PXEClient", arch=None),
    "a request to a DHCP server": boot_client(MessageType.REQUEST),
    "an inform on 67": boot_client(MessageType.INFORM),
    "a release": boot_client(MessageType.RELEASE),
    "a decline": boot_client(MessageType.DECLINE),
    "an unknown type": boot_client(200),
    "BOOTP": Frame(op=1, xid=1, chaddr=clients.MAC),
    "another server's offer": Frame(
        op=BOOTREPLY, xid=1, chaddr=clients.MAC, options=((53, b"\x02"),)
    ),
}


@pytest.mark.parametrize("who", NOT_OURS)
def test_D8_whoever_does_not_boot_hears_nothing(who):
    assert isinstance(proxy().receive(NOT_OURS[who], DISCOVERS, 0.0), Ignored)


def test_D8_u_boot_hears_nothing_where_there_is_nothing_for_it_either():
    nothing = proxy(program=lambda arch: None)
    assert isinstance(nothing.receive(NOT_OURS["U-Boot"], DISCOVERS, 0.0), Ignored)


@pytest.mark.parametrize(
    "frame", [uefi(), laptop(MessageType.REQUEST), uefi_http(), NOT_OURS["BOOTP"]]
)
def test_D8_nothing_but_a_question_is_answered_on_4011(frame):
    assert isinstance(proxy().receive(frame, QUESTIONS, 0.0), Ignored)


def test_D8_http_boot_has_no_question_for_4011():
    frame = to_boot_server(vendor=b"HTTPClient:Arch:00016:UNDI:003001")
    assert isinstance(proxy().receive(frame, QUESTIONS, 0.0), Ignored)


@pytest.mark.parametrize(
    ("frame", "origin"),
    [
        (bios(), DISCOVERS),
        (uefi(), DISCOVERS),
        (uefi_http(), DISCOVERS),
        (ipxe(), DISCOVERS),
        (to_boot_server(), QUESTIONS),
    ],
)
def test_D8_no_reply_gives_an_address_or_what_goes_with_one(frame, origin):
    reply = answer(frame, origin)
    assert reply.yiaddr == clients.ANY
    assert not {1, 3, 6, 50, 51, 58, 59} & {code for code, _ in reply.options}
    assert reply.message_type in (MessageType.OFFER, MessageType.ACK)
    assert reply.option(Code.VENDOR_CLASS) in (b"PXEClient", b"HTTPClient")


def test_D12_a_request_for_another_server_is_ignored():
    other = (Code.SERVER_IDENTIFIER, IPv4Address("192.0.2.1").packed)
    for frame, origin in ((uefi(other), DISCOVERS), (to_boot_server(other), QUESTIONS)):
        assert isinstance(proxy().receive(frame, origin, 0.0), Ignored)


def test_D12_a_request_on_67_for_another_server_is_ignored():
    other = (Code.SERVER_IDENTIFIER, IPv4Address("192.0.2.1").packed)
    frame = boot_client(MessageType.REQUEST, other)
    assert isinstance(proxy().receive(frame, DISCOVERS, 0.0), Ignored)


def test_D12_a_question_that_names_us_is_answered():
    ours = (Code.SERVER_IDENTIFIER, SERVER.packed)
    assert answer(to_boot_server(ours), QUESTIONS).file == b"ipxe.efi"


@pytest.mark.parametrize(
    ("htype", "mac"),
    [
        (6, clients.MAC),
        (0, clients.MAC),
        (1, b""),
        (1, bytes(5)),
        (1, bytes(16)),
        (32, bytes(16)),
        (1, bytes(6)),
        (1, b"\xff" * 6),
        (1, b"\x01\x00\x5e\x00\x00\x01"),
    ],
)
def test_D1_an_odd_hardware_address_is_dropped(htype, mac):
    outcome = proxy().receive(uefi(htype=htype, mac=mac), DISCOVERS, 0.0)
    assert isinstance(outcome, Dropped)


def test_D2_features_of_ipxe_that_overrun_are_dropped():
    outcome = proxy().receive(ipxe(features=b"\x13\x09\x01"), DISCOVERS, 0.0)
    assert isinstance(outcome, Dropped)


@pytest.mark.parametrize("code", [43, 55, 60, 61, 77, 82, 93, 94, 97, 175])
def test_D2_empty_options_are_survived(code):
    kept = tuple(item for item in uefi().options if item[0] != code)
    frame = clients.request(*kept, (code, b""))
    assert isinstance(proxy().receive(frame, DISCOVERS, 0.0), (Reply, Ignored))


@pytest.mark.parametrize("port", [7, 19, 53, 69, 123, 161, 1023])
def test_D10_questions_from_the_ports_of_services_are_dropped(port):
    origin = Origin(SERVER, boot_server=True, address="192.0.2.50", port=port)
    assert isinstance(proxy().receive(to_boot_server(), origin, 0.0), Dropped)


@pytest.mark.parametrize("source", ["0.0.0.0", "255.255.255.255", "224.0.0.1"])
def test_D10_questions_from_no_machines_address_are_dropped(source):
    origin = Origin(SERVER, boot_server=True, address=source, port=4011)
    assert isinstance(proxy().receive(to_boot_server(), origin, 0.0), Dropped)


# Who may boot
OTHERS = bytes.fromhex("525400000008")


@pytest.mark.parametrize("name", ["52:54:00:00:00:07", "52-54-00-00-00-07"])
def test_D8_a_machine_that_is_not_on_the_list_hears_nothing(name):
    server = proxy(Allowed([name]))
    assert isinstance(server.receive(uefi(), DISCOVERS, 0.0), Reply)
    assert isinstance(server.receive(uefi(mac=OTHERS), DISCOVERS, 0.0), Ignored)
    frame = to_boot_server(mac=OTHERS)
    assert isinstance(server.receive(frame, QUESTIONS, 0.0), Ignored)


def test_the_list_may_name_the_beginning_of_addresses():
    server = proxy(Allowed(["52:54:00", "dc:a6:32:01"]))
    for mac, heard in ((OTHERS, Reply), (clients.PI_MAC, Reply), (b"\2" * 6, Ignored)):
        assert isinstance(server.receive(uefi(mac=mac), DISCOVERS, 0.0), heard)


@pytest.mark.parametrize(
    "name",
    [
        "03020100-0504-0706-0809-0a0b0c0d0e0f",  # as the operating system shows it
        "00010203-0405-0607-0809-0a0b0c0d0e0f",  # as other firmware does
        "03020100-0504-0706-0809-0A0B0C0D0E0F",
    ],
)
def test_the_list_may_name_a_uuid_in_either_byte_order(name):
    server = proxy(Allowed([name]))
    assert isinstance(server.receive(uefi(), DISCOVERS, 0.0), Reply)
    none = server.receive(uefi(uuid=None), DISCOVERS, 0.0)
    assert isinstance(none, Ignored)


# Relays
NAMED = (IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.9/32"))


@pytest.mark.parametrize(
    ("giaddr", "heard"),
    [
        ("198.51.100.1", Reply),
        ("203.0.113.9", Reply),
        ("203.0.113.8", Dropped),
    ],
)
def test_D10_where_relays_are_named_no_other_is_answered(giaddr, heard):
    outcome = proxy(Allowed(), NAMED).receive(
        uefi(giaddr=IPv4Address(giaddr)), DISCOVERS, 0.0
    )
    assert isinstance(outcome, heard)


def test_naming_relays_changes_nothing_for_machines_without_one():
    assert isinstance(proxy(Allowed(), NAMED).receive(uefi(), DISCOVERS, 0.0), Reply)


def test_a_relay_gets_the_reply_on_its_port_67():
    frame = uefi(giaddr=IPv4Address("198.51.100.1"))
    assert proxy().receive(frame, DISCOVERS, 0.0).to == ("198.51.100.1", 67)
    assert answer(frame).giaddr == IPv4Address("198.51.100.1")


def test_a_relay_is_told_to_broadcast_for_there_is_no_address_to_send_to():
    relay = IPv4Address("198.51.100.1")
    assert answer(uefi(giaddr=relay, flags=0)).flags == BROADCAST_FLAG
    assert answer(uefi(flags=0)).flags == 0


@pytest.mark.parametrize(
    "giaddr",
    [
        *("127.0.0.1", "0.1.2.3", "224.0.0.1", "239.255.255.255"),
        *("240.0.0.1", "255.255.255.255", str(SERVER)),
    ],
)
def test_D10_what_cannot_be_a_relay_is_dropped(giaddr):
    outcome = proxy().receive(uefi(giaddr=IPv4Address(giaddr)), DISCOVERS, 0.0)
    assert isinstance(outcome, Dropped)


RELAY_INFO = b"\x01\x04port\x02\x03hub"  # circuit ID and remote ID


@pytest.mark.parametrize("info", [RELAY_INFO, b"\x01\xff" + bytes(255)])
def test_D11_a_relays_information_is_echoed_as_the_last_option(info):
    reply = answer(uefi((Code.RELAY_AGENT_INFORMATION, info)))
    assert reply.options[-1] == (82, info)


@pytest.mark.parametrize("size", [252, 300, 1000, 1400])
def test_D11_a_relays_information_that_does_not_fit_is_left_out(size):
    frame = bios((Code.RELAY_AGENT_INFORMATION, bytes(size)), max_size=576)
    reply = answer(frame)
    assert reply.option(Code.RELAY_AGENT_INFORMATION) is None
    assert reply.option(Code.BOOTFILE_NAME) == b"undionly.kpxe\0"

"""The proxy's decisions and replies: who is answered, and with which bytes."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.boot.choose import Site
from fastboot.boot.machine import Firmware
from fastboot.dhcp.allow import Allowed
from fastboot.dhcp.machine import read_machine
from fastboot.dhcp.memory import MACHINES_MAX
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import BROADCAST, Ignored, Origin, Reply
from fastboot.dhcp.packet import BOOTREPLY, BROADCAST_FLAG, Frame, decode
from fastboot.dhcp.proxy import Proxy
from fastboot.errors import DecodeError
from fastboot.events import Dropped, Offered, Unbootable

from . import clients
from .clients import (
    bios,
    boot_client,
    ipxe,
    laptop,
    raspberry_pi,
    to_boot_server,
    uefi,
    uefi_http,
)
from .recorded import RECORDED
from .test_packet import frames

SERVER = IPv4Address("192.0.2.2")
DISCOVERS = Origin(SERVER)
QUESTIONS = Origin(SERVER, boot_server=True, address="192.0.2.50", port=4011)
BOOT_NOW = b"\x06\x01\x08\xff"

PROGRAMS = {
    "bios": "undionly.kpxe",
    "efi": "ipxe.efi",
    "u-boot": "boot.scr.uimg",
    "raspberry-pi": "config.txt",
}


def proxy(*lists, **changes):
    def program(arch):
        return PROGRAMS.get(arch.platform)

    return Proxy(Site(**{"folder": "images", "program": program, **changes}), *lists)


def answer(frame, origin=DISCOVERS, now=0.0, by=None):
    """The reply's frame to one request."""
    outcome = (by or proxy()).receive(frame, origin, now)
    assert isinstance(outcome, Reply), outcome
    return decode(outcome.data)


# The recipe: which machine gets what


def test_a_bios_is_told_the_file_and_to_load_it_at_once():
    reply = answer(bios())
    assert reply.options == (
        (53, b"\x02"),  # OFFER
        (54, SERVER.packed),
        (60, b"PXEClient"),
        (97, clients.UUID),
        (43, BOOT_NOW),
        (66, b"192.0.2.2\0"),
        (67, b"undionly.kpxe\0"),
    )


def test_a_uefi_machine_is_offered_a_boot_server_without_option_43():
    reply = answer(uefi())
    assert reply.options == (
        (53, b"\x02"),
        (54, SERVER.packed),
        (60, b"PXEClient"),
        (97, clients.UUID),
        (66, b"192.0.2.2\0"),
        (67, b"ipxe.efi\0"),
    )


def test_server_and_file_are_named_in_the_header_too():
    reply = answer(uefi())
    assert reply.siaddr == SERVER  # iPXE takes no offer without
    assert reply.sname == b"192.0.2.2"
    assert reply.file == b"ipxe.efi"


def test_D14_a_question_on_4011_is_acknowledged_with_the_file():
    reply = answer(to_boot_server(), QUESTIONS)
    assert reply.message_type == MessageType.ACK
    assert reply.option(Code.BOOTFILE_NAME) == b"ipxe.efi\0"
    assert reply.option(Code.VENDOR_SPECIFIC) is None
    assert reply.ciaddr == IPv4Address("192.0.2.50")


def test_D14_a_bios_may_ask_4011_too():
    frame = to_boot_server(arch=b"\0\0", vendor=b"PXEClient:Arch:00000:UNDI:002000")
    assert answer(frame, QUESTIONS).file == b"undionly.kpxe"


def test_an_inform_on_4011_gets_its_boot_item_back():
    item = b"\x47\x04\x80\x00\x00\x00\xff"  # 71: type 0x8000, layer 0
    frame = to_boot_server((Code.VENDOR_SPECIFIC, item), kind=MessageType.INFORM)
    reply = answer(frame, QUESTIONS)
    assert reply.message_type == MessageType.ACK
    assert reply.option(Code.VENDOR_SPECIFIC) == item


def test_an_http_client_is_offered_a_url_of_the_program():
    reply = answer(uefi_http())
    assert reply.option(Code.VENDOR_CLASS) == b"HTTPClient"
    assert reply.option(Code.BOOTFILE_NAME) == b"http://192.0.2.2/ipxe.efi\0"
    assert reply.option(Code.VENDOR_SPECIFIC) is None


def test_ipxe_is_offered_the_script_over_http():
    reply = answer(ipxe(), by=proxy(http_port=8080))
    assert reply.file == b"http://192.0.2.2:8080/boot.ipxe"
    assert reply.option(Code.BOOTFILE_NAME) == reply.file + b"\0"
    assert reply.siaddr == SERVER
    assert reply.option(Code.VENDOR_SPECIFIC) is None  # never a menu


def test_ipxe_is_told_to_prefer_us_to_a_router_that_names_a_boot_file():
    assert answer(ipxe()).option(Code.IPXE) == b"\x01\x01\x01"  # priority 1
    assert answer(uefi()).option(Code.IPXE) is None


def test_an_ipxe_without_http_is_offered_a_newer_one_over_tftp():
    reply = answer(ipxe(features=b"\x15\x01\x01"))
    assert reply.file == b"undionly.kpxe"
    assert reply.option(Code.VENDOR_SPECIFIC) is None


def test_an_ipxe_that_tells_no_features_is_offered_a_newer_one_too():
    assert answer(bios((Code.USER_CLASS, b"iPXE"))).file == b"undionly.kpxe"


def test_an_ipxe_without_http_never_goes_round_in_a_circle():
    server, old = proxy(), b"\x15\x01\x01"
    first = answer(ipxe(features=old, xid=1), by=server)
    again = answer(ipxe(features=old, xid=1), now=4.0, by=server)
    assert first == again  # it asks until it has an address
    loaded = answer(ipxe(features=old, xid=2), now=6.0, by=server)
    assert loaded.file == b"boot.ipxe"
    tomorrow = answer(ipxe(features=old, xid=3), now=86400.0, by=server)
    assert tomorrow.file == b"undionly.kpxe"


def test_an_ipxe_is_known_by_its_features_alone():
    frame = bios((Code.IPXE, b"\x13\x01\x01"))
    assert answer(frame).file == b"http://192.0.2.2/boot.ipxe"


def test_a_raspberry_pi_is_offered_the_name_that_it_looks_for_and_no_file():
    reply = answer(raspberry_pi())
    assert reply.options == (
        (53, b"\x02"),  # OFFER
        (54, SERVER.packed),
        (60, b"PXEClient"),
        (97, clients.PI_ID),
        (
            43,
            (
                b"\x06\x01\x03"  # discovery control: no broadcast, no multicast
                b"\x0a\x04\x00PXE"  # prompt: at once
                b"\x09\x14\x00\x00\x11Raspberry Pi Boot"  # menu: type 0, 17 bytes
                b"\xff"
            ),
        ),
        (66, b"192.0.2.2"),  # no NUL
    )
    assert (reply.siaddr, reply.file) == (SERVER, b"")


@pytest.mark.parametrize(
    "frame",
    [
        raspberry_pi(uuid=None),  # by its MAC
        raspberry_pi(
            uuid=b"\0" + b"\x2b\x1a\x3c\x0d" * 4
        ),  # before option 97's new form
        raspberry_pi(mac=clients.MAC),  # by option 97: a USB network card
        raspberry_pi(uuid=b"\0RPi5" + bytes(12)),
    ],
)
def test_a_raspberry_pi_is_known_by_its_address_or_its_number(frame):
    assert answer(frame).option(Code.TFTP_SERVER_NAME) == b"192.0.2.2"


@pytest.mark.parametrize(
    ("frame", "file"),
    [
        (uefi(mac=clients.PI_MAC, arch=b"\0\x0b"), b"ipxe.efi"),  # with EDK2 on it
        (ipxe(mac=clients.PI_MAC), b"http://192.0.2.2/boot.ipxe"),
        (bios(uuid=b"\0RPi?" + bytes(12)), b"undionly.kpxe"),
    ],
)
def test_whatever_else_has_a_raspberrys_address_or_number_is_no_raspberry(frame, file):
    assert answer(frame).file == file


def test_what_a_raspberry_pi_was_told_is_reported():
    event = proxy().receive(raspberry_pi(), DISCOVERS, 0.0).event
    assert (event.arch, event.file) == ("Raspberry Pi", "")


def test_u_boot_that_boots_as_pxe_does_is_told_the_file_at_once():
    vendor = b"PXEClient:Arch:00022:UNDI:003000"
    reply = answer(boot_client(vendor=vendor, arch=b"\x00\x16"))
    assert reply.file == b"boot.scr.uimg"
    assert reply.option(Code.VENDOR_SPECIFIC) == BOOT_NOW


def test_the_first_known_architecture_of_a_list_decides():
    assert answer(uefi(arch=b"\x77\x77\x00\x07\x00\x00")).file == b"ipxe.efi"


def test_an_architecture_in_the_vendor_class_alone_is_enough():
    assert answer(uefi(arch=None)).file == b"ipxe.efi"


def test_a_machine_without_a_uuid_is_answered():
    assert answer(uefi(uuid=None)).option(Code.CLIENT_MACHINE) is None


def test_a_reply_goes_to_everyone_on_the_network_it_came_from():
    assert proxy().receive(uefi(), DISCOVERS, 0.0).to == BROADCAST


def test_a_reply_on_4011_goes_where_the_question_came_from():
    from_68 = Origin(SERVER, boot_server=True, address="192.0.2.50", port=68)
    outcome = proxy().receive(to_boot_server(), from_68, 0.0)
    assert outcome.to == ("192.0.2.50", 68)  # as iPXE asks


def test_a_reply_repeats_what_belongs_to_the_request():
    reply = answer(uefi(xid=7, flags=0x8000, secs=9, hops=3))
    assert (reply.op, reply.xid, reply.chaddr) == (BOOTREPLY, 7, clients.MAC)
    assert (reply.flags, reply.hops, reply.secs) == (0x8000, 0, 0)


def test_an_address_that_the_client_has_is_no_part_of_an_offer():
    frame = uefi(ciaddr=IPv4Address("192.0.2.9"))
    assert answer(frame).ciaddr == clients.ANY


def test_what_was_offered_is_reported():
    outcome = proxy().receive(uefi(), DISCOVERS, 0.0)
    assert outcome.event == Offered(
        "52:54:00:00:00:07", "UEFI x86-64", "ipxe.efi", "192.0.2.2", "offer"
    )


def test_a_machine_with_nothing_to_boot_is_reported_and_not_answered():
    outcome = proxy(program=lambda arch: None).receive(uefi(), DISCOVERS, 0.0)
    assert isinstance(outcome, Unbootable)
    assert "put ipxe.efi into images" in outcome.reason


def test_a_name_too_long_for_any_message_is_reported_and_not_answered():
    outcome = proxy(program=lambda arch: "x" * 2000).receive(uefi(), DISCOVERS, 0.0)
    assert isinstance(outcome, Unbootable)
    assert "too long" in outcome.reason


def test_a_url_too_long_for_the_header_stands_in_option_67_alone():
    name = "x" * 130 + ".efi"
    reply = answer(uefi_http(), by=proxy(program=lambda arch: name))
    assert reply.file == b""
    assert reply.option(Code.BOOTFILE_NAME) == f"http://192.0.2.2/{name}\0".encode()


# Two dialects


def dialects(*times, asks=(), script=()):
    """Whether each DISCOVER at `times` was answered directly ("a") or not ("b").

    After those whose number is in `asks` the machine asks on 4011; after those in
    `script` the iPXE that it loaded asks for its script.
    """
    server = proxy()
    found = ""
    for number, now in enumerate(times):
        reply = answer(uefi(), now=now, by=server)
        found += "a" if reply.option(Code.VENDOR_SPECIFIC) == BOOT_NOW else "b"
        if number in asks:
            answer(to_boot_server(), QUESTIONS, now + 1, server)
        if number in script:
            answer(ipxe(), now=now + 1, by=server)
    return found


def test_a_uefi_machine_that_asks_anew_is_answered_directly():
    assert dialects(0, 4) == "ba"


def test_a_uefi_machine_that_goes_on_asking_is_answered_both_ways_in_turn():
    assert dialects(0, 4, 12, 28) == "baba"


def test_a_uefi_machine_that_came_to_4011_is_answered_the_same_way_again():
    assert dialects(0, 300, 600, asks={0, 1, 2}) == "bbb"


def test_a_uefi_machine_that_came_to_4011_may_yet_fail_later():
    assert dialects(0, 300, 304, asks={0}) == "bba"


def test_a_machine_that_loaded_ipxe_directly_is_answered_directly_again():
    assert dialects(0, 4, 60, 120, script={1, 2, 3}) == "baaa"


def test_a_machine_that_was_answered_directly_is_so_a_day_later():
    assert dialects(0, 4, 86400) == "baa"


def test_a_machine_with_one_try_for_each_boot_is_answered_directly_the_next_time():
    assert dialects(0, 300) == "ba"


def test_D13_a_duplicate_gets_the_same_offer():
    server = proxy()
    first = server.receive(uefi(), DISCOVERS, 0.0)
    assert server.receive(uefi(), DISCOVERS, 0.1) == first
    assert server.receive(uefi(), DISCOVERS, 1.9) == first


def test_D13_a_question_on_4011_may_be_repeated():
    server = proxy()
    first = server.receive(to_boot_server(), QUESTIONS, 0.0)
    assert server.receive(to_boot_server(), QUESTIONS, 1.0) == first


def test_D7_only_so_many_machines_are_remembered():
    server = proxy()
    answer(uefi(), by=server)
    for number in range(MACHINES_MAX):
        mac = b"\x02" + number.to_bytes(5, "big")
        server.receive(uefi(mac=mac), DISCOVERS, 1.0)
    assert answer(uefi(), now=4.0, by=server).option(Code.VENDOR_SPECIFIC) is None


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


# Sizes


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        (None, 548),
        (0, 548),
        (1, 548),
        (300, 548),
        (575, 548),
        (576, 548),
        (1000, 972),
        (1472, 1444),
        (1500, 1472),
        (65535, 1472),
    ],
)
def test_D5_a_reply_is_as_long_as_the_client_takes_and_no_longer(said, limit):
    sizes = set()
    for length in range(200, 1400, 50):
        server = proxy(program=lambda arch, length=length: "x" * length)
        info = (Code.RELAY_AGENT_INFORMATION, RELAY_INFO)
        outcome = server.receive(uefi(info, max_size=said), DISCOVERS, 0.0)
        if isinstance(outcome, Reply):
            sizes.add(len(outcome.data))
    assert limit - 52 <= max(sizes) <= limit


def test_D5_what_matters_least_is_left_out_first():
    name = "x" * 250
    info = (Code.RELAY_AGENT_INFORMATION, RELAY_INFO)
    reply = answer(bios(info, max_size=576), by=proxy(program=lambda arch: name))
    assert reply.option(Code.BOOTFILE_NAME) == name.encode() + b"\0"
    assert reply.option(Code.RELAY_AGENT_INFORMATION) is None
    assert reply.option(Code.TFTP_SERVER_NAME) is None
    assert reply.option(Code.SERVER_IDENTIFIER) == SERVER.packed


@pytest.mark.parametrize("frame", [bios(), uefi(), uefi_http(), ipxe()])
def test_replies_are_padded_and_end_inside_the_message(frame):
    data = proxy().receive(frame, DISCOVERS, 0.0).data
    assert len(data) >= 300
    assert data.rstrip(b"\0")[-1] == 255


# Facts about the machine


def test_a_machines_facts_are_read():
    machine = read_machine(ipxe(arch=b"\x00\x07"))
    assert machine.mac == "52:54:00:00:00:07"
    assert machine.codes == (7,)
    assert machine.firmware is Firmware.IPXE
    assert machine.ipxe_http
    assert str(machine.uuid) == "03020100-0504-0706-0809-0a0b0c0d0e0f"


HOSTILE = [
    b"\n#!ipxe\nshell\n",
    b"%n%s%n",
    b"${net0/mac}",
    b"$(reboot)",
    b"\x1b[2J\xe2\x80\xae",
    b"\xff" * 255,
    b"\0" * 255,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_D15_hostile_texts_reach_neither_replies_nor_reports(text):
    vendor = b"PXEClient:Arch:00007:UNDI:003016" + text
    more = ((Code.USER_CLASS, text), (12, text), (81, text))
    expected = proxy().receive(uefi(), DISCOVERS, 0.0)
    assert proxy().receive(uefi(*more, vendor=vendor), DISCOVERS, 0.0) == expected


@pytest.mark.parametrize("size", [0, 1, 255, 256, 600])
@pytest.mark.parametrize("code", [12, 61, 77, 81])  # names of the client, RFC 3396
def test_D2_names_of_any_length_are_survived(code, size):
    more = (code, b"\xff" * size)
    assert isinstance(proxy().receive(uefi(more), DISCOVERS, 0.0), Reply)


UNKNOWN = st.tuples(st.integers(224, 254), st.binary(max_size=300))


@given(st.lists(UNKNOWN, max_size=3, unique_by=lambda item: item[0]), st.randoms())
def test_D2_unknown_options_and_their_order_change_nothing(unknown, chance):
    """What is not known is passed over, and no option's place means anything."""
    for frame in (uefi(), bios(), uefi_http(), ipxe()):
        options = [*frame.options, *unknown]
        chance.shuffle(options)
        shuffled = replace(frame, options=tuple(options))
        sent = decode(shuffled.encode())
        expected = proxy().receive(frame, DISCOVERS, 0.0)
        assert proxy().receive(sent, DISCOVERS, 0.0) == expected


@given(frames, st.sampled_from([DISCOVERS, QUESTIONS]))
def test_any_message_is_decided_and_what_is_sent_is_well_formed(frame, origin):
    outcome = proxy().receive(frame, origin, 0.0)
    if isinstance(outcome, Reply):
        assert decode(outcome.data).yiaddr == clients.ANY


@given(st.sampled_from(sorted(RECORDED)), st.data())
def test_a_changed_byte_of_a_real_message_harms_nothing(name, data):
    raw = bytearray(RECORDED[name])
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        frame = decode(bytes(raw))
    except DecodeError:
        return
    for origin in (DISCOVERS, QUESTIONS):
        outcome = proxy().receive(frame, origin, 0.0)
        if isinstance(outcome, Reply):
            reply = decode(outcome.data)
            assert reply.yiaddr == clients.ANY
            assert len(outcome.data) <= 1472


# Real machines


@pytest.mark.parametrize(
    ("name", "origin", "file"),
    [
        ("ipxe-bios-discover", DISCOVERS, b"http://192.0.2.2/boot.ipxe"),
        ("ipxe-efi-discover", DISCOVERS, b"http://192.0.2.2/boot.ipxe"),
        ("edk2-pxe-discover", DISCOVERS, b"ipxe.efi"),
        ("edk2-pxe-4011-request", QUESTIONS, b"ipxe.efi"),
        ("edk2-http-discover", DISCOVERS, b"http://192.0.2.2/ipxe.efi"),
    ],
)
def test_real_machines_are_told_what_to_load(name, origin, file):
    assert answer(decode(RECORDED[name]), origin).file == file


@pytest.mark.parametrize(
    "name",
    [
        *("edk2-pxe-request", "ipxe-bios-request", "udhcpc-discover"),
        *("dnsmasq-offer", "dnsmasq-ack"),
    ],
)
def test_D8_real_messages_for_the_dhcp_server_are_ignored(name):
    for origin in (DISCOVERS, QUESTIONS):
        if name != "edk2-pxe-request" or origin is DISCOVERS:
            outcome = proxy().receive(decode(RECORDED[name]), origin, 0.0)
            assert isinstance(outcome, Ignored)

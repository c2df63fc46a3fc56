"""The proxy's decisions and replies: who is answered, and with which bytes."""

from ipaddress import IPv4Address

import pytest

from fastboot.dhcp.memory import MACHINES_MAX
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import BROADCAST, Origin
from fastboot.dhcp.packet import BOOTREPLY
from fastboot.events import Offered, Unbootable

from . import clients
from .clients import (
    bios,
    boot_client,
    ipxe,
    raspberry_pi,
    to_boot_server,
    uefi,
    uefi_http,
)
from .proxying import BOOT_NOW, DISCOVERS, QUESTIONS, SERVER, answer, proxy

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

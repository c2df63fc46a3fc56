"""The lease server's options: reservations, sizes, and what boot clients are told."""

from ipaddress import IPv4Address

import pytest

from fastboot.config.subnet import ReservationTable, SubnetTable
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import Origin
from fastboot.dhcp.packet import Frame
from fastboot.events import Unbootable

from .clients import UUID, bios, boot_client, ipxe, to_boot_server, uefi, uefi_http
from .lease_server import (
    ACK,
    NAK,
    OFFER,
    SERVER,
    Serving,
    answer,
    client,
    ip,
    mac,
    reboot,
    select,
)

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

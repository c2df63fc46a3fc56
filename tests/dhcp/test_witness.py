"""What is told of DHCP messages to those who follow a machine's boot."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from fastboot.boot.choose import Site
from fastboot.dhcp.allow import Allowed
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import Origin, silence_of
from fastboot.dhcp.packet import BOOTREPLY, Frame
from fastboot.dhcp.proxy import Proxy
from fastboot.dhcp.witness import KNOWN_MAX, TOLD_A_SECOND, TOLD_AT_ONCE, Witness
from fastboot.seen import Asked, Overheard, Packet

from .clients import (
    MAC,
    bios,
    boot_client,
    ipxe,
    laptop,
    to_boot_server,
    uefi,
    uefi_http,
)

OURS = IPv4Address("192.0.2.2")
ROUTER = IPv4Address("192.0.2.1")
HERE = Origin(OURS)
THERE = "52:54:00:00:00:07"
OFFER = Frame(
    op=BOOTREPLY,
    xid=0x12345678,
    chaddr=MAC,
    yiaddr=IPv4Address("192.0.2.100"),
    options=(
        (Code.MESSAGE_TYPE, bytes((MessageType.OFFER,))),
        (Code.SERVER_IDENTIFIER, ROUTER.packed),
        (Code.VENDOR_CLASS, b"PXEClient"),
        (Code.BOOTFILE_NAME, b"pxelinux.0\0"),
    ),
)


@pytest.mark.parametrize(
    ("frame", "arch", "firmware"),
    [
        (uefi(), "UEFI x86-64", "PXE"),
        (bios(), "BIOS", "PXE"),
        (uefi_http(), "UEFI HTTP x86-64", "HTTP boot"),
        (ipxe(), "BIOS", "iPXE"),
    ],
)
def test_a_question_is_told_with_what_asks(frame, arch, firmware):
    packet, asked = Witness(hears=True).question(frame, frame.encode(), HERE, 0.0)
    assert packet == Packet(
        THERE, ("0.0.0.0", 68), ("192.0.2.2", 67), True, frame.encode()
    )
    assert asked == Asked(THERE, arch, firmware, "", False, True)


def test_a_question_to_port_4011_is_told_with_the_clients_address():
    frame = to_boot_server()
    origin = Origin(OURS, True, "192.0.2.100", 4011)
    packet, asked = Witness(hears=False).question(frame, b"", origin, 0.0)
    assert packet.client == ("192.0.2.100", 4011)
    assert (asked.boot_server, asked.address) == (True, str(frame.ciaddr))


@pytest.mark.parametrize(
    "frame", [laptop(), OFFER, uefi(vendor=b"PXEClient:nonsense", arch=None)]
)
def test_what_is_no_machine_that_boots_is_not_told(frame):
    assert Witness(hears=True).question(frame, b"", HERE, 0.0) == ()


def test_a_machine_that_is_told_nothing_on_purpose_is_told_with_the_reason():
    proxy = Proxy(Site("images", lambda arch: "x"), Allowed(("52:54:00:00:00:08",)))
    silence = silence_of(proxy.receive(uefi(), HERE, 0.0))
    _, asked = Witness(hears=True).question(uefi(), b"", HERE, 0.0, silence)
    assert asked.silence == "not on the list of machines to boot"


def test_another_servers_offer_is_told_once_its_client_is_known():
    witness = Witness(hears=True)
    assert witness.overheard(OFFER, b"", OURS, "192.0.2.1") == ()
    witness.question(uefi(), b"", HERE, 0.0)
    packet, heard = witness.overheard(OFFER, b"data", OURS, "192.0.2.1")
    assert (packet.server, packet.inbound) == (("192.0.2.1", 67), False)
    assert heard == Overheard(
        mac=THERE,
        server="192.0.2.1",
        address="192.0.2.100",
        vendor="PXEClient",
        boots=False,
        next_server="",
        file="pxelinux.0",
        ours="192.0.2.2",
    )


def taking(server):
    """A boot client's REQUEST, which names whose address it takes."""
    return boot_client(
        MessageType.REQUEST,
        (Code.SERVER_IDENTIFIER, server.packed),
        (Code.REQUESTED_ADDRESS, IPv4Address("192.0.2.100").packed),
    )


def test_whose_address_a_machine_takes_is_told_though_nobody_heard_the_offer():
    _, heard = Witness(hears=True).question(taking(ROUTER), b"", HERE, 0.0)
    assert isinstance(heard, Overheard)
    assert (heard.mac, heard.server, heard.address) == (
        THERE,
        "192.0.2.1",
        "192.0.2.100",
    )
    assert (heard.vendor, heard.boots, heard.file) == ("", False, "")


def test_a_machine_that_takes_our_address_takes_no_other_servers():
    (packet,) = Witness(hears=True).question(taking(OURS), b"", HERE, 0.0)
    assert isinstance(packet, Packet)


def test_what_comes_from_us_is_no_other_servers():
    witness = Witness(hears=True)
    witness.question(uefi(), b"", HERE, 0.0)
    ours = replace(OFFER, options=((Code.SERVER_IDENTIFIER, OURS.packed),))
    assert witness.overheard(ours, b"", OURS, "192.0.2.2") == ()


def test_the_answer_is_told_from_the_port_that_was_asked():
    witness, proxy = Witness(hears=True), Proxy(Site("images", lambda arch: "ipxe.efi"))
    witness.question(uefi(), b"", HERE, 0.0)
    reply = proxy.receive(uefi(), HERE, 0.0)
    (packet,) = witness.answer(uefi(), HERE, reply)
    assert packet.server == ("192.0.2.2", 67)
    assert packet.client == ("255.255.255.255", 68)
    assert packet.data == reply.data


def test_the_machines_known_are_bounded():
    witness = Witness(hears=True)
    for number in range(KNOWN_MAX + 10):
        mac = b"\x52\x54\0" + number.to_bytes(3, "big")
        witness.question(uefi(mac=mac), b"", HERE, float(number))
    assert len(witness._known) == KNOWN_MAX


def test_D7_of_a_flood_as_much_is_told_as_a_crowd_would_ask():
    witness = Witness(hears=True)

    def told(now):
        return bool(witness.question(uefi(), b"", HERE, now))

    assert sum(told(0.0) for _ in range(20_000)) == TOLD_AT_ONCE
    assert sum(told(2.0) for _ in range(20_000)) == 2 * TOLD_A_SECOND

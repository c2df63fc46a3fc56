"""What is told of machines that boot, from their DHCPv6 messages."""

from ipaddress import IPv6Address

import pytest

from fastboot.dhcp.outcome import Ignored
from fastboot.dhcp.v6.options import Association, Code, encode_vendor_class
from fastboot.dhcp.v6.outcome import Origin
from fastboot.dhcp.v6.packet import Kind, Message
from fastboot.dhcp.v6.witness import Witness
from fastboot.dhcp.witness import TOLD_AT_ONCE
from fastboot.seen import Asked, Holds

CLIENT = bytes.fromhex("00030001525400123456")  # DUID-LL, Ethernet
MAC = "52:54:00:12:34:56"
GIVEN = IPv6Address("fd00:1::77")
HERE = Origin(IPv6Address("fd00:1::2"), IPv6Address("fe80::5054:ff:fe12:3456"))
ASKED = HERE.server, HERE.peer, (), True  # on port 4011
NOTHING = Ignored("another server's client")
PXE = (
    (Code.CLIENT_ARCHITECTURE, b"\x00\x07"),
    (Code.VENDOR_CLASS, encode_vendor_class(b"PXEClient:Arch:00007:UNDI:003001")),
)


def message(kind, *options, held=()):
    association = (Code.IA_NA, Association(7, held).encode())
    return Message(kind, 7, ((Code.CLIENT_ID, CLIENT), association, *options))


def told(message, origin=HERE, outcome=NOTHING):
    """What a message of a machine tells."""
    witness = Witness()
    machine = witness.machine(message, (), origin, 0.0)
    return witness.question(machine, message, origin, outcome)


@pytest.mark.parametrize("kind", [Kind.SOLICIT, Kind.INFORMATION_REQUEST])
def test_a_machine_that_asks_everybody_begins_to_boot(kind):
    asked = Asked(MAC, "UEFI x86-64", "PXE", "", False, False, "", "dhcp6")
    assert told(message(kind, *PXE)) == (asked,)


def test_a_machine_that_takes_an_address_of_whatever_server_tells_it():
    wants = message(Kind.REQUEST, *PXE, held=(GIVEN,))
    assert told(wants) == (Holds(MAC, "fd00:1::77"),)


@pytest.mark.parametrize("address", ["ff02::1", "::1", "::"])
def test_what_is_nobodys_address_is_not_believed(address):
    assert told(message(Kind.REQUEST, *PXE, held=(IPv6Address(address),))) == ()


def test_an_association_that_is_garbage_names_no_address():
    garbage = Message(Kind.REQUEST, 7, ((Code.IA_NA, b"\0"), *PXE))
    assert told(garbage) == ()


def test_a_question_on_port_4011_is_one_to_us_alone():
    (asked,) = told(message(Kind.REQUEST, *PXE), Origin(*ASKED))
    assert asked.boot_server


def test_a_machine_that_is_told_nothing_on_purpose_is_told_of_with_the_reason():
    refused = Ignored("not on the list", meant=True)
    (asked,) = told(message(Kind.SOLICIT, *PXE), outcome=refused)
    assert asked.silence == "not on the list"


@pytest.mark.parametrize(
    "options",
    [
        (),
        ((Code.CLIENT_ARCHITECTURE, b"\x00\x07"),),
        ((Code.CLIENT_ARCHITECTURE, b"\x00\x07"), (Code.VENDOR_CLASS, b"\0")),
    ],
)
def test_who_does_not_boot_is_not_looked_at(options):
    ordinary = message(Kind.SOLICIT, *options)
    assert Witness().machine(ordinary, (), HERE, 0.0) is None


def test_D4_of_a_flood_a_part_is_told():
    witness, asks = Witness(), message(Kind.SOLICIT, *PXE)
    found = [witness.machine(asks, (), HERE, 0.0) for _ in range(2 * TOLD_AT_ONCE)]
    assert len([one for one in found if one]) == TOLD_AT_ONCE

"""The machines that the doctor plays are taken for what they play."""

import pytest

from fastboot.boot.machine import Firmware
from fastboot.dhcp.machine import read_machine
from fastboot.dhcp.options import MessageType
from fastboot.dhcp.packet import BROADCAST_FLAG, decode
from fastboot.doctor.machines import KINDS
from models.offers import OURS

EXPECTED = {
    "bios": ("BIOS", Firmware.PXE),
    "uefi": ("UEFI x86-64", Firmware.PXE),
    "uefi-http": ("UEFI HTTP x86-64", Firmware.HTTP),
    "ipxe": ("UEFI x86-64", Firmware.IPXE),
    "arm64": ("UEFI ARM64", Firmware.PXE),
    "arm64-http": ("UEFI HTTP ARM64", Firmware.HTTP),
    "raspberry-pi": ("Raspberry Pi", Firmware.RASPBERRY_PI),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_server_takes_it_for_what_it_is(kind):
    frame = kind.discover(kind.mac(b"\x11\x22\x33"), 7)
    assert decode(frame.encode()) == frame
    assert frame.message_type == MessageType.DISCOVER
    assert frame.flags == BROADCAST_FLAG
    machine = read_machine(frame)
    assert (machine.arch.words, machine.firmware) == EXPECTED[kind.name]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_its_question_comes_from_an_address(kind):
    frame = kind.question(b"\x02\0\0\0\0\1", 7, OURS)
    assert (frame.message_type, frame.ciaddr) == (MessageType.REQUEST, OURS)
    assert frame.flags == 0


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_its_hardware_address_is_nobody_elses(kind):
    mac = kind.mac(b"\xff\x00\x01")
    assert mac == b"\x02\x66\x62\xff\x00\x01"
    assert mac[0] & 0x03 == 0x02  # locally administered, and no group

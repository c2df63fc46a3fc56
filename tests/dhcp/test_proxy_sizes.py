"""The proxy's replies to any message: sizes, hostile texts, and real machines."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.boot.machine import Firmware
from fastboot.dhcp.machine import read_machine
from fastboot.dhcp.options import Code
from fastboot.dhcp.outcome import Ignored, Reply
from fastboot.dhcp.packet import decode
from fastboot.errors import DecodeError

from . import clients
from .clients import bios, ipxe, uefi, uefi_http
from .proxying import DISCOVERS, QUESTIONS, SERVER, answer, proxy
from .recorded import RECORDED
from .test_packet import frames
from .test_proxy_silence import RELAY_INFO

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

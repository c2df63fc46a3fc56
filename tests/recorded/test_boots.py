"""What is said of each recorded boot is what its packets show."""

from __future__ import annotations

import pytest

from fastboot.dhcp.options import MessageType

from .boots import BOOTS, QUESTIONS, SERVERS, lease

BOOT = pytest.mark.parametrize("boot", BOOTS, ids=str)

READ = b"\x00\x01"
"""The first bytes of TFTP's RRQ (RFC 1350, section 5)."""

TFTP = 69


def url(boot):
    """What it asked for by TFTP or by HTTP; of a connection that failed, with whom."""
    for sent in boot.sent:
        where = str(sent.target)
        if sent.target_port == TFTP and sent.data.startswith(READ):
            return f"tftp://{where}/{sent.data[2:].split(bytes(1))[0].decode()}"
        if sent.data.startswith((b"HEAD ", b"GET ")):
            return f"http://{where}{sent.data.split()[1].decode()}"
    knocked = [sent for sent in boot.sent if sent.protocol == "tcp"]
    return f"http://{knocked[0].target}/" if knocked else ""


@BOOT
def test_a_boot_begins_when_a_machine_looks_for_servers(boot):
    sent, frame = boot.questions[0]
    assert (sent.target_port, frame.message_type) == (SERVERS, MessageType.DISCOVER)


@BOOT
def test_the_server_whose_address_was_asked_for_is_the_one_that_is_named(boot):
    assert lease(boot) == boot.lease


@BOOT
def test_whoever_was_asked_on_port_4011_is_named(boot):
    asked = {str(s.target) for s, _ in boot.questions if s.target_port == QUESTIONS}
    assert asked == ({boot.asks} if boot.asks else set())


@BOOT
def test_what_was_loaded_is_what_was_asked_for(boot):
    seen = url(boot)
    assert seen == boot.loads or (seen.endswith("/") and boot.loads.startswith(seen))


@BOOT
def test_each_boot_goes_on_or_ends_with_words_on_the_screen(boot):
    assert boot.loads or boot.screen


@BOOT
def test_whoever_was_asked_in_vain_is_silent(boot):
    assert {str(server) for server in boot.silent} <= {boot.asks}


def test_each_network_and_each_firmware_was_recorded():
    assert {boot.network for boot in BOOTS} == set("abcdefghi")
    assert {boot.firmware for boot in BOOTS} == {"edk2-pxe", "edk2-http", "ipxe"}

"""Real firmware boots a real kernel from a folder, on each kind of network.

Nothing is set but the folder: the router gives addresses and knows nothing of booting,
or names a boot file that nobody has, or there is none; the firmware is as its makers ship
it. Each test asks for the last thing that can only happen when all before it went well:
init's words on the serial line.
"""

from __future__ import annotations

import pytest

from firmware.image import TOKEN, words_of_init

pytestmark = [pytest.mark.firmware, pytest.mark.slow]


def told(machine, server):
    """Messages that named a boot file for the machine, and the files."""
    files = {"Offered": "file", "Leased": "detail"}
    return [
        (event["message"], event[files[event["event"]]])
        for event in server.events
        if event["event"] in files and event["mac"] == machine.mac
    ]


def test_bios_with_ipxe_in_the_network_card_boots(bios, server):
    assert TOKEN in words_of_init(bios, server)


def test_uefi_boots_by_pxe_over_ipv4(uefi_pxe, server):
    assert TOKEN in words_of_init(uefi_pxe, server)
    assert "ack" in [message for message, _ in told(uefi_pxe, server)]


def test_uefi_boots_by_http_over_ipv4(uefi_http, server):
    assert TOKEN in words_of_init(uefi_http, server)
    assert told(uefi_http, server)[0][1].startswith("http://")


def test_i_of_machines_that_boot_nothing_is_said(bios, uefi_pxe, uefi_http, server):
    """UEFI asks for each file's size first, iPXE waits before it loads anything."""
    for machine in (bios, uefi_pxe, uefi_http):
        assert TOKEN in words_of_init(machine, server)
    probed = {e["protocol"] for e in server.events if e["event"] == "Probed"}
    assert {"tftp", "http"} <= probed
    assert not [e for e in server.events if e["event"] == "BootStopped"]

"""What each model decides is what the real firmware did, in every recorded boot."""

import re

import pytest

from fastboot.firmware import edk2_http, edk2_pxe, ipxe
from fastboot.firmware.decision import (
    AskBootServer,
    LoadTftp,
    LoadUrl,
    RequestAddress,
    Stop,
)
from recorded.boots import BOOTS

MODELS = {"edk2-pxe": edk2_pxe, "edk2-http": edk2_http, "ipxe": ipxe}

BOOT = pytest.mark.parametrize("boot", BOOTS, ids=str)


def decided(boot):
    return MODELS[boot.firmware].decide(boot.heard, boot.silent)


def servers(decision, kind):
    return [str(step.server) for step in decision.steps if isinstance(step, kind)]


def url(load):
    match load:
        case LoadTftp(server, name):
            return f"tftp://{server}/{name}"
        case LoadUrl(found):
            return found
    return ""


def code(words):
    """What does not differ by version: the code, or iPXE's words without the link."""
    return re.sub(r" \(https?://ipxe.org/.*\)", "", words).partition(":")[0]


@BOOT
def test_the_address_is_taken_from_the_same_server(boot):
    assert servers(decided(boot), RequestAddress) == [boot.lease] * bool(boot.lease)


@BOOT
def test_the_same_server_is_asked_on_port_4011(boot):
    assert servers(decided(boot), AskBootServer) == [boot.asks] * bool(boot.asks)


@BOOT
def test_the_same_file_is_loaded(boot):
    assert url(decided(boot).load) == boot.loads


@BOOT
def test_the_screen_shows_the_same_where_it_gave_up_before_loading(boot):
    decision = decided(boot)
    assert (decision.stop is not None) == (not boot.loads)
    if not boot.loads:
        assert code(decision.screen) == code(boot.screen)
        assert decision.cause


@pytest.mark.parametrize(
    "boot",
    # There the file's server was up and nothing listened: ICMP, which EDK2 shows as E99.
    [
        boot
        for boot in BOOTS
        if boot.loads and boot.screen and "PXE-E99" not in boot.screen
    ],
    ids=str,
)
def test_the_screen_shows_the_same_where_the_file_did_not_come(boot):
    shown = MODELS[boot.firmware].SCREEN[Stop.TIMEOUT]
    assert re.sub(r" \(https?://.*", "", boot.screen) == shown

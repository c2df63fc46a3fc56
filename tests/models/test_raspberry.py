"""Raspberry Pis: whose offer they take, and where they load from."""

import pytest

from fastboot.dhcp.options import Code
from fastboot.firmware import raspberry
from fastboot.firmware.decision import Cause, LoadTftp, Stop, Trouble

from .offers import LEASE, NOW, OTHER, OURS, PI, PXE, named, proxy, router


def server_name(text):
    return (Code.TFTP_SERVER_NAME, text)


@pytest.mark.parametrize(
    "option",
    [
        server_name(b"192.168.1.20"),
        server_name(b"192.168.1.20\0"),
    ],
)
def test_it_loads_from_the_server_in_option_66(option):
    decision = raspberry.decide([router(), proxy(PXE, PI, option)])
    assert decision.steps == (LEASE, LoadTftp(OTHER, ""))


@pytest.mark.parametrize("option", [(), (server_name(b"boot.example"),)])
def test_it_loads_from_the_sender_otherwise_and_not_from_siaddr(option):
    decision = raspberry.decide([router(), proxy(PXE, PI, *option, siaddr=OTHER)])
    assert decision.load == LoadTftp(OURS, "")


def test_a_router_can_say_it_all():
    decision = raspberry.decide([router(PXE, PI, server_name(b"192.168.1.10"))])
    assert decision.load == LoadTftp(OURS, "")


def test_other_proxies_are_not_heeded():
    decision = raspberry.decide([router(), proxy(PXE, NOW, named(b"undionly.kpxe"))])
    assert decision.stop is Stop.NO_FILE
    assert decision.cause == Cause(
        Trouble.NO_RASPBERRY_MENU, OURS, Code.VENDOR_SPECIFIC
    )


def test_nobody_and_a_proxy_alone():
    assert raspberry.decide([]).stop is Stop.NO_OFFER
    assert raspberry.decide([proxy(PXE, PI)]).stop is Stop.NO_ADDRESS


def test_a_server_without_a_name_cannot_be_asked():
    decision = raspberry.decide([router(), proxy(PXE, PI, identifier=False)])
    assert decision.cause
    assert decision.cause.trouble is Trouble.NO_SERVER_NAME

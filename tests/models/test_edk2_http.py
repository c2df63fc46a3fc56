"""UEFI's HTTP boot: which offer is chosen."""

import pytest

from fastboot.dhcp.options import Code
from fastboot.firmware import edk2_http
from fastboot.firmware.decision import Cause, LoadUrl, Stop, Trouble

from .offers import (
    DNS,
    HTTP,
    LEASE,
    NOW,
    OTHER,
    OURS,
    PXE,
    ROUTER,
    named,
    proxy,
    router,
)

URL = b"http://192.168.1.10/ipxe.efi"
NAMED_URL = b"http://boot.example/ipxe.efi"


@pytest.mark.parametrize("lease", [router(), router(DNS)])
def test_a_proxy_names_a_url(lease):
    decision = edk2_http.decide([lease, proxy(HTTP, named(URL))])
    assert decision.steps == (LEASE, LoadUrl(URL.decode()))
    assert decision.cause is None


def test_the_file_field_holds_the_url():
    decision = edk2_http.decide([router(), proxy(HTTP, file=URL)])
    assert decision.load == LoadUrl(URL.decode())


def test_a_router_with_a_url_goes_before_a_proxy():
    heard = [router(HTTP, named(b"http://192.168.1.1/x.efi")), proxy(HTTP, named(URL))]
    decision = edk2_http.decide(heard)
    assert decision.load == LoadUrl("http://192.168.1.1/x.efi")
    assert decision.cause == Cause(
        Trouble.FILE_IN_LEASE, ROUTER, Code.BOOTFILE_NAME, "http://192.168.1.1/x.efi"
    )


def test_a_url_with_an_address_goes_before_one_with_a_name():
    heard = [
        router(DNS),
        proxy(HTTP, named(NAMED_URL), order=1),
        proxy(HTTP, named(URL), server=OTHER, order=2),
    ]
    assert edk2_http.decide(heard).load == LoadUrl(URL.decode())


def test_a_name_is_found_by_the_dns_server_of_the_lease():
    heard = [router(DNS), proxy(HTTP, named(NAMED_URL))]
    assert edk2_http.decide(heard).load == LoadUrl(NAMED_URL.decode())


def test_a_name_is_not_found_by_a_proxys_dns_server():
    decision = edk2_http.decide([router(), proxy(HTTP, DNS, named(NAMED_URL))])
    assert decision.stop is Stop.NO_FILE
    assert decision.cause == Cause(
        Trouble.NAME_WITHOUT_DNS,
        ROUTER,
        Code.DOMAIN_NAME_SERVER,
        NAMED_URL.decode(),
    )


def test_an_ipv6_literal_is_an_address():
    heard = [router(), proxy(HTTP, named(b"http://[fd00::2]/x.efi"))]
    assert edk2_http.decide(heard).load == LoadUrl("http://[fd00::2]/x.efi")


@pytest.mark.parametrize("name", [b"ipxe.efi", b"tftp://192.168.1.10/ipxe.efi", b""])
def test_what_is_no_url_is_dropped(name):
    decision = edk2_http.decide([router(), proxy(HTTP, named(name))])
    assert decision.stop is Stop.NO_FILE
    assert decision.cause
    assert decision.cause.trouble is Trouble.NOT_A_URL


def test_an_answer_to_pxe_is_no_answer_to_http_boot():
    decision = edk2_http.decide([router(), proxy(PXE, NOW, named(b"ipxe.efi"))])
    assert decision.stop is Stop.NO_FILE
    assert decision.cause == Cause(Trouble.PROXY_WITHOUT_CLASS, OURS, Code.VENDOR_CLASS)


def test_a_router_alone():
    decision = edk2_http.decide([router(DNS)])
    assert decision.stop is Stop.NO_FILE
    assert decision.cause == Cause(Trouble.NO_PROXY, ROUTER)


def test_nobody_and_a_proxy_alone():
    assert edk2_http.decide([]).stop is Stop.NO_OFFER
    alone = edk2_http.decide([proxy(HTTP, named(URL))])
    assert alone.stop is Stop.NO_ADDRESS
    assert alone.cause == Cause(Trouble.NO_DHCP)


def test_an_offer_that_is_too_long_is_named():
    decision = edk2_http.decide([router(), proxy(HTTP, named(URL), size=1500)])
    assert decision.cause
    assert decision.cause.trouble is Trouble.MALFORMED
    assert "1500 bytes" in decision.why

"""What machines are told over IPv6, and what the doctor makes of it."""

from contextlib import nullcontext
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dhcp.lan import inside
from dhcp.v6.lan import Lan
from fastboot.dhcp.v6.options import Association, Code, encode_vendor_class
from fastboot.dhcp.v6.packet import Kind, Message
from fastboot.doctor import ask_ipv6, local
from fastboot.doctor.ask_ipv6 import HEARD_MAX, URL_MAX, read
from fastboot.doctor.facts import Advertised, Facts
from fastboot.doctor.finding import Severity
from fastboot.doctor.machines import KINDS, USUAL
from fastboot.doctor.over_ipv6 import on_ipv6
from fastboot.errors import ListenError
from fastboot.interfaces import Interface
from firmware.network import Namespace
from peers import need

ROUTER, GIVEN = IPv6Address("fe80::1"), IPv6Address("fd77::100")
FILE = "tftp://[fd77::1]/ipxe.efi"


def offer(url=FILE, machine="uefi", address=GIVEN, vendor="", server=ROUTER):
    return Advertised("eth0", machine, server, address, vendor, url)


def found(*offers, folder="images", own=()):
    facts = Facts(folder, advertised=offers, own_ipv6=frozenset(own))
    return [(item.severity, item.what, item.cure) for item in on_ipv6(facts)]


def test_a_router_that_gives_addresses_alone_is_nothing_to_tell_of():
    assert found(offer(url="")) == []


def test_a_boot_file_of_another_server_gets_in_the_way():
    assert found(offer()) == [
        (
            Severity.WARNING,
            f"over IPv6 fe80::1 names {FILE}, not what fastboot offers",
            "remove option 59 (bootfile-url) on fe80::1",
        )
    ]


def test_a_boot_file_is_nothing_to_tell_of_where_we_serve_nothing_or_it_is_ours():
    assert found(offer(), folder="") == []
    assert found(offer(), own=[ROUTER]) == []


@pytest.mark.parametrize(
    ("url", "machine", "problem"),
    [
        ("http://[fd77::1]/x.efi", "uefi", "PXE takes tftp:// alone"),
        ("x.efi", "uefi", "PXE takes tftp:// alone"),
        ("tftp://boot/x.efi", "uefi", "PXE takes an address in brackets alone"),
        (FILE, "uefi-http", "HTTP boot takes http:// and https:// alone"),
    ],
)
def test_a_boot_file_that_firmware_cannot_load_is_told_of_with_the_reason(
    url, machine, problem
):
    ((severity, what, _),) = found(offer(url, machine), folder="")
    assert severity is Severity.WARNING
    assert problem in what


@pytest.mark.parametrize(("vendor", "told"), [("PXEClient", 0), ("HTTPClient", 1)])
def test_a_proxy_has_to_say_what_it_is(vendor, told):
    router = offer(url="")
    proxy = offer(address=None, vendor=vendor, server=IPv6Address("fe80::2"))
    assert len(found(router, proxy, folder="")) == told


def test_that_nobody_gives_addresses_is_well_to_know():
    ((severity, what, _),) = found(offer(url="", address=None))
    assert severity is Severity.NOTE
    assert "nobody gives machines an address" in what


# What is heard


def advertise(*options, xid=7, kind=Kind.ADVERTISE):
    held = (Code.IA_NA, Association(1, (GIVEN,)).encode())
    return Message(kind, xid, (held, *options)).encode()


def test_an_offer_is_read():
    data = advertise(
        (Code.VENDOR_CLASS, encode_vendor_class(b"PXEClient")),
        (Code.BOOTFILE_URL, FILE.encode()),
    )
    assert read(data, "uefi", 7, "eth0", "fe80::1") == offer(vendor="PXEClient")


@pytest.mark.parametrize(
    "data",
    [
        advertise(xid=8),
        advertise(kind=Kind.REPLY),
        advertise((Code.VENDOR_CLASS, b"\0")),
        b"\x0d" + bytes(33),
        b"",
    ],
    ids=["to others", "no offer", "garbage", "relay", "nothing"],
)
def test_anything_else_is_none(data):
    assert read(data, "uefi", 7, "eth0", "fe80::1") is None


@given(st.binary(max_size=400))
def test_D2_no_datagram_does_harm(data):
    read(data, "uefi", 7, "eth0", "fe80::1")


def test_D2_a_long_url_is_cut():
    data = advertise((Code.BOOTFILE_URL, b"tftp://" + b"\xff" * 5000))
    assert len(read(data, "uefi", 7, "eth0", "fe80::1").url) == URL_MAX


@pytest.mark.parametrize(
    ("addresses", "kinds"),
    [((), USUAL), (("fe80::7",), USUAL), (("fd77::2",), [KINDS["bios"]])],
)
def test_nobody_is_asked_without_an_address_or_a_uefi(addresses, kinds):
    six = tuple(map(IPv6Address, addresses))
    assert ask_ipv6.listen(Interface("lo", 1, ipv6=six), kinds, 5.0) == ()


def test_where_a_client_has_the_port_nothing_is_told(monkeypatch):
    def taken(*_, **__):
        raise ListenError("taken")

    monkeypatch.setattr(ask_ipv6, "udp", taken)
    card = Interface("lo", 1, ipv6=(GIVEN,))
    assert ask_ipv6.listen(card, USUAL, 5.0) == ()


def test_who_floods_is_heard_for_a_while(monkeypatch):
    def flood(asking, ask, take, times):
        for number in range(2 * HEARD_MAX):
            url = b"tftp://[fd77::%x]/x" % number
            take(advertise((Code.BOOTFILE_URL, url)), "lo", "fe80::1")

    monkeypatch.setattr(ask_ipv6, "hear", flood)
    monkeypatch.setattr(ask_ipv6.secrets, "randbits", lambda bits: 7)
    monkeypatch.setattr(ask_ipv6, "udp", lambda *_, **__: nullcontext())
    card = Interface("lo", 1, ipv6=(GIVEN,))
    assert len(ask_ipv6.listen(card, USUAL, 5.0)) == HEARD_MAX


def test_a_router_with_a_boot_file_of_its_own_is_found():
    need("ip")
    url = "--dhcp-option=option6:bootfile-url,tftp://[fd77::1]/own.efi"
    with Namespace() as ours, Namespace() as router:
        lan = Lan(ours, router)
        ours.ip("address", "add", "192.0.2.2/24", "dev", "eth0")
        with lan.routing(url), inside(ours):
            (card,) = local.cards(["eth0"])
            heard = ask_ipv6.listen(card, USUAL, 1.5)
    assert {item.machine for item in heard} == {"uefi", "uefi-http"}
    assert {item.url for item in heard} == {"tftp://[fd77::1]/own.efi"}
    assert all(str(item.address).startswith("fd77::1") for item in heard)

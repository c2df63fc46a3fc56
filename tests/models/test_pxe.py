"""UEFI's PXE boot and BIOS ROMs: which offer is chosen, by EDK2's rules 1 to 7."""

from ipaddress import IPv4Address

import pytest

from fastboot.dhcp.options import Code
from fastboot.firmware import edk2_pxe, rom
from fastboot.firmware.decision import (
    AskBootServer,
    Cause,
    LoadTftp,
    RequestAddress,
    ShowMenu,
    Stop,
    Trouble,
)

from .offers import (
    LEASE,
    LEASED,
    MENU,
    NOBODY,
    NOW,
    OTHER,
    OURS,
    PXE,
    ROUTER,
    UNASKED,
    boot_server,
    named,
    proxy,
    router,
)

both = pytest.mark.parametrize("firmware", [edk2_pxe, rom], ids=["uefi", "bios"])


@both
def test_nobody_answers(firmware):
    decision = firmware.decide([])
    assert decision.steps == ()
    assert decision.stop is Stop.NO_OFFER
    assert decision.screen == firmware.SCREEN[Stop.NO_OFFER]
    assert decision.cause == Cause(Trouble.NO_ANSWER)


@both
def test_a_proxy_alone_gives_no_address(firmware):
    decision = firmware.decide([proxy(PXE, NOW, named(b"ipxe.efi"))])
    assert decision.stop is Stop.NO_ADDRESS
    assert decision.cause == Cause(Trouble.NO_DHCP)
    assert decision.why.startswith("192.168.1.10 answers, and no DHCP server gives")


@both
def test_a_router_alone_names_no_file(firmware):
    decision = firmware.decide([router()])
    assert decision.stop is Stop.NO_FILE
    assert decision.cause == Cause(Trouble.NO_PROXY, ROUTER)
    assert decision.steps == ()


@both
def test_a_router_alone_names_a_file(firmware):
    decision = firmware.decide([router(named(b"own.efi"), siaddr=OTHER)])
    assert decision.steps == (LEASE, LoadTftp(OTHER, "own.efi"))
    assert decision.stop is None
    assert decision.cause == Cause(
        Trouble.FILE_IN_LEASE, ROUTER, Code.BOOTFILE_NAME, "own.efi"
    )


@both
def test_option_67_goes_before_the_field(firmware):
    heard = router(named(b"option.efi"), file=b"field.efi", siaddr=ROUTER)
    assert firmware.decide([heard]).load == LoadTftp(ROUTER, "option.efi")


@both
def test_a_server_without_siaddr_is_known_by_option_54(firmware):
    assert firmware.decide([router(file=b"field.efi")]).load == LoadTftp(
        ROUTER, "field.efi"
    )


@both
def test_a_proxy_that_says_what_to_load_is_believed_at_once(firmware):
    heard = [router(), proxy(PXE, NOW, named(b"ipxe.efi"))]
    decision = firmware.decide(heard)
    assert decision.steps == (LEASE, LoadTftp(OURS, "ipxe.efi"))
    assert decision.cause is None


@both
def test_a_proxy_goes_before_the_file_of_a_router(firmware):
    lease = router(named(b"own.efi"), siaddr=ROUTER)
    heard = [lease, proxy(PXE, NOW, named(b"ipxe.efi"))]
    assert firmware.decide(heard).load == LoadTftp(OURS, "ipxe.efi")


@both
def test_a_proxy_without_option_43_is_asked(firmware):
    decision = firmware.decide([router(), proxy(PXE)])
    assert decision.steps == (LEASE, AskBootServer(OURS))
    assert decision.stop is None
    assert decision.load is None
    assert "ask it on port 4011" in decision.why


@both
def test_the_boot_server_answers(firmware):
    heard = [router(), proxy(PXE), boot_server(PXE, named(b"ipxe.efi"))]
    decision = firmware.decide(heard)
    assert decision.steps == (LEASE, AskBootServer(OURS), LoadTftp(OURS, "ipxe.efi"))
    assert decision.cause is None


@both
def test_the_boot_server_is_silent(firmware):
    decision = firmware.decide([router(), proxy(PXE)], silent=[OURS])
    assert decision.steps == (LEASE, AskBootServer(OURS))
    assert decision.stop is Stop.NO_BOOT_SERVER
    assert decision.cause == Cause(Trouble.BOOT_SERVER_SILENT, OURS)
    assert decision.screen == firmware.SCREEN[Stop.NO_BOOT_SERVER]


@both
def test_a_silent_boot_server_is_fatal_though_the_router_names_a_file(firmware):
    heard = [router(named(b"own.efi"), siaddr=ROUTER), proxy(PXE)]
    assert firmware.decide(heard, silent=[OURS]).stop is Stop.NO_BOOT_SERVER


@both
def test_the_boot_server_names_nothing(firmware):
    decision = firmware.decide([router(), proxy(PXE), boot_server(PXE)])
    assert decision.stop is Stop.NO_BOOT_SERVER
    assert decision.cause == Cause(Trouble.BOOT_SERVER_EMPTY, OURS, Code.BOOTFILE_NAME)


@both
def test_proxies_are_asked_one_after_the_other(firmware):
    heard = [
        router(),
        proxy(PXE, server=OTHER, order=1),
        proxy(PXE, server=OURS, order=2),
        boot_server(PXE, named(b"ipxe.efi"), order=3),
    ]
    decision = firmware.decide(heard, silent=[OTHER])
    assert decision.steps == (
        LEASE,
        AskBootServer(OTHER),
        AskBootServer(OURS),
        LoadTftp(OURS, "ipxe.efi"),
    )


@both
def test_of_two_proxies_that_are_direct_the_first_is_taken(firmware):
    heard = [
        router(),
        proxy(PXE, NOW, named(b"second"), server=OTHER, order=2),
        proxy(PXE, NOW, named(b"first"), order=1),
    ]
    assert firmware.decide(heard).load == LoadTftp(OURS, "first")


@both
def test_a_direct_proxy_goes_before_one_that_wants_to_be_asked(firmware):
    heard = [
        router(),
        proxy(PXE, order=1),
        proxy(PXE, NOW, named(b"direct"), server=OTHER, order=2),
    ]
    assert firmware.decide(heard).load == LoadTftp(OTHER, "direct")


@both
def test_a_router_with_option_60_alone_keeps_clients_from_proxies(firmware):
    decision = firmware.decide([router(PXE), proxy(PXE)], silent=[ROUTER])
    assert decision.steps == (LEASE, AskBootServer(ROUTER))
    assert decision.stop is Stop.NO_BOOT_SERVER
    assert decision.cause == Cause(Trouble.CLASS_ALONE, ROUTER, Code.VENDOR_CLASS)
    assert decision.why == (
        f"192.168.1.1 sends option 60 without 43, so "
        f"{'this UEFI' if firmware is edk2_pxe else 'this BIOS'} asks it on port 4011 "
        "and ignores every proxy, where nobody answers"
    )


@both
def test_a_router_with_option_60_sends_clients_to_its_siaddr(firmware):
    heard = [router(PXE, siaddr=OURS), boot_server(PXE, named(b"ipxe.efi"))]
    decision = firmware.decide(heard)
    assert decision.steps == (LEASE, AskBootServer(OURS), LoadTftp(OURS, "ipxe.efi"))


@both
def test_a_plain_router_beside_one_with_option_60_does_not_help(firmware):
    heard = [router(order=0), router(PXE, server=OTHER, order=1), proxy(PXE, order=2)]
    decision = firmware.decide(heard)
    assert decision.steps == (RequestAddress(OTHER, LEASED), AskBootServer(OTHER))


@both
def test_a_direct_proxy_helps_where_one_router_is_plain(firmware):
    heard = [
        router(order=0),
        router(PXE, server=OTHER, order=1),
        proxy(PXE, NOW, named(b"ipxe.efi"), order=2),
    ]
    assert firmware.decide(heard).load == LoadTftp(OURS, "ipxe.efi")


@both
def test_a_router_that_boots_by_itself_goes_before_everything(firmware):
    lease = router(PXE, NOW, named(b"own.efi"), siaddr=ROUTER)
    decision = firmware.decide([lease, proxy(PXE, NOW, named(b"ipxe.efi"))])
    assert decision.steps == (LEASE, LoadTftp(ROUTER, "own.efi"))
    assert decision.cause == Cause(Trouble.CLASS_IN_LEASE, ROUTER, Code.VENDOR_CLASS)


@both
@pytest.mark.parametrize("more", [(), (named(b"ipxe.efi"),)])
def test_option_43_without_boot_now_shows_a_menu(firmware, more):
    decision = firmware.decide([router(), proxy(PXE, MENU, *more)])
    assert decision.steps == (LEASE, ShowMenu(OURS))


@both
def test_the_list_of_boot_servers_goes_before_siaddr(firmware):
    servers = (
        Code.VENDOR_SPECIFIC,
        b"\x06\x01\x08"  # load the named file at once
        b"\x08\x07\x80\x00\x01" + OTHER.packed + b"\xff",  # type, one address
    )
    heard = [router(), proxy(PXE, servers, named(b"ipxe.efi"))]
    assert firmware.decide(heard).load == LoadTftp(OTHER, "ipxe.efi")


@both
def test_a_proxy_without_option_60_is_worse_than_none(firmware):
    heard = [router(), proxy(named(b"ipxe.efi"))]
    decision = firmware.decide(heard)
    assert decision.stop is Stop.NO_FILE
    assert decision.cause == Cause(Trouble.PROXY_WITHOUT_CLASS, OURS, Code.VENDOR_CLASS)


@both
def test_a_url_is_asked_for_by_tftp(firmware):
    url = b"http://192.168.1.10/boot.ipxe"
    decision = firmware.decide([router(), proxy(PXE, NOW, named(url))])
    assert decision.load == LoadTftp(OURS, url.decode())
    assert decision.cause
    assert decision.cause.trouble is Trouble.URL_BY_TFTP


@both
def test_a_name_that_is_no_text_is_asked_for_as_it_is_and_shown_escaped(firmware):
    decision = firmware.decide([router(), proxy(PXE, NOW, named(b"a\x1b\xff"))])
    assert isinstance(decision.load, LoadTftp)
    assert decision.load.name.encode("utf-8", "surrogateescape") == b"a\x1b\xff"
    assert decision.why.isprintable()


@pytest.mark.parametrize(
    ("changes", "option", "reason"),
    [
        ({"size": 1473}, None, "1473 bytes"),
        ({"identifier": False}, None, "option 54"),
        ({}, (Code.LEASE_TIME, b"\0\0\1"), "option 51 has 3 bytes"),
        ({}, (Code.ROUTER, b"\0" * 5), "option 3 has 5 bytes"),
        ({}, (Code.BOOTFILE_NAME, b""), "option 67 has 0 bytes"),
    ],
)
def test_a_uefi_drops_an_offer_that_is_malformed(changes, option, reason):
    options = (option,) if option else ()
    decision = edk2_pxe.decide([router(*options, **changes)])
    assert decision.stop is Stop.NO_OFFER
    assert decision.cause
    assert decision.cause.trouble is Trouble.MALFORMED
    assert reason in decision.why


def test_a_long_option_that_came_in_parts_is_no_reason_to_drop():
    heard = [router((Code.DOMAIN_NAME, b"d" * 300)), proxy(PXE)]
    assert edk2_pxe.decide(heard).steps == (LEASE, AskBootServer(OURS))


def test_a_uefi_keeps_sixteen_offers():
    many = [
        router(server=IPv4Address(f"10.0.0.{n}"), order=n, yiaddr=LEASED)
        for n in range(1, 17)
    ]
    late = proxy(PXE, NOW, named(b"ipxe.efi"), order=99)
    assert edk2_pxe.decide([*many[:15], late]).load == LoadTftp(OURS, "ipxe.efi")
    assert edk2_pxe.decide([*many, late]).stop is Stop.NO_FILE


def test_an_answer_of_another_server_from_port_4011_does_not_count():
    heard = [router(), proxy(PXE), boot_server(PXE, named(b"x"), server=OTHER)]
    assert edk2_pxe.decide(heard).steps == (LEASE, AskBootServer(OURS))


def test_what_screens_show():
    shown = {stop: edk2_pxe.SCREEN[stop].split(":")[0] for stop in Stop}
    assert shown == {
        Stop.NO_OFFER: "PXE-E18",
        Stop.NO_ADDRESS: "PXE-E16",
        Stop.NO_FILE: "PXE-E16",
        Stop.NO_BOOT_SERVER: "PXE-E16",
        Stop.TIMEOUT: "PXE-E18",
        Stop.NOT_FOUND: "PXE-E23",
    }
    assert rom.SCREEN[Stop.NO_FILE].startswith("PXE-E53")
    assert rom.SCREEN[Stop.TIMEOUT].startswith("PXE-E32")


def test_a_zero_siaddr_of_a_binl_router_is_itself():
    decision = edk2_pxe.decide([router(PXE, siaddr=NOBODY)])
    assert decision.steps == (LEASE, AskBootServer(ROUTER))


@both
def test_the_first_item_of_a_menu_is_asked_for_where_nobody_is_to_be_asked(firmware):
    heard = [router(), proxy(PXE, UNASKED, server=OTHER)]
    decision = firmware.decide(heard)
    assert decision.steps == (LEASE, AskBootServer(OURS))
    answered = [*heard, boot_server(PXE, named(b"item.0"))]
    assert firmware.decide(answered).load == LoadTftp(OURS, "item.0")
    decision = firmware.decide(heard, silent=[OURS])
    assert decision.stop is Stop.NO_BOOT_SERVER
    assert decision.cause == Cause(Trouble.BOOT_SERVER_SILENT, OURS)


@both
@pytest.mark.parametrize(
    "value",
    [
        b"\x06\x05\x08",  # a sub-option that overruns the option
        b"\x06\x00\xff",  # discovery control without its byte
    ],
)
def test_an_option_43_that_is_malformed_says_nothing(firmware, value):
    odd = proxy(PXE, (Code.VENDOR_SPECIFIC, value), named(b"ipxe.efi"))
    decision = firmware.decide([router(), odd])
    assert not isinstance(decision.steps[-1], LoadTftp)


@both
def test_a_list_without_boot_servers_leaves_siaddr(firmware):
    servers = (
        Code.VENDOR_SPECIFIC,
        (
            b"\x06\x01\x08"  # load the named file at once
            b"\x08\x07\x80\x00\x00\x00\x00\x00\x00\xff"
        ),  # a type, and no address
    )
    heard = [router(), proxy(PXE, servers, named(b"ipxe.efi"))]
    assert firmware.decide(heard).load == LoadTftp(OURS, "ipxe.efi")


@both
def test_the_boot_server_shows_a_menu(firmware):
    heard = [router(), proxy(PXE), boot_server(PXE, MENU)]
    assert firmware.decide(heard).steps == (LEASE, AskBootServer(OURS), ShowMenu(OURS))


def test_several_servers_give_and_do_not_answer():
    two = [router(), router(server=OTHER, order=1)]
    assert edk2_pxe.decide(two).why == (
        "192.168.1.1 and 192.168.1.20 give addresses, and nobody names a boot file"
    )
    heard = [router(), proxy(PXE), proxy(PXE, server=OTHER, order=2)]
    assert edk2_pxe.decide(heard, silent=[OURS, OTHER]).why.startswith(
        "192.168.1.10 and 192.168.1.20 do not answer on port 4011"
    )

"""iPXE: what it makes of offers, in the order in which they came."""

import pytest

from fastboot.dhcp.options import Code
from fastboot.dhcp.pxe import IPXE_PRIORITY
from fastboot.firmware import ipxe
from fastboot.firmware.decision import (
    AskBootServer,
    Cause,
    LoadTftp,
    LoadUrl,
    ShowMenu,
    Stop,
    Trouble,
)

from .offers import (
    LEASE,
    MENU,
    NOBODY,
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

SCRIPT = b"http://192.168.1.10/boot.ipxe"
FIRST = (Code.IPXE, IPXE_PRIORITY)  # 01 01 01 ff: priority 1
LAST = (Code.IPXE, b"\x01\x01\xff")  # priority -1
NO_PROXY = (Code.IPXE, b"\xb0\x01\x01")  # wait for no proxy


def test_a_proxy_names_a_script():
    decision = ipxe.decide([router(), proxy(PXE, file=SCRIPT)])
    assert decision.steps == (LEASE, LoadUrl(SCRIPT.decode()))
    assert decision.cause is None


def test_the_field_goes_before_option_67():
    heard = [router(), proxy(PXE, named(b"option"), file=b"field")]
    assert ipxe.decide(heard).load == LoadTftp(OURS, "field")


def test_a_proxy_whose_siaddr_is_empty_is_asked_on_port_4011():
    decision = ipxe.decide([router(), proxy(PXE, file=SCRIPT, siaddr=NOBODY)])
    assert decision.steps == (LEASE, AskBootServer(OURS))
    assert "leaves siaddr empty" in decision.why


def test_the_boot_server_answers():
    heard = [router(), proxy(PXE), boot_server(PXE, file=b"boot.ipxe")]
    assert ipxe.decide(heard).steps == (
        LEASE,
        AskBootServer(OURS),
        LoadTftp(OURS, "boot.ipxe"),
    )


def test_a_silent_boot_server_is_not_fatal_where_the_router_names_a_file():
    heard = [router(file=b"own", siaddr=ROUTER), proxy(PXE)]
    decision = ipxe.decide(heard, silent=[OURS])
    assert decision.load == LoadTftp(ROUTER, "own")


@pytest.mark.parametrize(
    ("offered", "trouble"),
    [
        (proxy(PXE), Trouble.BOOT_SERVER_SILENT),
        (proxy(PXE, file=SCRIPT, siaddr=NOBODY), Trouble.PROXY_WITHOUT_SERVER),
    ],
)
def test_a_silent_boot_server_leaves_nothing_to_boot(offered, trouble):
    decision = ipxe.decide([router(), offered], silent=[OURS])
    assert decision.stop is Stop.NO_BOOT_SERVER
    assert decision.cause == Cause(trouble, OURS)


def test_a_routers_file_goes_before_a_proxys_of_equal_priority():
    heard = [router(file=b"own", siaddr=ROUTER), proxy(PXE, file=SCRIPT)]
    decision = ipxe.decide(heard)
    assert decision.load == LoadTftp(ROUTER, "own")
    assert decision.cause == Cause(Trouble.FILE_IN_LEASE, ROUTER, None, "own")
    assert "heeds before what the proxy 192.168.1.10 names" in decision.why


def test_a_proxy_of_higher_priority_goes_before_the_router():
    heard = [router(file=b"own", siaddr=ROUTER), proxy(PXE, FIRST, file=SCRIPT)]
    assert ipxe.decide(heard).load == LoadUrl(SCRIPT.decode())


def test_an_offer_of_negative_priority_is_not_taken():
    assert ipxe.decide([router(), proxy(PXE, LAST, file=SCRIPT)]).stop is Stop.NO_FILE


def test_it_stops_listening_once_it_has_an_address_and_a_proxy():
    late = proxy(PXE, FIRST, file=b"late", server=OTHER, order=9)
    heard = [router(order=0), proxy(PXE, file=SCRIPT, order=1), late]
    assert ipxe.decide(heard).load == LoadUrl(SCRIPT.decode())


def test_of_two_proxies_before_the_address_the_later_is_taken():
    heard = [
        proxy(PXE, file=b"early", server=OTHER, order=0),
        proxy(PXE, file=b"late", order=1),
        router(order=2),
    ]
    assert ipxe.decide(heard).load == LoadTftp(OURS, "late")


def test_a_router_can_forbid_to_wait_for_a_proxy():
    heard = [router(NO_PROXY, file=b"own", siaddr=ROUTER), proxy(PXE, file=SCRIPT)]
    assert ipxe.decide(heard).load == LoadTftp(ROUTER, "own")


def test_a_router_that_says_pxe_client_is_its_own_proxy():
    heard = [router(PXE, file=b"own", siaddr=ROUTER), proxy(PXE, file=SCRIPT)]
    decision = ipxe.decide(heard)
    assert decision.load == LoadTftp(ROUTER, "own")
    assert decision.cause == Cause(Trouble.CLASS_IN_LEASE, ROUTER, Code.VENDOR_CLASS)


def test_a_router_that_says_no_more_than_pxe_client_is_asked_on_port_4011():
    decision = ipxe.decide([router(PXE), proxy(PXE, file=SCRIPT)], silent=[ROUTER])
    assert decision.steps == (LEASE, AskBootServer(ROUTER))
    assert decision.stop is Stop.NO_BOOT_SERVER
    assert decision.cause == Cause(Trouble.CLASS_ALONE, ROUTER, Code.VENDOR_CLASS)


def test_an_offer_from_another_port_than_67_gives_no_address():
    odd = router()
    odd = type(odd)(odd.packet, odd.source, odd.order, port=1067)
    assert ipxe.decide([odd]).stop is Stop.NO_ADDRESS


def test_a_menu_is_shown():
    decision = ipxe.decide([router(), proxy(PXE, MENU)])
    assert decision.steps == (LEASE, ShowMenu(OURS))


def test_the_first_item_of_a_menu_is_asked_for_where_nobody_is_to_be_asked():
    heard = [router(), proxy(PXE, UNASKED, server=OTHER)]
    assert ipxe.decide(heard).steps == (LEASE, AskBootServer(OURS))
    answered = [*heard, boot_server(PXE, file=b"item.0")]
    assert ipxe.decide(answered).load == LoadTftp(OURS, "item.0")
    decision = ipxe.decide(heard, silent=[OURS])
    assert decision.stop is Stop.NO_BOOT_SERVER
    empty = ipxe.decide([*heard, boot_server(PXE)])
    assert empty.cause == Cause(Trouble.BOOT_SERVER_EMPTY, OURS)


def test_a_file_without_a_server_cannot_be_loaded():
    decision = ipxe.decide([router(file=b"own")])
    assert decision.stop is Stop.NO_FILE
    assert decision.cause == Cause(Trouble.NO_SERVER_NAME, ROUTER)
    assert decision.screen == "Operation not supported (https://ipxe.org/3c092003)"


def test_the_server_is_that_of_the_message_that_names_the_file():
    heard = [router(siaddr=ROUTER), proxy(PXE, file=b"boot.ipxe")]
    assert ipxe.decide(heard).load == LoadTftp(OURS, "boot.ipxe")


def test_a_disk_in_option_17_is_booted():
    heard = router((ipxe.ROOT_PATH, b"iscsi:192.168.1.5::::iqn.2020-01.example:disk"))
    assert ipxe.decide([heard]).load == LoadUrl(
        "iscsi:192.168.1.5::::iqn.2020-01.example:disk"
    )


def test_nobody_a_router_alone_and_a_proxy_alone():
    assert ipxe.decide([]).stop is Stop.NO_OFFER
    assert ipxe.decide([router()]).cause == Cause(Trouble.NO_PROXY, ROUTER)
    assert ipxe.decide([proxy(PXE, file=SCRIPT)]).stop is Stop.NO_ADDRESS


@pytest.mark.parametrize("value", [b"\x01", b"\x01\x05\x00", b"", b"\x01\x00"])
def test_a_malformed_option_175_counts_as_none(value):
    heard = [router(), proxy(PXE, (Code.IPXE, value), file=SCRIPT)]
    assert ipxe.decide(heard).load == LoadUrl(SCRIPT.decode())


def test_a_proxy_without_option_54_is_known_by_siaddr_else_by_where_it_came_from():
    at = proxy(PXE, identifier=False, siaddr=OTHER)
    assert ipxe.decide([router(), at]).steps == (LEASE, AskBootServer(OTHER))
    bare = proxy(PXE, identifier=False, siaddr=NOBODY)
    assert ipxe.decide([router(), bare]).steps == (LEASE, AskBootServer(OURS))

"""Why a machine stopped, as our side of the network sees it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot import events
from fastboot.timeline.diagnosis import (
    FILE_PATIENCE,
    IPXE_PATIENCE,
    OFFER_PATIENCE,
    diagnose,
)
from fastboot.timeline.steps import Kind, Offer, Step

from .history import HERE, ROUTER, URL, History


def asked_twice(history, file="ipxe.efi", **offer):
    """It asked, heard us and maybe the router, and came back asking."""
    for _ in range(2):
        history.asks()
        history.is_offered(file)
        if offer:
            history.hears_of(**offer)
        history.wait(8.0)
    history.wait(IPXE_PATIENCE)
    return history.diagnosis


def test_a_router_that_says_PXEClient_without_43_is_named_with_the_cure():
    found = asked_twice(History(), vendor="PXEClient")
    assert found.stage == "offer"
    assert found.code == "PXE-E16"
    assert f"{ROUTER} sends option 60 (PXEClient) without 43" in found.sentence
    assert found.cure == f"remove option 60 on {ROUTER}"


def test_a_router_that_sends_machines_to_us_is_not_to_blame():
    found = asked_twice(History(), vendor="PXEClient", next_server=HERE)
    assert "option 60" not in found.sentence


def test_b_nobody_gives_addresses():
    found = asked_twice(History())
    assert (found.stage, found.code) == ("address", "PXE-E16")
    assert "nobody was heard to give it an address" in found.sentence
    assert "--dhcp server" in found.cure


def test_b_a_rom_shows_another_code():
    found = asked_twice(History(arch="BIOS"), file="undionly.kpxe")
    assert (found.stage, found.code) == ("address", "PXE-E52")


def test_b_who_cannot_hear_others_does_not_say_that_there_are_none():
    found = asked_twice(History(hears=False))
    assert found.stage == "boot server"
    assert "perhaps nobody gave it an address" in found.sentence


def test_c_port_4011_is_blocked():
    found = asked_twice(History(), vendor="")
    assert (found.stage, found.code) == ("boot server", "PXE-E16")
    assert f"never asked {HERE} for it on UDP port 4011" in found.sentence
    assert "4011" in found.cure


def test_d_the_ports_that_files_come_from_are_blocked():
    history = History()
    history.asks()
    history.is_offered()
    history.hears_of()
    history.wait(5.0)
    history.asks_boot_server()
    history.wait(9.0)
    history.loses()
    history.wait(FILE_PATIENCE)
    found = history.diagnosis
    assert (found.stage, found.code) == ("boot program", "PXE-E18")
    assert "firewall or NAT" in found.sentence
    assert "--tftp-ports single" in found.cure


def test_d_what_was_lost_twice_need_not_be_waited_for():
    history = History()
    history.asks()
    history.is_offered()
    history.asks_boot_server()
    for _ in range(2):
        history.loses()
        history.wait(FILE_PATIENCE / 2)
    assert history.diagnosis.stage == "boot program"


def test_port_69_is_blocked():
    history = History()
    history.asks()
    history.is_offered()
    history.asks_boot_server()
    history.wait(OFFER_PATIENCE)
    found = history.diagnosis
    assert found.stage == "boot program"
    assert found.sentence == (
        f"it was told to load ipxe.efi from {HERE}, and no request came"
    )
    assert "UDP port 69" in found.cure


def test_e_there_is_no_program_for_its_architecture():
    history = History(arch="UEFI ARM64")
    history.asks()
    reason = "no boot program for UEFI ARM64; put ipxe-arm64.efi into images"
    history.timeline(events.Unbootable(history.mac, history.arch, reason))
    found = history.diagnosis
    assert (found.stage, found.code) == ("boot program", "PXE-E16")
    assert found.sentence == reason
    assert found.told  # when it happened


def test_f_another_proxy_answers_too():
    history = History()
    for _ in range(2):
        history.asks()
        history.is_offered()
        history.hears_of()
        history.hears_of("192.0.2.3", "", "PXEClient", file="other.efi", boots=True)
        history.wait(8.0)
    history.wait(OFFER_PATIENCE)
    found = history.diagnosis
    assert found.stage == "offer"
    assert "192.0.2.3 answers boot clients too with other.efi" in found.sentence
    assert "switch the boot service of 192.0.2.3 off" in found.cure


@pytest.mark.parametrize(
    ("firmware", "code"),
    [("iPXE", "Connection timed out"), ("PXE", "PXE-E99"), ("HTTP boot", "")],
)
def test_f_what_shows_beside_another_proxy_depends_on_the_firmware(firmware, code):
    history = History(firmware=firmware)
    history.asks()
    history.is_offered()
    history.hears_of()
    history.hears_of("192.0.2.4", "", "PXEClient")
    history.wait(IPXE_PATIENCE)
    assert code in history.diagnosis.code


@pytest.mark.parametrize(
    ("firmware", "stage"), [("HTTP boot", "boot program"), ("iPXE", "script")]
)
def test_g_the_url_is_out_of_reach(firmware, stage):
    found = asked_twice(History(firmware=firmware), file=URL, vendor="")
    assert found.stage == stage
    assert found.sentence == f"it was told to load {URL}, and no request came"
    assert f"TCP to {HERE}" in found.cure


def test_h_a_router_names_a_boot_file_of_its_own():
    history = History(arch="BIOS")
    for _ in range(2):
        history.asks()
        history.is_offered("undionly.kpxe")
        history.hears_of(file="pxelinux.0")
        history.wait(8.0)
    history.wait(OFFER_PATIENCE)
    found = history.diagnosis
    assert "names a boot file of its own, pxelinux.0" in found.sentence
    assert f"on {ROUTER}" in found.cure


def test_i_the_size_alone_is_nothing_wrong():
    history = History()
    history.asks()
    history.is_offered()
    history.asks_boot_server()
    history.probes()
    history.wait(300.0)
    assert history.diagnosis is None


def test_a_machine_that_got_its_files_is_well():
    history = History()
    history.asks()
    history.is_offered()
    history.asks_boot_server()
    history.probes()
    history.gets()
    history.wait(3600.0)
    assert history.diagnosis is None


def test_a_file_that_is_not_there_stops_it_only_if_nothing_follows():
    history = History()
    history.asks("iPXE")
    history.is_offered(URL)
    history.hears_of()
    history.is_refused("autoexec.ipxe", "http")
    history.gets("boot.ipxe", "http")
    history.wait(FILE_PATIENCE)
    assert history.diagnosis is None
    history.is_refused("debian/linux", "http")
    assert history.diagnosis is None  # too early to say
    history.wait(FILE_PATIENCE)
    found = history.diagnosis
    assert found.stage == "kernel"
    assert found.sentence == (
        "it asked for debian/linux, which it does not get: no such file"
    )


def test_a_machine_that_is_told_nothing_on_purpose_is_no_news():
    history = History()
    history.asks(silence="not on the list of machines to boot")
    history.wait(60.0)
    found = history.diagnosis
    assert "not on the list" in found.sentence
    assert found.told


def test_that_it_takes_an_address_elsewhere_puts_nothing_off():
    history = History()
    history.asks()
    history.is_offered()
    history.wait(OFFER_PATIENCE - 2)
    history.hears_of()
    history.wait(2.0)
    assert history.diagnosis.stage == "boot server"


def test_it_is_too_early_to_say_while_ipxe_looks_for_a_router_of_IPv6():
    history = History(firmware="iPXE")
    history.asks()
    history.is_offered(URL)
    history.hears_of()
    history.wait(27.0)  # the longest that was recorded
    assert history.diagnosis is None
    history.wait(IPXE_PATIENCE)
    assert history.diagnosis.stage == "script"


def test_it_is_too_early_to_say_while_the_firmware_still_listens():
    history = History()
    history.asks()
    history.is_offered()
    history.wait(OFFER_PATIENCE - 1)
    assert history.diagnosis is None


offers = st.builds(
    Offer,
    server=st.sampled_from(["192.0.2.1", "192.0.2.3"]),
    address=st.sampled_from(["", "192.0.2.9"]),
    vendor=st.sampled_from(["", "PXEClient", "HTTPClient", "PXEClie"]),
    boots=st.booleans(),
    next_server=st.sampled_from(["", "192.0.2.2", "192.0.2.1"]),
    file=st.text(max_size=8),
    ours=st.just("192.0.2.2"),
)
steps = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(Kind),
        at=st.floats(0, 100),
        last=st.floats(100, 200),
        count=st.integers(1, 3),
        text=st.sampled_from(["", "ipxe.efi", URL, "http:", "https://", "BIOS"]),
        note=st.sampled_from(["", "PXE", "iPXE", "HTTP boot", "192.0.2.2"]),
        protocol=st.sampled_from(["dhcp", "tftp", "http"]),
        offer=st.none() | offers,
    ),
    max_size=8,
)


@given(steps, st.floats(0, 1e6), st.booleans())
def test_any_steps_have_an_answer(steps, now, hears):
    found = diagnose(steps, now, hears=hears)
    assert found is None or found.stage

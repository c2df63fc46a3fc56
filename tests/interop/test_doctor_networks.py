"""`fastboot doctor` in networks where machines do not boot, beside real servers.

The networks are those in which `tests/firmware/test_diagnosis.py` switches real machines
on. The doctor looks from a machine that only visits; where two proxies disagree, from
the boot server's own.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from firmware import image
from firmware.network import ROUTER, SERVER
from firmware.troubles import (
    PXE_CLIENT,
    RIVAL,
    TROUBLES,
    TroubledNetwork,
    doctor,
)
from peers import need_file
from recorded.boots import BOOTS
from serving import Serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]

Told = dict[str, Any]

AT_ONCE = 3
"""Networks looked at together: each has some seconds of listening, and little work."""

FINDINGS = {
    "a": (
        *("UEFI", "boot server"),
        rf"{ROUTER} sends option 60 without 43, so .* ignores every proxy",
        rf"remove option 60 at {ROUTER}",
    ),
    "b": (*("UEFI", "address"), "no DHCP server gives machines an address", "server"),
    "c": (
        *("UEFI", "boot server"),
        rf"{SERVER} does not answer on port 4011",
        rf"let UDP through to port 4011 of {SERVER}",
    ),
    "d": (
        *("UEFI", "file"),
        rf"snponly.efi from {SERVER} by TFTP does not come",
        rf"at {SERVER}, let UDP from port 69 and from all ports above 1023 out",
    ),
    "e": (*("UEFI", "file"), "gives an address, and nobody names a boot file", "serve"),
    "f": (*("UEFI", "file"), rf"{RIVAL} .*other\.efi", rf"{RIVAL}"),
    "g": (
        *("UEFI HTTP boot", "file"),
        rf"http://{SERVER}/snponly.efi does not come",
        rf"at {SERVER}, let TCP to port 80 in",
    ),
}
"""What is found, for which machine: its kind, the stage, what, and the cure."""

WELL = ("h", "i")
"""Networks in which every machine boots."""

FIRMWARE = {"UEFI": "edk2-pxe", "UEFI HTTP boot": "edk2-http"}
"""The names of these kinds of machines in `tests/recorded`."""


def look(letter: str, folder: Path) -> Told:
    """What the doctor says in a network."""
    images = folder / "images"
    (images / "tool").mkdir(parents=True)
    (images / "tool" / "tool.efi").write_bytes(b"MZ")
    trouble = TROUBLES[letter]
    with ExitStack() as stack:
        network = stack.enter_context(TroubledNetwork(folder, trouble))
        space = network.join_server()
        server = Serving(images, *network.flags, place=space.inside)
        stack.enter_context(server)
        return doctor(space, str(images)) if trouble.rival else network.doctor()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """What the doctor says in each network."""
    need_file(*image.BOOT_PROGRAM)
    folder = tmp_path_factory.mktemp("doctor")
    for letter in TROUBLES:
        (folder / letter).mkdir()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = pool.map(lambda letter: look(letter, folder / letter), TROUBLES)
        return dict(zip(TROUBLES, told, strict=True))


@pytest.mark.parametrize("letter", FINDINGS)
def test_what_keeps_machines_from_booting_is_found_with_its_cure(lab, letter):
    machine, stage, what, cure = FINDINGS[letter]
    found = [
        finding
        for finding in lab[letter]["findings"]
        if machine in finding["machines"] and finding["severity"] == "error"
    ]
    assert len(found) == 1, lab[letter]
    assert found[0]["stage"] == stage
    assert re.search(what, found[0]["what"]), found
    assert re.search(cure, found[0]["cure"]), found


@pytest.mark.parametrize("letter", "abcdeg")
def test_the_code_is_the_one_that_the_real_machine_showed(lab, letter):
    machine = FINDINGS[letter][0]
    (screen,) = (
        boot.screen
        for boot in BOOTS
        if boot.network == letter and boot.firmware == FIRMWARE[machine] and boot.screen
    )
    codes = [
        finding["code"]
        for finding in lab[letter]["findings"]
        if machine in finding["machines"]
    ]
    assert any(screen in code for code in codes), codes


def test_the_line_to_remove_is_the_one_that_the_router_has(lab):
    lines = [
        line for item in lab["a"]["findings"] for line in item["recipes"]["dnsmasq"]
    ]
    assert f"remove: {PXE_CLIENT}" in lines


@pytest.mark.parametrize("letter", WELL)
def test_where_all_is_well_nothing_is_found(lab, letter):
    assert lab[letter]["findings"] == []
    assert all(machine["boots"] for machine in lab[letter]["machines"])

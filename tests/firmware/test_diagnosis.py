"""Why a machine did not boot: real firmware, and what is said about it.

In each network of `troubles` a machine is switched on, and is switched off again once
it was said why it does not boot; what its screen showed at last was recorded before,
in `tests/recorded`. Networks h and i, in which nothing is wrong, are those in which
`test_boot` boots, which looks whether nothing is said.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from firmware import image
from firmware.image import TOKEN, words_of_init
from firmware.machine import BIOS, UEFI_HTTP, UEFI_PXE, Firmware, Machine
from firmware.network import ROUTER, SERVER
from firmware.troubles import RIVAL, TROUBLES, TroubledNetwork
from peers import need_file
from recorded.boots import BOOTS
from serving import Serving

pytestmark = [pytest.mark.firmware, pytest.mark.slow]

SAID = 120.0
"""Seconds until it must be said; on an idle processor it takes 20 to 40."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is said of a machine.

    Attributes:
        firmware: What it runs.
        name: That firmware in `tests/recorded`.
        stage: Where it stopped.
        reason: Why, a pattern.
        cure: What to do, a pattern.
    """

    firmware: Firmware
    name: str
    stage: str
    reason: str
    cure: str


EXPECTED = {
    "a": Expected(
        *(UEFI_PXE, "edk2-pxe", "offer"),
        rf"{ROUTER} sends option 60 \(PXEClient\) without 43, .* ignores every proxy",
        rf"remove option 60 on {ROUTER}",
    ),
    "b": Expected(
        *(UEFI_PXE, "edk2-pxe", "address"),
        r"nobody was heard to give it an address",
        r"--dhcp server",
    ),
    "c": Expected(
        *(UEFI_PXE, "edk2-pxe", "boot server"),
        rf"never asked {SERVER} for it on UDP port 4011",
        r"let UDP ports 4011 and 69 through",
    ),
    "d": Expected(
        *(UEFI_PXE, "edk2-pxe", "boot program"),
        r"never took an answer: answers come from other UDP ports than 69",
        r"--tftp-ports single",
    ),
    "f": Expected(
        *(BIOS, "ipxe", "offer"),
        rf"{RIVAL} answers boot clients too.* did not come to us",
        rf"switch the boot service of {RIVAL} off",
    ),
    "g": Expected(
        *(UEFI_HTTP, "edk2-http", "boot program"),
        rf"told to load http://{SERVER}/snponly.efi, and no request came",
        rf"TCP to {SERVER}",
    ),
}


class Site:
    """A network, its boot server, and a machine that was switched on."""

    def __init__(self, letter: str, images: Path, folder: Path, stack: ExitStack):
        folder.mkdir()
        self.folder = folder
        self.firmware = EXPECTED[letter].firmware if letter in EXPECTED else UEFI_PXE
        self.mac = f"52:54:00:7a:{ord(letter):02x}:01"
        self._stop = {"event": "BootStopped", "client": self.mac}
        network = TroubledNetwork(folder, TROUBLES[letter])
        self.network = stack.enter_context(network)
        self.space = network.join_server()
        self.server = stack.enter_context(
            Serving(images, *network.flags, place=self.space.inside)
        )
        self.machine = stack.enter_context(self.another("first"))
        self._off = threading.Thread(target=self._switch_off, daemon=True)
        self._off.start()

    def stopped(self) -> dict[str, str]:
        """What was said of the machine, which is switched off then."""
        (event,) = self.server.wait_for(self._stop, timeout=SAID)
        self._off.join()
        return event

    def _switch_off(self) -> None:
        """Before it tries its next way, which may work."""
        with suppress(AssertionError):  # it was never said; who asks for it says so
            self.server.wait_for(self._stop, timeout=2 * SAID)
        self.machine.wait(0)

    def another(self, name: str) -> Machine:
        """The same machine, switched on again."""
        return Machine(self.network, self.mac, self.firmware, self.folder / name)


@pytest.fixture(scope="module")
def switched_on(
    request: pytest.FixtureRequest,
    images: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Site]]:
    """The networks that this run's tests use, all at once: most of it is waiting."""
    need_file(*image.BOOT_PROGRAM)
    folder = tmp_path_factory.mktemp("troubles")
    items = [item for item in request.session.items if item.path == request.path]
    used = {item.callspec.params["letter"] for item in items}
    with ExitStack() as stack:
        yield {
            letter: Site(letter, images, folder / letter, stack)
            for letter in sorted(used)
        }


def timeline(site: Site) -> dict[str, Any]:
    """What `fastboot clients` says of the machine."""
    command = (sys.executable, "-m", "fastboot", "clients", "--json", site.mac)
    done = subprocess.run(
        site.space.inside(*command), capture_output=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def screens(letter: str, firmware: str) -> list[str]:
    """What the screen of such a machine showed when it was recorded."""
    return [
        boot.screen
        for boot in BOOTS
        if (boot.network, boot.firmware) == (letter, firmware) and boot.screen
    ]


@pytest.mark.parametrize("letter", EXPECTED)
def test_it_is_said_why_a_machine_does_not_boot_and_what_to_do(switched_on, letter):
    expected = EXPECTED[letter]
    event = switched_on[letter].stopped()
    assert event["stage"] == expected.stage
    assert re.search(expected.reason, event["reason"]), event
    assert re.search(expected.cure, event["cure"]), event
    seen = timeline(switched_on[letter])["diagnosis"]
    assert (seen["stage"], seen["code"]) == (event["stage"], event["code"])
    assert (seen["sentence"], seen["cure"]) == (event["reason"], event["cure"])
    shown = screens(letter, expected.name)
    codes = re.split(", | or ", event["code"])
    assert any(code in screen for code in codes for screen in shown), event


@pytest.mark.parametrize("letter", ["e"])
def test_a_machine_for_which_there_is_no_boot_program_is_named(switched_on, letter):
    site = switched_on[letter]
    wanted = {"event": "Unbootable", "mac": site.mac, "arch": "UEFI x86-64"}
    (event,) = site.server.wait_for(wanted, timeout=SAID)
    site.machine.wait(0)
    assert "no boot program for UEFI x86-64: put ipxe.efi into" in event["reason"]
    found = timeline(site)["diagnosis"]
    assert (found["stage"], found["sentence"]) == ("boot program", event["reason"])
    assert any(found["code"] in screen for screen in screens(letter, "edk2-pxe"))


def as_the_doctor_says(network: TroubledNetwork, settings: tuple[str, ...]):
    """The router's settings without the lines that the doctor has removed."""
    findings = network.doctor()["findings"]
    told = [line for item in findings for line in item["recipes"].get("dnsmasq", ())]
    return [line for line in settings if f"remove: {line}" not in told]


def by_pxe(site: Site) -> int:
    """How often the machine took its boot program by TFTP."""
    took = {"event": "Finished", "protocol": "tftp", "name": "snponly.efi"}
    return sum(took.items() <= event.items() for event in site.server.events)


@pytest.mark.parametrize("letter", ["a"])
def test_the_machine_boots_once_the_router_is_changed_as_the_doctor_says(
    switched_on, letter
):
    site = switched_on[letter]
    assert site.stopped()["cure"] == f"remove option 60 on {ROUTER}"
    settings = TROUBLES[letter].router
    changed = as_the_doctor_says(site.network, settings)
    assert changed != list(settings)
    before = by_pxe(site)
    site.network.change_router(*(f"--{line}" for line in changed))
    with site.another("changed") as machine:
        assert TOKEN in words_of_init(machine, site.server)
    assert by_pxe(site) == before + 1  # and not by HTTP boot, its last resort

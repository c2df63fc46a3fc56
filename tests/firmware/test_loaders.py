"""Firmware and boot loaders that find their own way through what is served.

The network's DHCP server names a URL or a file of ours to each machine, as a person
would in the firmware's setup; the one without, iPXE, hears of it from us. As in
`test_boot`, what counts is that a kernel runs and with whose words.

What the firmware of Debian 12 can do, tried here:

- OVMF (EDK2 2022.11) boots an ISO from a URL: it downloads all of it, and makes a disk
  of it in memory (UEFI 2.10, section 24.7.3.1) that a kernel no longer sees.
- OVMF boots from an https URL once it knows the authority. It offers TLS 1.2 without
  elliptic curves, DHE-RSA and RSA suites and no other, hence `--https-legacy`.
- iPXE (2019) reads an ISO as a BIOS disk, in ranges of up to 16 KiB on one connection.
  Debian builds it without HTTPS, for BIOS and for UEFI.
- GRUB 2.06 finds names with spaces and with letters beyond ASCII. When it is told 404
  it takes the answer's text for the file: "can't find command `404'".
- U-Boot 2023.01 has no `wget` in any of Debian's builds for QEMU, so it is TFTP here;
  what it asks by HTTP is among the recorded requests of tests/http.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from firmware import loaders
from firmware.image import BOOT, words_of_init
from firmware.machine import BIOS, UEFI_HTTP, Firmware, Machine
from firmware.network import SERVER, Network
from firmware.trust import trusting
from peers import need_file
from serving import Serving

pytestmark = [pytest.mark.firmware, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Told:
    """A machine, and what the network's DHCP server tells it to boot.

    Attributes:
        firmware: What it runs.
        url: A URL, for UEFI that boots by HTTP.
        file: A name to load from us by TFTP.
    """

    firmware: Firmware
    url: str = ""
    file: str = ""

    def options(self, tag: str) -> Iterator[str]:
        """How the DHCP server says it to the machines that are tagged so."""
        if self.url:
            yield f"--dhcp-option-force=tag:{tag},option:vendor-class,HTTPClient"
            yield f"--dhcp-option-force=tag:{tag},option:bootfile-name,{self.url}"
        if self.file:
            yield f"--dhcp-boot=tag:{tag},{self.file},,{SERVER}"


UEFI = replace(UEFI_HTTP, memory=384)
"""With less memory GRUB finds no place for a kernel."""

MACHINES = {
    "bios": Told(BIOS),
    "iso": Told(UEFI, url=f"http://{SERVER}/rescue.iso"),
    "grub": Told(UEFI, url=f"http://{SERVER}/grub.efi"),
    "https": Told(UEFI_HTTP, url=f"https://{SERVER}/hello.efi"),
    "u_boot": Told(
        Firmware(uefi=False, rom="", switches=("-bios", loaders.U_BOOT[0])),
        file="boot.scr.uimg",
    ),
}
"""The machines, by the name that a test asks for one by."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return loaders.build(tmp_path_factory.mktemp("loaders") / "images")


@pytest.fixture(scope="module")
def switched_on(folder, tmp_path_factory) -> Iterator[tuple[Serving, dict]]:
    """The server, and the machines, switched on together."""
    need_file(*loaders.U_BOOT)
    logs = tmp_path_factory.mktemp("machines")
    macs = {name: f"52:54:00:77:01:{n:02x}" for n, name in enumerate(MACHINES)}
    with ExitStack() as stack:
        network = stack.enter_context(Network(logs, *router_options(macs)))
        server = stack.enter_context(
            Serving(
                folder,
                *("--https", "--https-legacy", "--https-state", str(logs / "state")),
                protocols=("dhcp", "tftp", "http", "https"),
                place=network.join_server().inside,
            )
        )
        authority = (logs / "state" / "ca.der").read_bytes()
        on = {}
        for name, told in MACHINES.items():
            firmware = told.firmware
            if told.url.startswith("https:"):
                firmware = trusting(firmware, authority, logs / "authorities")
            machine = Machine(network, macs[name], firmware, logs / name)
            on[name] = stack.enter_context(machine)
        yield server, on


def router_options(macs: dict[str, str]) -> Iterator[str]:
    """What the network's DHCP server is to say to whom."""
    for name, told in MACHINES.items():
        yield f"--dhcp-host={macs[name]},set:{name}"
        yield from told.options(name)
    # U-Boot's driver for this card gets the MAC wrong.
    yield "--dhcp-vendorclass=set:u_boot,U-Boot"


@pytest.fixture
def server(switched_on) -> Serving:
    return switched_on[0]


@pytest.fixture
def https(switched_on) -> Machine:
    return switched_on[1]["https"]


@pytest.fixture
def arguments(request, switched_on) -> str:
    """The kernel's arguments, on the machine that the test names."""
    server, machines = switched_on
    return words_of_init(machines[request.param], server)


def on(name: str):
    return pytest.mark.parametrize("arguments", [name], indirect=True)


def sent(server: Serving, protocol: str) -> dict[str, int]:
    """What was sent to its end, and how large it was."""
    return {
        event["name"].strip("/"): event["size"]
        for event in server.events
        if event["event"] == "Finished" and event["protocol"] == protocol
    }


@on("bios")
def test_ipxe_boots_an_iso_that_it_reads_over_http_as_a_disk(arguments):
    assert loaders.FROM_THE_ISO in arguments


@on("iso")
def test_uefi_boots_an_iso_from_its_url(arguments, server, folder):
    assert loaders.FROM_THE_ISO in arguments
    assert sent(server, "http")["rescue.iso"] == (folder / "rescue.iso").stat().st_size


@on("grub")
def test_uefi_boots_an_efi_program_from_its_url_and_grub_reads_on_by_http(
    arguments, server
):
    assert loaders.BY_GRUB in arguments
    whole = sent(server, "http").keys()
    assert whole >= {
        "grub.efi",
        "grub/grub.cfg",
        f"{loaders.SYSTEM}/linux",
        f"{loaders.SYSTEM}/initrd.gz",
    }


def test_uefi_boots_over_https_where_it_knows_the_authority(https, server):
    serial = https.wait(BOOT)
    assert loaders.HELLO in serial, f"{serial}\n\nthe server:\n{server.log}"
    assert "hello.efi" in sent(server, "https")


@on("u_boot")
def test_u_boot_runs_its_script_which_loads_by_tftp(arguments, server):
    assert loaders.BY_U_BOOT in arguments
    assert sent(server, "tftp").keys() >= {
        "boot.scr.uimg",
        f"{loaders.SYSTEM}/linux",
        f"{loaders.SYSTEM}/initrd.gz",
    }

"""A router that gives iPXE itself is found, and cured by the lines that the doctor says.

Only where fastboot answers no DHCP: beside its proxy there is nothing to cure.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from firmware import image
from firmware.network import PREFIX, ROUTER, SERVER, Namespace, Network
from firmware.troubles import VISITOR, doctor
from peers import need, need_file
from serving import Serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SOON = 20.0
"""Seconds until a router takes questions."""

POOL = f"{PREFIX}100", f"{PREFIX}150"


def dnsmasq(folder: Path, cure: list[str]) -> list[str]:
    settings = folder / "dnsmasq.conf"
    lines = [
        *(
            "port=0",
            "interface=eth0",
            "bind-interfaces",
            "user=root",
            "leasefile-ro",
            "no-ping",
        ),
        *(f"dhcp-range={POOL[0]},{POOL[1]}", f"dhcp-boot=snponly.efi,,{SERVER}", *cure),
    ]
    settings.write_text("\n".join(lines) + "\n")
    return [need("dnsmasq"), "--keep-in-foreground", f"--conf-file={settings}"]


def kea(folder: Path, cure: list[str]) -> list[str]:
    subnet = {
        "id": 1,
        "subnet": f"{PREFIX}0/24",
        "pools": [{"pool": " - ".join(POOL)}],
        "next-server": SERVER,
        "boot-file-name": "snponly.efi",
    }
    settings: dict[str, Any] = {
        "interfaces-config": {"interfaces": ["eth0"]},
        "lease-database": {"type": "memfile", "persist": False},
        "subnet4": [subnet],
    }
    if cure:
        settings["client-classes"] = [json.loads(line) for line in cure]
    file = folder / "kea.json"
    file.write_text(json.dumps({"Dhcp4": settings}))
    places = (f"KEA_{kind}_DIR={folder}" for kind in ("PIDFILE", "LOCKFILE"))
    return ["env", *places, need("kea-dhcp4"), "-c", str(file)]


def dhcpd(folder: Path, cure: list[str]) -> list[str]:
    name = cure or ['filename "snponly.efi";']
    lines = [
        f"subnet {PREFIX}0 netmask 255.255.255.0 {{",
        f"range {POOL[0]} {POOL[1]};",
        *(f"next-server {SERVER};", *name, "}"),
    ]
    settings, leases = folder / "dhcpd.conf", folder / "leases"
    settings.write_text("\n".join(lines).replace("...", "snponly.efi") + "\n")
    leases.touch()
    files = ["-cf", str(settings), "-lf", str(leases), "--no-pid"]
    return [need("dhcpd"), "-f", "-q", *files, "eth0"]


def takes_questions(space: Namespace) -> bool:
    """Whether somebody there listens on port 67, or to all packets."""
    net = Path(f"/proc/{space.pid}/net")
    packets = (net / "packet").read_text().splitlines()[1:]
    return ":0043 " in (net / "udp").read_text() or bool(packets)


def told(folder: Path, command: list[str]) -> dict[str, Any]:
    """What the doctor says beside a router, where we give files alone."""
    images = folder / "images"
    images.mkdir()
    program = need_file(*image.BOOT_PROGRAM)
    (images / "snponly.efi").write_bytes(program.read_bytes())
    with ExitStack() as stack:
        network = stack.enter_context(Network(folder, router=False))
        router = network.join("router", ROUTER)
        stack.enter_context(router.running(*command))
        until = time.monotonic() + SOON
        while not takes_questions(router):
            assert time.monotonic() < until
            time.sleep(0.05)
        place = network.join_server().inside
        stack.enter_context(Serving(images, "--dhcp", "off", place=place))
        machines = ("--machine", "uefi", "--machine", "ipxe")
        return doctor(network.join("visitor", VISITOR), *machines)


@pytest.mark.parametrize(
    ("product", "router"), [("dnsmasq", dnsmasq), ("Kea", kea), ("ISC dhcpd", dhcpd)]
)
def test_ipxe_that_a_router_gives_itself_is_found_and_its_cure_cures(
    product, router, tmp_path
):
    ill, well = tmp_path / "ill", tmp_path / "well"
    ill.mkdir()
    well.mkdir()
    (finding,) = told(ill, router(ill, []))["findings"]
    assert finding["severity"] == "warning"
    assert finding["machines"] == ["iPXE"]
    what = f'{ROUTER} names "snponly.efi" to UEFI and to iPXE alike: '
    assert finding["what"].startswith(what)
    added = [
        re.sub("^run: add (the line )?| to client-classes$", "", line)
        for line in finding["recipes"][product]
        if line.startswith("run: ")
    ]
    cure = [line.replace(VISITOR, SERVER) for line in added]
    cured = told(well, router(well, cure))
    assert cured["findings"] == []
    (ipxe,) = (one for one in cured["machines"] if one["machine"] == "ipxe")
    assert ipxe["steps"][-1] == f"loads http://{SERVER}/boot.ipxe"

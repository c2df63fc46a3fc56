"""Real firmware boots over IPv6 alone.

With us as the server nothing else is on the network: the address, the advertisement
before it and the boot file are ours, and the kernel comes by HTTP over IPv6. Beside a
router that gives addresses the firmware loads its program; what iPXE does then is the
router's to say, for it heeds the server alone that gives it an address.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack

import pytest

from firmware import image
from firmware.image import MARKER, TOKEN
from firmware.machine import PXE_OFF, Firmware, Machine
from firmware.network import Network
from peers import need, need_file
from serving import Serving

pytestmark = [pytest.mark.firmware, pytest.mark.slow]

BOOT = 300.0
"""Seconds for a boot; OVMF tries HTTP over IPv4 for a minute before."""

TRIES = 3
"""How often the machine beside a router is switched on: EDK2 may miss the one answer that
it gets on port 4011 (`firmware.machine.AHEAD`), and then goes on by HTTP."""

SERVER, ROUTER = "fd77::2", "fd77::1"

IPV4_OFF = ("-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=no")

PXE6 = Firmware(uefi=True, rom="", switches=IPV4_OFF)
HTTP6 = Firmware(uefi=True, rom="", switches=PXE_OFF)

PROTOCOLS = ("dhcp6", "tftp", "http")

ROUTES = (
    *("--conf-file=/dev/null", "--keep-in-foreground", "--user=root", "--group=root"),
    *("--port=0", "--interface=eth0", "--bind-interfaces", "--leasefile-ro"),
    *("--enable-ra", "--dhcp-range=fd77::100,fd77::1ff,64,1h"),
)
"""A router that gives addresses and knows nothing of booting."""


class Site:
    """Networks, servers and machines that were all switched on together."""

    def __init__(self, images, folder, stack):
        self._images, self._folder, self._stack = images, folder, stack
        self._count = 0

    def on(self, mode, *firmwares):
        """Machines in a network of their own, each with its server and where that is."""
        network, space, server = self._network(mode)
        return [(self._machine(network, each), server, space) for each in firmwares]

    def _network(self, mode):
        network = self._stack.enter_context(Network(self._folder, router=False))
        if mode == "proxy":
            router = self._join(network, "router", ROUTER)
            self._stack.enter_context(router.running(need("dnsmasq"), *ROUTES))
        space = self._join(network, "server", SERVER)
        server = Serving(
            self._images, "--dhcp", mode, protocols=PROTOCOLS, place=space.inside
        )
        return network, space, self._stack.enter_context(server)

    def _machine(self, network, firmware):
        self._count += 1
        mac = f"52:54:00:77:06:{self._count:02x}"
        folder = self._folder / f"machine{self._count}"
        return self._stack.enter_context(Machine(network, mac, firmware, folder))

    def _join(self, network, name, address):
        space = network.join(name)
        space.ip("address", "add", f"{address}/64", "dev", "eth0", "nodad")
        return space


@pytest.fixture(scope="module")
def site(images, tmp_path_factory):
    need_file(*image.BOOT_PROGRAM)
    with ExitStack() as stack:
        yield Site(images, tmp_path_factory.mktemp("ipv6"), stack)


@pytest.fixture(scope="module")
def machines(site):
    """Each machine with the server that it boots from."""
    alone, beside = site.on("server", PXE6, HTTP6), site.on("proxy", PXE6)
    return dict(zip(("pxe", "http", "proxied"), alone + beside, strict=True))


def timeline(machine, space):
    """What `fastboot clients` says of a machine, where its server is."""
    command = (sys.executable, "-m", "fastboot", "clients", "--json", machine.mac)
    done = subprocess.run(
        space.inside(*command), capture_output=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("way", ["pxe", "http"])
def test_uefi_boots_where_we_are_the_only_server(machines, way):
    machine, server, space = machines[way]
    serial = machine.wait(BOOT)
    _, marker, words = serial.partition(MARKER)
    assert marker, f"no init; the serial line:\n{serial}\n\nthe server:\n{server.log}"
    assert TOKEN in words.split("\r\n")[0]
    kernel = [
        event
        for event in server.events
        if event["event"] == "Finished" and event["name"].endswith("/linux")
    ]
    assert all(event["client"].startswith("fd77:") for event in kernel)
    told = timeline(machine, space)
    assert (told["mac"], told["stage"], told["diagnosis"]) == (
        machine.mac,
        "initrd",
        None,
    )
    assert told["address"].startswith("fd77:")


def test_uefi_loads_its_program_beside_a_router(machines, site):
    machine, server, space = machines["proxied"]
    for _ in range(TRIES):
        (loaded,) = server.wait_for({"event": "Finished"}, timeout=2 * BOOT)
        if loaded["protocol"] == "tftp":
            break
        machine.wait(0)
        ((machine, server, space),) = site.on("proxy", PXE6)
    assert loaded["protocol"] == "tftp"
    assert loaded["name"].endswith(".efi")
    assert loaded["client"].startswith("fd77::1")  # an address of the router's
    (offer, *_) = [e for e in server.events if e["event"] == "Offered"]
    assert (offer["mac"], offer["server"]) == (machine.mac, SERVER)
    assert offer["file"].startswith(f"tftp://[{SERVER}]/")
    told = timeline(machine, space)
    kinds = [step["kind"] for step in told["steps"]]
    assert kinds[:4] == ["asked", "offered", "question", "told"]
    assert "got" in kinds
    assert (
        told["steps"][0]["sentence"] == "PXE asked how to boot over IPv6 (UEFI x86-64)"
    )
    assert told["address"].startswith("fd77::1")

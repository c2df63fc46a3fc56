"""Machines that boot, all at once: each is slow by itself, and waits a lot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from firmware import image
from firmware.machine import BIOS, UEFI_HTTP, UEFI_PXE, Firmware, Machine
from firmware.network import ROUTER, LoneNetwork, Network, RelayedNetwork
from peers import need_file
from serving import Serving

MACHINES: dict[str, Firmware] = {
    "bios": BIOS,
    "uefi_pxe": UEFI_PXE,
    "uefi_http": UEFI_HTTP,
}
"""The machines, by the name of the fixture that asks for one."""

PROTOCOLS = ("dhcp", "tftp", "http")

ROUTERS_OWN = (
    "--dhcp-option-force=option:bootfile-name,of-the-router.efi",
    f"--dhcp-option-force=option:tftp-server,{ROUTER}",
)
"""What some routers tell every client, because somebody once filled in a form."""

NETWORKS: dict[str, Callable[[Path], Network]] = {
    "plain": Network,
    "boot_file": lambda folder: Network(folder, *ROUTERS_OWN),
    "relay": RelayedNetwork,
    "alone": LoneNetwork,
}
"""Where machines boot: beside a router that only gives addresses; beside one that names
a boot file of its own; from another subnet; where there is no router."""


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one operating system and nothing else."""
    return image.build(tmp_path_factory.mktemp("boot") / "images")


@pytest.fixture(scope="session", params=NETWORKS)
def machines(
    request: pytest.FixtureRequest,
    images: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Serving, dict[str, Machine]]]:
    """The server, and the machines that this run's tests use, switched on together."""
    need_file(*image.BOOT_PROGRAM)
    used = {name for item in request.session.items for name in item.fixturenames}
    folder = tmp_path_factory.mktemp("machines")
    with ExitStack() as stack:
        network = stack.enter_context(NETWORKS[request.param](folder))
        space = network.join_server()
        server = stack.enter_context(
            Serving(images, *network.flags, protocols=PROTOCOLS, place=space.inside)
        )
        on = {
            name: stack.enter_context(
                Machine(
                    network, f"52:54:00:77:00:{number:02x}", firmware, folder / name
                )
            )
            for number, (name, firmware) in enumerate(MACHINES.items())
            if name in used
        }
        yield server, on


def _machine(name: str):
    @pytest.fixture(name=name)
    def machine(machines) -> Machine:
        return machines[1][name]

    return machine


bios = _machine("bios")
uefi_pxe = _machine("uefi_pxe")
uefi_http = _machine("uefi_http")


@pytest.fixture
def server(machines) -> Serving:
    """The server that the machines boot from."""
    return machines[0]

"""Firmware boots where another DHCP server has port 67 of the same machine.

That server says "PXEClient" in option 60, which makes firmware ask its machine's port
4011 what to load: there fastboot answers, and only there.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from firmware.image import BOOT_PROGRAM, TOKEN, words_of_init
from firmware.machine import BIOS, UEFI_PXE, Machine
from firmware.network import Namespace, Network
from firmware.test_boot import told
from peers import need_file
from serving import Serving

pytestmark = [pytest.mark.firmware, pytest.mark.slow]


class Shared(Network):
    """A network whose DHCP server runs on the boot server's machine."""

    def _start_router(self, space: Namespace) -> None:
        """The router gives no addresses here."""

    def join_server(self) -> Namespace:
        """See `Network.join_server`."""
        space = super().join_server()
        super()._start_router(space)
        return space


@pytest.fixture(scope="module")
def machines(images, tmp_path_factory):
    """The server, and a machine of each kind."""
    need_file(*BOOT_PROGRAM)
    folder = tmp_path_factory.mktemp("beside")
    with ExitStack() as stack:
        network = Shared(folder, "--dhcp-option-force=60,PXEClient")
        network = stack.enter_context(network)
        space = network.join_server()
        flags = ("--dhcp", "boot-server")
        server = stack.enter_context(Serving(images, *flags, place=space.inside))
        yield (
            server,
            {
                name: stack.enter_context(
                    Machine(
                        network, f"52:54:00:79:00:{number:02x}", kind, folder / name
                    )
                )
                for number, (name, kind) in enumerate(
                    {"bios": BIOS, "uefi_pxe": UEFI_PXE}.items()
                )
            },
        )


@pytest.mark.parametrize("name", ["bios", "uefi_pxe"])
def test_firmware_boots_by_port_4011_alone(machines, name):
    server, on = machines
    assert TOKEN in words_of_init(on[name], server)
    assert {message for message, _ in told(on[name], server)} == {"ack"}

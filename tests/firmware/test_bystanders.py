"""A computer that does not boot from the network never hears of us."""

from __future__ import annotations

import subprocess

import pytest

from firmware.image import BOOT_PROGRAM
from firmware.network import PREFIX, ROUTER, SERVER, Network
from peers import need, need_file
from serving import Serving

pytestmark = [pytest.mark.firmware, pytest.mark.slow]

COMPUTER = "02:00:00:00:77:01"
BOOTING = "02:00:00:00:77:02"

SCRIPT = """\
#!/bin/sh
echo "$1: $ip from $serverid, file ${boot_file:-none}"
"""

AS_UEFI = (
    *("-V", "PXEClient:Arch:00007:UNDI:003000"),
    *("-x", "0x5d:0007"),  # option 93, the architecture: x86-64 UEFI
    *("-x", "0x5e:010300"),  # option 94, the network interface: UNDI 3.0
)
"""What makes a DISCOVER one of a machine that boots from the network."""


@pytest.fixture
def network(tmp_path):
    with Network(tmp_path) as network:
        yield network


@pytest.fixture
def server(network, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    need_file(*BOOT_PROGRAM)  # without one there would be no answer to anyone
    space = network.join("server", SERVER)
    with Serving(folder, protocols=("dhcp",), place=space.inside) as server:
        yield server


@pytest.fixture
def listener(network, server):
    """A process that ends with the first packet of any kind that the server sends."""
    with subprocess.Popen(
        network.segment.inside(
            *(need("tcpdump"), "-i", "server", "-Q", "in", "-c", "1"),
            *("-n", "-v", "--immediate-mode", "not ip6"),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tcpdump:
        first = tcpdump.stderr.readline()
        assert first.startswith("tcpdump: listening"), first
        yield tcpdump
        tcpdump.kill()


def ask_for_address(network, name, mac, script, *options):
    """Run a DHCP client once, on a computer of its own; what it has to say."""
    space = network.join(name)
    space.ip("link", "set", "eth0", "address", mac)
    client = space.inside(
        *(need("busybox"), "udhcpc", "-i", "eth0", "-f", "-n", "-q"),
        *("-t", "5", "-T", "1", "-s", str(script), *options),
    )
    return subprocess.run(client, capture_output=True, text=True, timeout=60).stdout


def test_an_ordinary_dhcp_client_gets_its_lease_and_not_one_packet_from_us(
    network, server, listener, tmp_path
):
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    script.chmod(0o755)

    lease = ask_for_address(network, "computer", COMPUTER, script)
    assert f"bound: {PREFIX}" in lease
    assert f"from {ROUTER}, file none" in lease

    # Only now someone asks whom we answer: what we say to it is our first packet.
    ask_for_address(network, "booting", BOOTING, script, *AS_UEFI)
    first, _ = listener.communicate(timeout=60)
    assert f"Client-Ethernet-Address {BOOTING}" in first
    assert "DHCP-Message (53), length 1: Offer" in first

    assert COMPUTER not in server.log

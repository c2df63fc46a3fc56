"""Computers that do not boot from the network never hear of us, however many there are.

What we send is captured where it leaves, and tshark says what it was.
"""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from firmware.image import BOOT_PROGRAM
from firmware.network import PREFIX, ROUTER, Network
from peers import need, need_file
from serving import Serving

pytestmark = [pytest.mark.firmware, pytest.mark.slow]

COMPUTERS = [f"02:00:00:00:77:{number:02x}" for number in range(50)]
BOOTING = "02:00:00:00:78:01"

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

WRONG = "_ws.expert.severity >= 0x600000 || _ws.malformed"
"""tshark's filter for warnings and errors (0x600000 and 0x800000 are their numbers)."""


@pytest.fixture
def network(tmp_path):
    with Network(tmp_path) as network:
        yield network


@pytest.fixture
def server(network, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    need_file(*BOOT_PROGRAM)  # without one there would be no answer to anyone
    space = network.join_server()
    # The last to answer: busybox's client takes the first offer, be there no address in.
    flags = ("--dhcp-delay", "0.5")
    with Serving(folder, *flags, protocols=("dhcp",), place=space.inside) as server:
        yield server


class Capture:
    """Everything that the server sends, IPv6's own housekeeping aside."""

    def __init__(self, network, path):
        self._path = path
        self._tcpdump = subprocess.Popen(
            network.segment.inside(
                *(need("tcpdump"), "-i", "server", "-Q", "in", "--immediate-mode"),
                *("-U", "--immediate-mode", "-w", str(path), "not ip6"),
            ),
            stderr=subprocess.PIPE,
            text=True,
        )
        first = self._tcpdump.stderr.readline()
        assert first.startswith("tcpdump: listening"), first

    def stop(self):
        self._tcpdump.terminate()
        self._tcpdump.communicate(timeout=60)

    def fields(self, *names, only=""):
        """The fields of each packet, by tshark's names."""
        command = [need("tshark"), "-n", "-r", str(self._path), "-T", "fields"]
        command += [word for name in names for word in ("-e", name)]
        command += ["-Y", only] if only else []
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


@pytest.fixture
def capture(network, server, tmp_path):
    capture = Capture(network, tmp_path / "sent.pcap")
    yield capture
    capture.stop()


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script"
    path.write_text(SCRIPT)
    path.chmod(0o755)
    return path


def computer(network, name, mac):
    space = network.join(name)
    space.ip("link", "set", "eth0", "address", mac)
    return space


def ask_for_address(space, script, *options):
    """Run a DHCP client once, on a computer of its own; what it has to say."""
    client = space.inside(
        *(need("busybox"), "udhcpc", "-i", "eth0", "-f", "-n", "-q"),
        *("-t", "30", "-T", "1", "-s", str(script), *options),
    )
    return subprocess.run(client, capture_output=True, text=True, timeout=60).stdout


def test_D8_fifty_ordinary_clients_get_leases_and_not_one_packet_from_us(
    network, server, capture, script
):
    spaces = [
        computer(network, f"pc{number}", mac) for number, mac in enumerate(COMPUTERS)
    ]
    booting = computer(network, "booting", BOOTING)
    with ThreadPoolExecutor(len(spaces) + 1) as at_once:
        leases = at_once.map(lambda space: ask_for_address(space, script), spaces)
        boot = at_once.submit(ask_for_address, booting, script, *AS_UEFI)
    for lease in leases:
        assert f"bound: {PREFIX}" in lease
        assert f"from {ROUTER}, file none" in lease
    assert "bound" in boot.result()
    server.wait_for({"event": "Offered", "mac": BOOTING})
    capture.stop()

    sent = capture.fields("dhcp.hw.mac_addr", "dhcp.option.dhcp", "dhcp.ip.your")
    assert sent
    assert set(sent) == {(BOOTING, "2", "0.0.0.0")}  # OFFERs without an address
    assert capture.fields("frame.number", only=WRONG) == []
    assert not any(mac in server.log for mac in COMPUTERS)

"""Networks for real DHCP clients and a server, and judges of all that went over the wire."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from pathlib import Path

from firmware.network import Namespace, Network
from peers import need
from serving import Serving

SOON = 60.0
"""Seconds until a client must have done what it was told."""

SERVER = "10.77.0.2"

SETTINGS = """
[[dhcp.subnet]]
network = "10.77.0.0/24"
pool = "10.77.0.100-10.77.0.199"
router = "10.77.0.1"
dns = ["10.77.0.1", "10.77.0.3"]
ntp = "10.77.0.1"
domain = "lab.example"
lease_time = 30
options = { interface-mtu = 1400, domain-search = ["lab.example", "example.org"] }

[[dhcp.subnet.reservation]]
mac = "52:54:00:00:00:0a"
address = "10.77.0.10"
hostname = "ant"

[[dhcp.subnet]]
network = "10.78.0.0/24"
pool = "10.78.0.100-10.78.0.199"
router = "10.78.0.1"
"""

SCRIPT = """\
#!/bin/sh
# What both udhcpc ($1, $ip, $mask) and dhclient ($reason, $new_ip_address) may call.
what=${{1:-$reason}} address=${{ip:-$new_ip_address}}
case $what in
deconfig|PREINIT) ip link set "$interface" up ;;
bound|renew|BOUND|RENEW|REBIND|REBOOT) ip address replace "$address/24" dev "$interface" ;;
RELEASE|EXPIRE|STOP) ip address flush dev "$interface" ;;
esac
echo "$what $address" >> {log}
"""


class Lab:
    """A segment with the server, and whoever joins."""

    def __init__(
        self, network: Network, folder: Path, server: Serving, space: Namespace
    ) -> None:
        self.network = network
        self.folder = folder
        self.server = server
        self.space = space
        self._machines = 0

    def machine(self, mac: str | None = None) -> Machine:
        self._machines += 1
        mac = mac or f"52:54:00:00:01:{self._machines:02x}"
        return Machine(self, f"machine{self._machines}", mac)

    def leases(self) -> dict[str, dict[str, object]]:
        """What `fastboot leases --json` shows, by address."""
        file = str(self.folder / "leases.sqlite")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "fastboot",
                "leases",
                "--json",
                "--lease-file",
                file,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        found = map(json.loads, done.stdout.splitlines())
        return {str(lease["address"]): lease for lease in found}


class Machine:
    """A machine without an address."""

    def __init__(
        self, lab: Lab, name: str, mac: str, space: Namespace | None = None
    ) -> None:
        self.lab = lab
        self.mac = mac
        self.space: Namespace = space or lab.network.join(name)
        self.space.ip("link", "set", "eth0", "address", mac)
        self.folder = lab.folder / name
        self.folder.mkdir()
        self.script = self.folder / "script"
        self.script.write_text(SCRIPT.format(log=self.folder / "log"))
        self.script.chmod(0o755)

    def heard(self, message: str, count: int = 1) -> str:
        """Wait until it was answered so often by such a message; the last address."""
        pause = threading.Event()
        for _ in range(int(SOON / 0.05)):
            found = [
                event
                for event in self.lab.server.events
                if event["event"] == "Leased"
                and (event["mac"], event["message"]) == (self.mac, message)
            ]
            if len(found) >= count:
                return str(found[-1]["address"])
            pause.wait(0.05)
        raise AssertionError(f"no {message} for {self.mac}:\n{self.lab.server.log}")

    def said(self) -> list[str]:
        """What its client told its script, a line each."""
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("ab") as log:
            return subprocess.Popen(self.space.inside(*command), stdout=log, stderr=log)

    def run(self, *command: str) -> str:
        done = subprocess.run(
            self.space.inside(*command),
            capture_output=True,
            text=True,
            timeout=SOON,
        )
        assert done.returncode == 0, done
        return done.stdout + done.stderr

    def wait_for(self, pattern: str) -> None:
        """Wait until its script was told so."""
        pause = threading.Event()
        for _ in range(int(SOON / 0.05)):
            if any(re.match(pattern, line) for line in self.said()):
                return
            pause.wait(0.05)
        raise AssertionError(f"{pattern} is not in {self.said()}")


def judge_by_tshark(capture: Path) -> None:
    """No packet of ours is malformed, or even remarkable, to Wireshark."""
    ours = f"dhcp && ip.src == {SERVER}"
    assert _seen(capture, f"{ours} && _ws.expert", "_ws.expert.message") == []
    assert len(_seen(capture, ours, "dhcp.id")) > 10


def _seen(capture: Path, which: str, field: str) -> list[str]:
    done = subprocess.run(
        [need("tshark"), "-r", str(capture), "-Y", which, "-T", "fields", "-e", field],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def judge_by_scapy(capture: Path) -> None:
    """scapy reads from our packets what we read from them ourselves."""
    from scapy.all import BOOTP, DHCP, IP, UDP, rdpcap

    from fastboot.dhcp.packet import decode

    seen = 0
    for packet in rdpcap(str(capture)):
        if UDP not in packet or packet[IP].src != SERVER:
            continue
        seen += 1
        frame = decode(bytes(packet[UDP].payload))
        assert packet[BOOTP].yiaddr == str(frame.yiaddr)
        assert packet[BOOTP].xid == frame.xid
        names = [item[0] for item in packet[DHCP].options if isinstance(item, tuple)]
        assert len(names) == len(frame.options), (names, frame.options)
        kinds = dict(item for item in packet[DHCP].options if len(item) == 2)
        assert kinds["message-type"] == frame.message_type
        assert kinds["server_id"] == SERVER
    assert seen > 10

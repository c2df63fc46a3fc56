"""DHCPv6 as Linux clients speak it, in a network of its own, with tshark as a judge."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from ipaddress import IPv6Address, IPv6Network

import pytest

from firmware.network import Network
from peers import need
from serving import Serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PREFIX = IPv6Network("fd77::/64")
SERVER = "fd77::2"
PATIENCE = 60


class Segment:
    """A server that gives addresses, and a client that has none."""

    def __init__(self, network, folder):
        self.folder = folder
        self.capture = folder / "capture.pcap"
        space = network.join("server")
        space.ip("address", "add", f"{SERVER}/64", "dev", "eth0", "nodad")
        self.client = network.join("client")
        self.serving = Serving(
            folder / "images",
            *("--dhcp", "server", "--dhcp-ipv6-dns", "fd77::53"),
            protocols=("dhcp6",),
            place=space.inside,
        )
        self._watch = subprocess.Popen(
            network.segment.inside(
                *(
                    need("tcpdump"),
                    "-i",
                    "br0",
                    "-U",
                    "--immediate-mode",
                    "-w",
                    str(self.capture),
                ),
                *("--immediate-mode", "udp port 546 or udp port 547 or icmp6"),
            ),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "listening" in self._watch.stderr.readline()

    def settle(self):
        """Wait until the client may use its link-local address (RFC 4862, 5.4)."""
        show = self.client.inside(
            *(need("ip"), "-6", "address", "show", "dev", "eth0"),
            *("scope", "link", "-tentative"),
        )
        for _ in range(20 * PATIENCE):
            if subprocess.run(show, capture_output=True, check=True).stdout:
                return
            time.sleep(0.05)
        raise AssertionError("no link-local address")

    def dhclient(self, *arguments):
        """Run dhclient until it has what it wants; what it said, and told its script."""
        self.settle()
        lease = self.folder / "client.leases"
        lease.touch()
        told = self.folder / "told"
        told.unlink(missing_ok=True)
        script = self.folder / "script"
        script.write_text(
            "#!/bin/sh\n"
            f'echo "$new_ip6_address $new_dhcp6_name_servers" >> {told}\n'
            'if [ -n "$new_ip6_address" ]; then\n'
            '  ip -6 address replace "$new_ip6_address/128" dev eth0 nodad\n'
            "fi\n"
        )
        script.chmod(0o755)
        done = subprocess.run(
            self.client.inside(
                *(need("dhclient"), "-6", "-1", "-v", "-lf", str(lease)),
                *("-pf", str(self.folder / "client.pid"), "-sf", str(script)),
                *arguments,
                "eth0",
            ),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.leave()
        assert done.returncode == 0, (done.stderr, self.serving.log)
        return done.stderr, told.read_text()

    def leave(self):
        """End the dhclient that stayed to renew, as it does once it has an address."""
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.folder / "client.pid").read_text()), signal.SIGKILL)
        (self.folder / "client.pid").unlink(missing_ok=True)

    def end(self):
        """Stop watching; what went over the wire, as tshark reads it."""
        self._watch.send_signal(signal.SIGINT)
        self._watch.communicate(timeout=PATIENCE)
        done = subprocess.run(
            [need("tshark"), "-r", str(self.capture), "-V"],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        return done.stdout


@pytest.fixture
def segment(tmp_path):
    (tmp_path / "images").mkdir()
    with Network(tmp_path, router=False) as network:
        made = Segment(network, tmp_path)
        with made.serving:
            yield made
            text = made.end()
        assert "[Expert Info" not in text, text


def test_dhclient_takes_renews_and_releases_an_address(segment):
    _, lease = segment.dhclient()
    (address,) = set(re.findall(r"^(fd77:\S+) ", lease, re.MULTILINE))
    assert IPv6Address(address) in PREFIX
    assert "fd77::53" in lease
    _, again = segment.dhclient()  # it asks for what it had
    assert set(re.findall(r"^(fd77:\S+) ", again, re.MULTILINE)) == {address}
    said, _ = segment.dhclient("-r")
    assert f"Release Address {address}" in said


def test_dhclient_that_wants_no_address_is_told_the_name_server(segment):
    _, lease = segment.dhclient("-S")
    assert "fd77::53" in lease

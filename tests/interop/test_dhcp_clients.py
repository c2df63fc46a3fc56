"""Real DHCP clients take, keep, renew, give back and take again what the server gives.

All that goes over the wire meanwhile is recorded, and judged by tshark and by scapy.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from firmware.network import Namespace, Network
from peers import need, need_file
from serving import Serving

from .dhcp_lab import SERVER, SETTINGS, Lab, Machine, judge_by_scapy, judge_by_tshark

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("dhcp")
    capture = folder / "capture.pcap"
    settings = folder / "boot.toml"
    settings.write_text(SETTINGS)
    flags = [
        *("--config", str(settings), "--dhcp", "server", "--dhcp-force"),
        *("--no-tftp", "--no-http", "--lease-file", str(folder / "leases.sqlite")),
        *("--lease-min-time", "30"),
    ]
    with Network(folder, router=False) as network:
        space = network.join("server", SERVER)
        recorder = subprocess.Popen(
            network.segment.inside(
                *(
                    need("tcpdump"),
                    "-i",
                    "br0",
                    "-U",
                    "--immediate-mode",
                    "-w",
                    str(capture),
                ),
                *("-Z", "root", "udp port 67 or udp port 68 or icmp"),
            ),
            stderr=subprocess.PIPE,
        )
        assert recorder.stderr
        assert b"listening" in recorder.stderr.readline()
        try:
            with Serving(
                folder, *flags, protocols=("dhcp",), place=space.inside
            ) as server:
                yield Lab(network, folder, server, space)
        finally:
            recorder.send_signal(signal.SIGINT)
            recorder.communicate()
    judge_by_tshark(capture)
    judge_by_scapy(capture)


# udhcpc, of busybox


def udhcpc(machine: Machine, *more: str) -> list[str]:
    script = str(machine.script)
    return [need("busybox"), "udhcpc", "-f", "-i", "eth0", "-s", script, *more]


def test_udhcpc_takes_renews_releases_and_takes_again(lab: Lab) -> None:
    machine = lab.machine()
    client = machine.start(*udhcpc(machine))
    try:
        machine.wait_for("bound")
        address = machine.heard("ack")
        assert lab.leases()[address]["state"] == "active"
        client.send_signal(signal.SIGUSR1)  # renew
        machine.wait_for("renew")
        client.send_signal(signal.SIGUSR2)  # release
        lab.server.wait_for({"event": "Released", "address": address})
        client.send_signal(signal.SIGUSR1)
        assert machine.heard("ack", 3) == address
    finally:
        client.kill()
        client.wait()


def test_udhcpc_is_told_what_the_settings_say(lab: Lab) -> None:
    machine = lab.machine("52:54:00:00:00:0a")
    show = machine.folder / "show"
    show.write_text('#!/bin/sh\n[ "$1" != bound ] || env\n')
    show.chmod(0o755)
    wanted = [f"-O{name}" for name in ("mtu", "search", "ntpsrv", "hostname")]
    command = [need("busybox"), "udhcpc", "-f", "-q", "-n", "-i", "eth0"]
    told = machine.run(*command, "-s", str(show), *wanted).splitlines()
    assert {
        *("ip=10.77.0.10", "mask=24", "router=10.77.0.1", "dns=10.77.0.1 10.77.0.3"),
        *("domain=lab.example", "search=lab.example example.org", "mtu=1400"),
        *("ntpsrv=10.77.0.1", "hostname=ant", "lease=30", "serverid=10.77.0.2"),
        "broadcast=10.77.0.255",
    } <= set(told)


def test_udhcpc_asks_for_the_address_that_it_had(lab: Lab) -> None:
    machine = lab.machine()
    machine.run(*udhcpc(machine, "-q", "-n", "-r", "10.77.0.150"))
    assert machine.heard("ack") == "10.77.0.150"


def test_an_address_that_somebody_took_by_himself_is_not_given(lab: Lab) -> None:
    squatter = lab.machine()
    squatter.space.ip("address", "add", "10.77.0.160/24", "dev", "eth0")
    machine = lab.machine()
    machine.run(*udhcpc(machine, "-q", "-n", "-r", "10.77.0.160"))
    assert machine.heard("ack") != "10.77.0.160"
    lab.server.wait_for({"event": "Conflict", "address": "10.77.0.160"})


def test_D15_whatever_a_client_calls_itself_is_one_line_and_no_more(lab: Lab) -> None:
    machine = lab.machine()
    name = b"a\nb;$(reboot)${x}%n".hex()
    machine.run(*udhcpc(machine, "-q", "-n", "-x", f"0x0c:{name}"))
    address = machine.heard("ack")
    assert lab.leases()[address]["hostname"] == ""
    assert all(line.startswith("{") for line in lab.server.lines)


def test_udhcpc_behind_a_relay_takes_renews_and_releases(lab: Lab) -> None:
    relay = lab.network.join("relay", "10.77.0.5")
    with Namespace() as space:
        relay.ip(
            *("link", "add", "eth1", "type", "veth"),
            *("peer", "name", "eth0", "netns", str(space.pid)),
        )
        relay.ip("link", "set", "eth1", "up")
        relay.ip("address", "add", "10.78.0.1/24", "dev", "eth1")
        forward = ("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        subprocess.run(relay.inside(*forward), check=True)
        lab.space.ip("route", "add", "10.78.0.0/24", "via", "10.77.0.5")
        machine = Machine(lab, "relayed", "52:54:00:00:02:01", space)
        space.ip("link", "set", "eth0", "up")
        command = relay.inside(
            *(need("dhcrelay"), "-4", "-d", "--no-pid", "-a"),
            *("-id", "eth1", "-iu", "eth0", SERVER),
        )
        with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
            assert running.stderr
            while b"Sending on" not in running.stderr.readline():
                pass
            client = machine.start(*udhcpc(machine))
            try:
                machine.wait_for("bound 10.78.0.100")
                space.ip("route", "add", "default", "via", "10.78.0.1")
                client.send_signal(signal.SIGUSR1)  # renew, past the relay
                assert machine.heard("ack", 2) == "10.78.0.100"
                client.send_signal(signal.SIGUSR2)  # release
                lab.server.wait_for({"event": "Released", "address": "10.78.0.100"})
            finally:
                for process in (client, running):
                    process.kill()
                    process.wait()


# dhclient, of the ISC


def dhclient(machine: Machine, *more: str) -> list[str]:
    folder = machine.folder
    (folder / "dhclient.conf").write_text("timeout 30;\n")
    return [
        *(need("dhclient"), "-4", "-v", "-sf", str(machine.script)),
        *("-cf", str(folder / "dhclient.conf"), "-lf", str(folder / "dhclient.leases")),
        *("-pf", str(folder / "dhclient.pid"), *more, "eth0"),
    ]


def test_dhclient_takes_renews_comes_back_and_releases(lab: Lab) -> None:
    machine = lab.machine()
    client = machine.start(*dhclient(machine, "-d"))
    try:
        address = machine.heard("ack")
        machine.wait_for("RENEW")  # by itself, after half of the lease
        assert machine.heard("ack", 2) == address
    finally:
        client.kill()
        client.wait()
    client = machine.start(*dhclient(machine, "-d"))
    try:
        machine.wait_for("REBOOT")
        assert machine.heard("ack", 3) == address
    finally:
        client.kill()
        client.wait()
    machine.run(*dhclient(machine, "-r"))
    lab.server.wait_for({"event": "Released", "address": address})


def test_dhclient_that_comes_from_another_network_is_refused_and_asks_anew(
    lab: Lab,
) -> None:
    machine = lab.machine()
    (machine.folder / "dhclient.leases").write_text(
        'lease {\n  interface "eth0";\n  fixed-address 192.0.2.77;\n'
        "  option subnet-mask 255.255.255.0;\n  option dhcp-lease-time 86400;\n"
        "  renew 5 2037/01/01 00:00:00;\n  rebind 5 2037/01/01 00:00:00;\n"
        "  expire 5 2037/01/01 00:00:00;\n}\n"
    )
    client = machine.start(*dhclient(machine, "-d"))
    try:
        assert machine.heard("nak") == "192.0.2.77"
        assert machine.heard("ack").startswith("10.77.0.")
    finally:
        client.kill()
        client.wait()


# dhcpcd


def dhcpcd(machine: Machine) -> subprocess.Popen[bytes]:
    """dhcpcd, in the foreground, with the machine's own folder for what it remembers."""
    state = machine.folder / "state"
    state.mkdir(exist_ok=True)
    settings = machine.folder / "dhcpcd.conf"
    settings.write_text("noarp\nnohook resolv.conf, hostname\n")
    mounts = f"mount -t tmpfs none /run && mount --bind {state} /var/lib/dhcpcd"
    return machine.start(
        *(need("unshare"), "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"),
        *(need("dhcpcd"), "-4", "-B", "-f", str(settings), "eth0"),
    )


def test_dhcpcd_takes_renews_releases_and_takes_again(lab: Lab) -> None:
    machine = lab.machine()
    client = dhcpcd(machine)
    try:
        address = machine.heard("ack")
        inside = ("nsenter", f"--mount=/proc/{client.pid}/ns/mnt", need("dhcpcd"), "-4")
        machine.run(*inside, "--renew", "eth0")
        assert machine.heard("ack", 2) == address
        machine.run(*inside, "--release", "eth0")
        lab.server.wait_for({"event": "Released", "address": address})
    finally:
        client.kill()
        client.wait()
    client = dhcpcd(machine)
    try:
        assert machine.heard("ack", 3) == address
    finally:
        client.kill()
        client.wait()
    assert lab.leases()[address]["state"] == "active"


def test_dhcpcd_that_starts_again_asks_for_the_lease_that_it_remembers(
    lab: Lab,
) -> None:
    machine = lab.machine()
    for count in (1, 2):
        client = dhcpcd(machine)
        try:
            address = machine.heard("ack", count)
        finally:
            client.kill()
            client.wait()
    # An ACK without an offer before it: INIT-REBOOT (RFC 2131, section 3.2).
    answers = [
        (event["message"], event["address"])
        for event in lab.server.events
        if event["event"] == "Leased" and event["mac"] == machine.mac
    ]
    assert answers == [("offer", address), ("ack", address), ("ack", address)]


# systemd-networkd, without systemd
NETWORKD = ("/usr/lib/systemd/systemd-networkd", "systemd")

NETWORKD_SETTINGS = """\
[Match]
Name=eth0

[Network]
DHCP=ipv4
LinkLocalAddressing=no
"""

ALONE = """\
mount -t tmpfs none /run
mount -t sysfs -o ro none /sys  # read-only: it then waits for no udev, as in containers
mkdir -p /run/systemd/network
cp {settings} /run/systemd/network/10-eth0.network
exec {program}
"""


def networkd(machine: Machine) -> subprocess.Popen[bytes]:
    """systemd-networkd in a world of its own."""
    program = need_file(*NETWORKD)
    settings = machine.folder / "eth0.network"
    settings.write_text(NETWORKD_SETTINGS)
    settings.chmod(0o644)
    script = ALONE.format(settings=settings, program=program)
    return machine.start(need("unshare"), "--mount", "sh", "-ec", script)


def test_networkd_takes_renews_releases_and_takes_again(lab: Lab) -> None:
    machine = lab.machine()
    client = networkd(machine)
    try:
        address = machine.heard("ack")
        assert machine.heard("ack", 2) == address  # by itself, after half of the lease
        client.terminate()
        lab.server.wait_for({"event": "Released", "address": address})
    finally:
        client.kill()
        client.wait()
    client = networkd(machine)
    try:
        assert machine.heard("ack", 3) == address
    finally:
        client.kill()
        client.wait()

"""The lease server on the network: sockets, probes, the store and other servers."""

import io
import socket
import subprocess
import time
from contextlib import contextmanager
from ipaddress import IPv4Address

import pytest
from rich.console import Console

from fastboot import events, leasing, networks
from fastboot.commands.banner import write_banner
from fastboot.config import Config, DhcpConfig, HttpConfig, LeaseConfig, TftpConfig
from fastboot.config.subnet import SubnetTable
from fastboot.crew import Crew
from fastboot.dhcp import foreign, waiting
from fastboot.dhcp.database import Database, read, release
from fastboot.dhcp.leases import State
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import decode
from fastboot.errors import ConfigError, ListenError
from fastboot.interfaces import Interface
from fastboot.server import Server
from peers import need

from .clients import laptop, uefi
from .lan import ALL, SOON, inside

SERVER = IPv4Address("192.0.2.2")


class Serving:
    """A server that gives addresses, the events that it reported, and its engine."""

    def __init__(self, folder, **dhcp):
        self.events = []
        self.file = folder / "leases.sqlite"
        config = Config(
            folder,
            tftp=TftpConfig(enabled=False),
            http=HttpConfig(enabled=False),
            dhcp=DhcpConfig(**{"mode": "server", "force": True, **dhcp}),
            lease=LeaseConfig(file=self.file),
        )
        self.server = Server(config, self.events.append)
        self.engine = self.server.engines["dhcp"][0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()

    def poll_until(self, done):
        """Poll until something holds, but not for ever."""
        until = time.monotonic() + SOON
        while not done():
            left = until - time.monotonic()
            assert left > 0, f"it did not happen; {self.engine.stats()} {self.events}"
            self.engine.poll(left)

    def exchange(self, client, frame, kind):
        """Send a message and return the answer of a kind."""
        before = self.count(kind)
        client.sendto(frame.encode(), ALL)
        self.poll_until(lambda: self.count(kind) > before)
        return decode(client.recv(2048))

    def count(self, name):
        return self.engine.stats()[name]

    def take(self, client, number=1):
        """DISCOVER to ACK; the address."""
        mac = bytes.fromhex("5254000000") + bytes((number,))
        offer = self.exchange(client, laptop(mac=mac), "offers")
        options = (
            (Code.SERVER_IDENTIFIER, offer.option(Code.SERVER_IDENTIFIER)),
            (Code.REQUESTED_ADDRESS, offer.yiaddr.packed),
        )
        frame = laptop(MessageType.REQUEST, *options, mac=mac)
        return self.exchange(client, frame, "acks").yiaddr


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@contextmanager
def serving(lan, folder, **dhcp):
    with inside(lan.server), Serving(folder, **dhcp) as served:
        yield served


POOL = (SubnetTable("192.0.2.0/24", pool=("192.0.2.100-192.0.2.110",)),)


def test_an_address_is_given_and_kept(lan, folder):
    with serving(lan, folder, probe=False) as served, lan.client(lan.left) as client:
        assert served.take(client) == IPv4Address("192.0.2.128")
        kinds = [e.message for e in served.events if isinstance(e, events.Leased)]
        assert kinds == ["offer", "ack"]
        (lease,) = read(served.file)
        assert (lease.address, lease.state) == (IPv4Address("192.0.2.128"), State.BOUND)
        assert abs(lease.expires - time.time() - 3600) < 60


def test_each_network_gives_its_own_addresses(lan, folder):
    with serving(lan, folder, probe=False) as served:
        for machine, address in (
            (lan.left, "192.0.2.128"),
            (lan.right, "198.51.100.128"),
        ):
            with lan.client(machine) as client:
                assert served.take(client) == IPv4Address(address)


def test_what_was_chosen_without_being_asked_is_said(lan, folder):
    with serving(lan, folder) as served:
        served.server.announce(served.events.append)
        found = [e for e in served.events if isinstance(e, events.Serves)]
        assert found == [
            events.Serves(
                "192.0.2.0/24", "192.0.2.128 to 192.0.2.254", 3600, chosen=True
            ),
            events.Serves(
                "198.51.100.0/24", "198.51.100.128 to 198.51.100.254", 3600, chosen=True
            ),
        ]


def test_the_first_screen_says_what_is_given(lan, folder):
    console = Console(width=200, record=True, file=io.StringIO())
    with serving(lan, folder, subnet=POOL) as served:
        write_banner(console, served.server, privileged=True)
    assert (
        "DHCP   server, gives 192.0.2.100 to 192.0.2.110 of 192.0.2.0/24 for 3600 s"
        in console.export_text()
    )


def test_an_address_that_somebody_has_is_not_offered(lan, folder):
    lan.right.ip("address", "flush", "dev", "eth0")
    with serving(lan, folder, subnet=POOL) as served, lan.client(lan.left) as client:
        lan.left.ip("address", "add", "192.0.2.100/24", "dev", "eth0")
        frame = served.exchange(client, laptop(), "offers")
        assert frame.yiaddr == IPv4Address("192.0.2.101")
        (found,) = [e for e in served.events if isinstance(e, events.Conflict)]
        assert (found.address, found.how) == ("192.0.2.100", "found it in use")


def test_a_probe_keeps_nobody_else_waiting(lan, folder, monkeypatch):
    monkeypatch.setattr(waiting, "WAIT", 3600.0)
    with serving(lan, folder, subnet=POOL) as served, lan.client(lan.left) as client:
        client.sendto(laptop().encode(), ALL)
        served.poll_until(lambda: served.count("received") == 1)
        inform = laptop(MessageType.INFORM, ciaddr=IPv4Address("192.0.2.77"))
        lan.left.ip("address", "add", "192.0.2.77/24", "dev", "eth0")
        assert served.exchange(client, inform, "acks").yiaddr == IPv4Address(0)
        assert served.count("offers") == 0


def test_a_client_that_asks_again_meanwhile_is_answered_once(lan, folder):
    with serving(lan, folder, subnet=POOL) as served, lan.client(lan.left) as client:
        client.sendto(laptop(xid=1).encode(), ALL)
        assert served.exchange(client, laptop(xid=2), "offers").xid == 2
        assert served.count("offers") == 1
        # Nobody had it a moment ago, so it is not tried again.
        assert served.exchange(client, laptop(xid=3), "offers").xid == 3


def test_R3_so_many_addresses_are_tried_at_a_time(lan, folder, monkeypatch):
    monkeypatch.setattr(waiting, "TRIES_MAX", 0)
    with serving(lan, folder, subnet=POOL) as served, lan.client(lan.left) as client:
        served.exchange(client, laptop(), "offers")
        assert len(served.engine._waiting._tried) == 0


def test_R3_so_many_addresses_are_known_to_be_nobodys(lan, folder, monkeypatch):
    monkeypatch.setattr(waiting, "HELD_MAX", 1)
    with serving(lan, folder, subnet=POOL) as served, lan.client(lan.left) as client:
        for number in (1, 2):
            served.take(client, number)
        tried = served.engine._waiting._tried
        assert list(tried) == [IPv4Address("192.0.2.101")]


def test_without_the_right_to_probe_addresses_are_offered_untried(
    lan, folder, monkeypatch
):
    monkeypatch.setattr(waiting, "_icmp_socket", lambda: None)
    with serving(lan, folder) as served, lan.client(lan.left) as client:
        served.take(client)
        (found,) = [e for e in served.events if isinstance(e, events.LeaseTrouble)]
        assert "untried" in found.reason


def test_all_of_a_turn_is_one_transaction(lan, folder, monkeypatch):
    saved = []
    save = Database.save
    monkeypatch.setattr(
        Database, "save", lambda self, rows: saved.append(len(rows)) or save(self, rows)
    )
    with serving(lan, folder, probe=False) as served, lan.client(lan.left) as client:
        for number in range(20):
            mac = bytes.fromhex("5254000000") + bytes((number,))
            options = (
                (Code.SERVER_IDENTIFIER, SERVER.packed),
                (Code.REQUESTED_ADDRESS, bytes((192, 0, 2, 130 + number))),
            )
            frame = laptop(MessageType.REQUEST, *options, mac=mac)
            client.sendto(frame.encode(), ALL)
        served.engine.poll(SOON)
        assert (served.count("acks"), saved) == (20, [20])


def test_R14_no_address_is_given_while_leases_cannot_be_kept(lan, folder):
    with serving(lan, folder, probe=False) as served, lan.client(lan.left) as client:
        database = served.server.leasing._database
        database._connection.execute("PRAGMA query_only = on")
        options = (
            (Code.SERVER_IDENTIFIER, SERVER.packed),
            (Code.REQUESTED_ADDRESS, IPv4Address("192.0.2.130").packed),
        )
        client.sendto(laptop(MessageType.REQUEST, *options).encode(), ALL)
        served.poll_until(lambda: served.count("unsent") == 1)
        (found,) = [e for e in served.events if isinstance(e, events.LeaseTrouble)]
        assert "nobody gets an address" in found.reason
        assert served.count("acks") == 0
        database._connection.execute("PRAGMA query_only = off")
        assert served.take(client) == IPv4Address("192.0.2.128")


def test_a_person_releases_a_lease_while_it_runs(lan, folder):
    with serving(lan, folder, probe=False) as served, lan.client(lan.left) as client:
        address = served.take(client)
        release(served.file, str(address), time.time())
        served.poll_until(
            lambda: events.Released("52:54:00:00:00:01", str(address)) in served.events
        )


def test_D10_a_relay_in_a_subnet_may_speak_for_any_number_of_machines(lan, folder):
    relay = IPv4Address("192.0.2.9")
    lan.left.ip("address", "add", "192.0.2.9/24", "dev", "eth0")
    with (
        serving(lan, folder, probe=False) as served,
        lan.client(lan.left, 67) as client,
    ):
        for number in range(100):
            mac = bytes.fromhex("525400000100") + bytes((number,))
            client.sendto(uefi(mac=mac[1:], giaddr=relay).encode(), ("192.0.2.2", 67))
        served.poll_until(lambda: served.count("received") == 100)
        assert served.count("offers") == 100


def test_a_damaged_file_is_said_in_one_line(lan, folder):
    (folder / "leases.sqlite").write_bytes(b"nothing of use" * 100)
    with serving(lan, folder) as served:
        (found,) = [e for e in served.events if isinstance(e, events.LeaseTrouble)]
        assert "leases.sqlite.damaged1" in found.reason
        assert "\n" not in found.reason


def test_a_network_that_comes_while_it_runs_gets_addresses_too(
    lan, folder, monkeypatch
):
    monkeypatch.setattr(networks, "crew", Crew)  # its threads begin in this namespace
    monkeypatch.setattr(foreign, "WAIT", 0.3)
    lan.server.ip("address", "flush", "dev", "eth1")
    try:
        with (
            serving(lan, folder, probe=False, force=False) as served,
            lan.client(lan.right) as client,
        ):
            assert len(served.server.leasing.serves) == 1
            lan.server.ip("address", "add", "203.0.113.2/24", "dev", "eth1")
            came = events.Serves(
                *("203.0.113.0/24", "203.0.113.128 to 203.0.113.254", 3600, True)
            )
            served.poll_until(lambda: came in served.events)
            assert served.take(client) == IPv4Address("203.0.113.128")
            assert len(served.server.leasing.serves) == 2
    finally:
        lan.server.ip("address", "flush", "dev", "eth1")
        lan.server.ip("address", "add", "198.51.100.2/24", "dev", "eth1")


# Another server


def test_D9_where_another_server_answers_none_is_begun(lan, folder):
    lan.left.ip("address", "add", "192.0.2.1/24", "dev", "eth0")
    command = lan.left.inside(
        *(need("dnsmasq"), "--conf-file=/dev/null", "--keep-in-foreground"),
        *("--user=root", "--group=root", "--port=0", "--interface=eth0"),
        *("--bind-interfaces", "--leasefile-ro", "--no-ping"),
        *("--log-facility=-", "--dhcp-range=192.0.2.50,192.0.2.60,1h"),
    )
    with subprocess.Popen(command, stderr=subprocess.PIPE) as other:
        try:
            assert b"started" in other.stderr.readline()
            with (
                pytest.raises(ListenError) as caught,
                serving(lan, folder, force=False),
            ):
                pass
        finally:
            other.terminate()
            other.stderr.read()
    text = str(caught.value)
    assert text.startswith("another DHCP server, 192.0.2.1, answers on eth0 (it offers")
    assert "--dhcp-force" in text
    assert not (folder / "leases.sqlite").exists()


def test_D9_where_none_answers_it_begins(lan, folder, monkeypatch):
    monkeypatch.setattr(foreign, "WAIT", 0.1)
    monkeypatch.setattr(foreign, "AGAIN", 0.05)
    with serving(lan, folder, force=False) as served:
        assert served.engine.ports


def test_D9_an_interface_that_cannot_be_asked_is_an_error_for_people(lan, monkeypatch):
    def broken(*_):
        raise OSError(100, "Network is down")

    monkeypatch.setattr(socket.socket, "sendto", broken)
    with inside(lan.server), pytest.raises(ListenError, match=r"ask on eth0 .*is down"):
        foreign.look([("eth0", bytes(6))])


# What is refused


def test_a_machine_without_a_network_has_no_addresses_to_give(folder, monkeypatch):
    monkeypatch.setattr(
        leasing.Interfaces, "all", lambda self: (Interface("lo", 1, networks=()),)
    )
    with pytest.raises(ConfigError, match="no network to give addresses of"):
        Serving(folder)


def test_a_subnet_that_is_wrong_is_named_and_leaves_nothing_open(folder):
    with pytest.raises(ConfigError, match=r"\[\[dhcp.subnet\]\] number 1: network"):
        Serving(folder, subnet=(SubnetTable("x"),))

"""R11: whenever a lease server is killed, what it acknowledged holds."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from dhcp.clients import laptop
from dhcp.lan import inside
from fastboot.dhcp.database import read
from fastboot.dhcp.leases import State
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import decode
from firmware.network import Namespace
from peers import need

from .lease_server import NETWORK

pytestmark = pytest.mark.slow

ROUNDS = 100
SEED = 20260101
AT_ONCE = 24
"""Clients under way at the same time: several share a transaction."""

ACKS_MOST = 40
"""Acknowledgements in a round before the server is killed, at the most."""

SERVER = ("10.77.0.2", 67)
RELAY = "10.77.0.3"
PATIENCE = 20.0


class Killable:
    """A server that is killed and started again."""

    def __init__(self, space, folder):
        program = Path(__file__).with_name("lease_server.py")
        self._zygote = subprocess.Popen(
            space.inside(sys.executable, str(program), str(folder)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self):
        self._zygote.stdin.write("\n")
        self._zygote.stdin.flush()
        self.pid = int(self._zygote.stdout.readline())

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def close(self):
        self._zygote.stdin.close()
        self._zygote.wait()
        self._zygote.stdout.close()


class Clients:
    """Clients behind a relay that we are; each asks for an address of its own."""

    def __init__(self, sock):
        self.sock = sock
        self.given = {}  # number -> address that was acknowledged
        self.asked = set()
        self.next = 0

    def begin(self):
        """One more client asks."""
        number, self.next = self.next, self.next + 1
        self.send(number, laptop(mac=mac(number), xid=number, giaddr=giaddr()))

    def send(self, number, frame):
        self.asked.add(number)
        self.sock.sendto(frame.encode(), SERVER)

    def take(self, timeout):
        """Take one answer, and go on with it; None if none comes."""
        self.sock.settimeout(timeout)
        try:
            frame = decode(self.sock.recv(2048))
        except (TimeoutError, BlockingIOError):
            return None
        number = frame.xid
        if frame.message_type == MessageType.OFFER:
            self.send(number, selecting(number, frame))
        elif frame.message_type == MessageType.ACK:
            before = self.given.setdefault(number, frame.yiaddr)
            assert before == frame.yiaddr, "a client was given another address"
        return frame


def mac(number):
    return b"\2\0" + number.to_bytes(4, "big")


def giaddr():
    return IPv4Address(RELAY)


def selecting(number, offer):
    options = (
        (Code.SERVER_IDENTIFIER, offer.option(Code.SERVER_IDENTIFIER)),
        (Code.REQUESTED_ADDRESS, offer.yiaddr.packed),
    )
    return laptop(
        MessageType.REQUEST, *options, mac=mac(number), xid=number, giaddr=giaddr()
    )


def rebooting(number, address):
    wish = (Code.REQUESTED_ADDRESS, address.packed)
    return laptop(
        MessageType.REQUEST, wish, mac=mac(number), xid=number, giaddr=giaddr()
    )


@pytest.fixture
def spaces():
    need("ip")
    with Namespace() as server, Namespace() as relay:
        server.ip(
            *("link", "add", "eth0", "type", "veth"),
            *("peer", "name", "eth0", "netns", str(relay.pid)),
        )
        for space, address in ((server, SERVER[0]), (relay, RELAY)):
            space.ip("link", "set", "eth0", "up")
            space.ip("address", "add", f"{address}/{NETWORK[-2:]}", "dev", "eth0")
        yield server, relay


@pytest.fixture
def clients(spaces):
    with inside(spaces[1]):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.bind((RELAY, 67))
        yield Clients(sock)


@pytest.fixture
def server(spaces, tmp_path):
    killable = Killable(spaces[0], tmp_path)
    yield killable
    killable.close()


def under_load(clients, acks):
    """Keep so many clients busy until there were so many more acknowledgements."""
    wanted = len(clients.given) + acks
    until = time.monotonic() + PATIENCE
    for _ in range(AT_ONCE):
        clients.begin()
    while len(clients.given) < wanted:
        assert time.monotonic() < until, "the server does not answer"
        frame = clients.take(PATIENCE)
        if len(clients.given) == wanted:
            return  # at once: others of the same turn are on their way
        if frame is not None and frame.message_type == MessageType.ACK:
            clients.begin()


def test_R11_no_acknowledged_lease_is_lost_and_none_given_twice(
    clients, server, tmp_path
):
    chance = random.Random(SEED)
    for _ in range(ROUNDS):
        server.start()
        under_load(clients, chance.randrange(ACKS_MOST))
        server.kill()
        while clients.take(0.002) is not None:
            pass  # what had left before it died is promised as well
    server.start()
    kept = {lease.client: lease for lease in read(tmp_path / "leases.sqlite")}
    assert len(clients.given) > ROUNDS * ACKS_MOST / 4
    assert len(set(clients.given.values())) == len(clients.given)
    for number, address in clients.given.items():
        lease = kept[b"\1" + mac(number)]
        assert (lease.address, lease.state) == (address, State.BOUND)
    number, address = chance.choice(sorted(clients.given.items()))
    clients.send(number, rebooting(number, address))
    assert clients.take(PATIENCE).message_type == MessageType.ACK
    server.kill()

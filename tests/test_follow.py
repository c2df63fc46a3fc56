"""Devices that are replaced are followed, whatever the socket is for."""

import select
import socket
import subprocess
from contextlib import closing

import pytest

from dhcp.lan import inside
from fastboot import follow, listen
from fastboot.follow import Follower
from fastboot.interfaces import Changes
from fastboot.listen import Place
from firmware.network import Namespace
from peers import need
from serving import Serving

SOON = 10.0
"""Seconds to wait for what comes within milliseconds."""

SERVER = "192.0.2.2"


@pytest.fixture
def cable():
    """A namespace for a server and one for a peer, and what plugs a cable in between."""
    need("ip")
    with Namespace() as server, Namespace() as peer:

        def plug():
            server.ip(
                *("link", "add", "eth1", "type", "veth"),
                *("peer", "name", "eth0", "netns", str(peer.pid)),
            )
            for space, device, address in (
                (server, "eth1", SERVER),
                (peer, "eth0", "192.0.2.1"),
            ):
                space.ip("link", "set", device, "up")
                space.ip("address", "add", f"{address}/24", "dev", device)

        plug()
        yield server, peer, plug


def replace_device(cable):
    server, _, plug = cable
    server.ip("link", "del", "eth1")
    plug()


def told(follower):
    """Poll until the kernel's news are worked off."""
    while select.select([follower], [], [], 0.1)[0]:
        follower.poll()


def test_R7_a_udp_socket_follows_its_device(cable):
    server, peer, _ = cable
    with inside(server), closing(Follower()) as follower:
        place = Place("0.0.0.0", "eth1", follower.add)
        with listen.udp(place, 6969, "TFTP") as sock:
            replace_device(cable)
            told(follower)
            with inside(peer), socket.socket(type=socket.SOCK_DGRAM) as client:
                client.sendto(b"hello", (SERVER, 6969))
            assert select.select([sock], [], [], SOON)[0]
            assert follower.stats()["bound"] == 1


def test_R7_a_listening_tcp_socket_follows_its_device(cable):
    server, peer, _ = cable
    with inside(server), closing(Follower()) as follower:
        place = Place("0.0.0.0", "eth1", follower.add)
        with listen.tcp(place, 8080, "HTTP") as sock:
            replace_device(cable)
            told(follower)
            with inside(peer):
                client = socket.create_connection((SERVER, 8080), SOON)
            client.close()
            assert select.select([sock], [], [], SOON)[0]


def test_a_device_that_is_the_same_is_left_alone(cable):
    with inside(cable[0]), closing(Follower()) as follower:
        place = Place("0.0.0.0", "eth1", follower.add)
        with listen.udp(place, 6969, "TFTP"):
            cable[0].ip("link", "set", "eth1", "down")
            cable[0].ip("link", "set", "eth1", "up")
            told(follower)
            assert follower.stats()["looks"] > 0
            assert follower.stats()["bound"] == 0


def test_a_socket_that_was_closed_is_forgotten(cable):
    with inside(cable[0]), closing(Follower()) as follower:
        place = Place("0.0.0.0", "eth1", follower.add)
        listen.udp(place, 6969, "TFTP").close()
        replace_device(cable)
        told(follower)
        assert follower.stats()["bound"] == 0
        assert follower._bound == []


def test_where_the_kernel_does_not_tell_it_looks_by_itself(cable, monkeypatch):
    monkeypatch.setattr(Changes, "open", lambda: None)
    monkeypatch.setattr(follow, "LOOK", 0.01)
    with inside(cable[0]), closing(Follower()) as follower:
        place = Place("0.0.0.0", "eth1", follower.add)
        with listen.udp(place, 6969, "TFTP"):
            replace_device(cable)
            follower.poll(SOON)
            assert follower.stats()["bound"] == 1


def test_a_socket_that_cannot_be_bound_anew_is_tried_again(cable):
    with inside(cable[0]), closing(Follower()) as follower:
        place = Place("0.0.0.0", "eth1", follower.add)
        with listen.udp(place, 6969, "TFTP") as sock:
            replace_device(cable)
            stuck = Stuck(sock.detach())
            follower.add(stuck, "eth1")
            follower._bound[-1] = (*follower._bound[-1][:2], 1)  # it was another device
            told(follower)
            assert follower.stats()["bound"] == 0
            del stuck.setsockopt
            cable[0].ip("link", "set", "eth1", "down")
            told(follower)
            assert follower.stats()["bound"] == 1
            stuck.close()


class Stuck(socket.socket):
    """A socket whose device goes at the wrong moment."""

    def __init__(self, fd):
        super().__init__(fileno=fd)
        self.setsockopt = self.fail

    def fail(self, *_):
        raise OSError(19, "No such device")


def test_closing_twice_is_closing_once():
    follower = Follower()
    follower.close()
    follower.close()


def test_a_follower_has_no_ports_and_nothing_to_finish():
    with closing(Follower()) as follower:
        follower.drain()
        follower.wake()
        follower.poll(None)
        assert follower.ports == ()
        assert follower.idle


def get(peer, name):
    """A file by HTTP and by TFTP, as a program in the peer's namespace fetches it."""
    busybox = need("busybox")
    commands = [
        (busybox, "wget", "-q", "-O", "-", f"http://{SERVER}/{name}"),
        (busybox, "tftp", "-g", "-r", name, "-l", "/dev/stdout", SERVER),
    ]
    return [
        subprocess.run(
            peer.inside(*command), capture_output=True, timeout=60, check=True
        ).stdout
        for command in commands
    ]


@pytest.mark.slow
def test_R7_a_server_goes_on_when_its_card_is_plugged_in_again(cable, tmp_path):
    server, peer, _ = cable
    (tmp_path / "hello").write_bytes(b"world")
    flags = ("--interface", "eth1")
    with Serving(tmp_path, *flags, place=server.inside):
        for _ in range(3):
            assert get(peer, "hello") == [b"world", b"world"]
            replace_device(cable)
            settle(peer)


@pytest.mark.slow
def test_R7_an_address_that_comes_after_the_start_is_served(cable, tmp_path):
    server, peer, _ = cable
    (tmp_path / "hello").write_bytes(b"world")
    server.ip("address", "del", f"{SERVER}/24", "dev", "eth1")
    with Serving(tmp_path, "--address", SERVER, place=server.inside) as serving:
        serving.wait_for({"event": "Awaited", "address": SERVER})
        server.ip("address", "add", f"{SERVER}/24", "dev", "eth1")
        settle(peer)
        assert get(peer, "hello") == [b"world", b"world"]


def settle(peer):
    """Wait until the server's machine answers at all over the new cable."""
    with inside(peer):
        for _ in range(100):
            try:
                socket.create_connection((SERVER, 80), 0.1).close()
            except OSError:
                continue
            return
    raise AssertionError("the server did not come back")

"""The engine and its stranger clients: rules for some, bounds for floods, old habits."""

import os
import socket
import struct

import pytest

from fastboot import events
from fastboot.arrival import arrival
from fastboot.beneath import open_beneath
from fastboot.config.client import TftpClient
from fastboot.tftp import engine as engine_module
from fastboot.tftp.packet import Ack, Data, Error, OptionAck
from fastboot.tftp.request import forged
from fastboot.tree import Blob, Directory, Memory

FILE = bytes(range(256)) * 20
TREE = Memory({"file": FILE, "empty": b""})
EDK2 = ((b"tsize", b"0"), (b"blksize", b"1468"), (b"windowsize", b"4"))


def test_a_rule_for_the_clients_network_bounds_what_is_granted(serve):
    rule = TftpClient(
        address="127.0.0.2", refuse=("tsize",), max_blksize=1024, max_windowsize=2
    )
    served = serve(TREE, client=(rule,))
    packet, _ = served.ask(served.client("127.0.0.2"), b"file", *EDK2)
    assert packet == OptionAck(((b"blksize", b"1024"), (b"windowsize", b"2")))
    packet, _ = served.ask(served.client("127.0.0.3"), b"file", *EDK2)
    assert len(packet.options) == 3


def test_a_rule_for_what_a_client_asks_bounds_what_is_granted(serve):
    rule = TftpClient(options=("tsize", "blksize", "windowsize"), refuse=("all",))
    served = serve(TREE, client=(rule,))
    packet, _ = served.ask(served.client(), b"file", *EDK2)
    assert packet == Data(1, FILE[:512])
    packet, _ = served.ask(served.client(), b"file", *EDK2[:2])
    assert isinstance(packet, OptionAck)


def test_a_rule_for_a_mac_asks_the_kernel_once_a_request(serve, monkeypatch):
    asked = []

    def known(address, index):
        asked.append((address, index))
        return bytes.fromhex("525400123456")

    monkeypatch.setattr(engine_module, "hardware_address_of", known)
    served = serve(TREE, client=(TftpClient(mac="52:54:00", max_blksize=600),))
    packet, _ = served.ask(served.client(), b"file", *EDK2)
    assert packet.options[1] == (b"blksize", b"600")
    ((address, index),) = asked
    assert (address, index) == ("127.0.0.1", socket.if_nametoindex("lo"))


def test_without_a_rule_for_a_mac_the_kernel_is_not_asked(serve, monkeypatch):
    monkeypatch.setattr(engine_module, "hardware_address_of", pytest.fail)
    served = serve(TREE, client=(TftpClient(address="127.0.0.1", max_blksize=600),))
    assert served.ask(served.client(), b"file", *EDK2)[0].options[1][1] == b"600"


def answered(served, sock, name, times):
    return sum(served.ask(sock, name)[0] is not None for _ in range(times))


def test_T8_requests_for_nothing_are_answered_so_often_and_no_more(serve):
    served = serve(TREE, max_request_rate=1)
    sock = served.client()
    assert answered(served, sock, b"missing", 50) == 10
    assert isinstance(served.events[-1], events.Dropped)
    served.poll(3.0)
    assert answered(served, sock, b"missing", 50) == 3
    assert answered(served, served.client("127.0.0.2"), b"missing", 5) == 5


def test_T8_who_fetches_what_he_asks_for_may_ask_as_often_as_he_likes(serve):
    served = serve(TREE, max_request_rate=0.1)
    sock = served.client()
    for _ in range(20):
        assert served.get(sock, b"empty") == b""
        _, tid = served.ask(sock, b"file", *EDK2)
        served.say(sock, Error(8, b"User aborted the transfer"), tid)


def test_T3_T8_requests_that_are_never_acknowledged_count(serve):
    served = serve(TREE, max_request_rate=1)
    socks = [served.client() for _ in range(15)]
    assert sum(served.ask(sock, b"file")[0] is not None for sock in socks) == 10
    while not served.engine.idle:
        served.poll(1.0)


def test_a_request_to_a_broadcast_address_is_ignored(serve):
    # RFC 1123, section 4.2.3.5: else every server on the network answers.
    served = serve(TREE, address="0.0.0.0")
    sock = served.client()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    assert served.ask(sock, b"file", to="127.255.255.255") == (None, None)
    (event,) = served.events
    assert event == events.Dropped("tftp", "127.0.0.1", "sent to a broadcast address")


def test_a_request_to_a_multicast_address_is_ignored():
    to = socket.inet_pton(socket.AF_INET6, "ff02::1")
    told = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, to + struct.pack("=i", 1))
    assert forged(2000, arrival([told])) == "sent to a broadcast address"
    alone = (*told[:2], socket.inet_pton(socket.AF_INET6, "fe80::1") + told[2][16:])
    assert not forged(2000, arrival([alone]))


# Files that hang or are stale (F6)


class Stale:
    """A folder on a server that has forgotten its files."""

    def __init__(self, folder, name):
        self._folder = folder
        self._name = name

    def open(self, name, client):
        if name == self._name:
            # Reading a folder fails on every system, as reading a stale handle does.
            fd = os.open(self._folder.root, os.O_RDONLY)
            return Blob(size=5000, etag='"stale"', mtime_ns=0, fd=fd)
        return self._folder.open(name, client)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    tree = Directory(tmp_path)
    yield tree
    tree.close()


@pytest.mark.parametrize("options", [(), ((b"blksize", b"512"),)])
def test_F6_a_file_that_cannot_be_read_ends_its_own_transfer_alone(
    serve, folder, options
):
    served = serve(Stale(folder, "stale"))
    neighbour = served.client()
    _, tid = served.ask(neighbour, b"file")
    sock = served.client()
    packet, stale_tid = served.ask(sock, b"stale", *options)
    if isinstance(packet, OptionAck):
        packet, _ = served.say(sock, Ack(0), stale_tid)
    assert packet == Error(0, b"the file changed or cannot be read")
    assert isinstance(served.events[-1], events.Failed)
    assert served.say(neighbour, Ack(1), tid)[0].block == 2


def test_F6_a_file_that_cannot_be_opened_is_error_0(serve, folder, monkeypatch):
    def stale(root, path):
        raise OSError(116, os.strerror(116))  # ESTALE

    served = serve(folder)
    monkeypatch.setitem(open_beneath.__globals__, "_open", stale)
    packet, _ = served.ask(served.client(), b"file")
    assert packet.code == 0
    assert b"Stale file handle" in packet.message
    monkeypatch.undo()
    assert served.get(served.client(), b"file") == FILE

"""TFTP's engine where files change, sockets are full and content fails."""

import os
from types import SimpleNamespace

import pytest

from fastboot import events
from fastboot.tftp.carrier import Carrier
from fastboot.tftp.packet import Ack, Data
from fastboot.tree import Blob, Directory, Memory
from served import Served

from .files import FILE, TREE


def test_F3_a_replaced_file_is_finished_as_it_was(serve, tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    served = serve(Directory(tmp_path))
    sock = served.client()
    packet, tid = served.ask(sock, b"file")
    (tmp_path / "new").write_bytes(b"other" * 1000)
    os.replace(tmp_path / "new", tmp_path / "file")
    whole = packet.payload
    while len(packet.payload) == 512:
        packet, _ = served.say(sock, Ack(packet.block), tid)
        whole += packet.payload
    assert whole == FILE
    assert served.get(served.client(), b"file") == b"other" * 1000


def test_F1_a_file_cut_short_ends_its_transfer_and_nothing_else(serve, tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    (tmp_path / "other").write_bytes(FILE)
    served = serve(Directory(tmp_path))
    sock, neighbour = served.client(), served.client()
    _, tid = served.ask(sock, b"file")
    _, other_tid = served.ask(neighbour, b"other")
    os.truncate(tmp_path / "file", 600)
    answer, block = Data(1, b""), 1
    while isinstance(answer, Data):  # what was read before the cut may still come
        assert len(answer.payload) in (0, 512), "the end of the file, though it is cut"
        answer, _ = served.say(sock, Ack(block), tid)
        block += 1
    assert answer.code == 0
    assert isinstance(served.events[-1], events.Failed)
    assert served.say(neighbour, Ack(1), other_tid)[0].block == 2


class FullSocket:
    """Stands before a socket and has no room for a while (R4).

    The compiled twin needs a real one: tests/faults.
    """

    def __init__(self, sock, refusals):
        self.sock = sock
        self.refusals = refusals

    def sendmsg(self, *args):
        if self.refusals:
            self.refusals -= 1
            raise BlockingIOError
        return self.sock.sendmsg(*args)

    def __getattr__(self, name):
        return getattr(self.sock, name)


@pytest.mark.parametrize("carrier", ["py"], indirect=True)
def test_R4_blocks_wait_for_room_in_their_order(serve):
    served = serve(Memory({"file": FILE}))
    sock = served.client()
    _, tid = served.ask(sock, b"file", (b"windowsize", b"8"))
    ports = served.engine._carrier._ports
    (fd,) = (s for s in ports._outbox if ports._sockets[s].getsockname() == tid)
    ports._sockets[fd] = FullSocket(ports._sockets[fd], 3)
    sock.sendto(Ack(0).encode(), tid)
    got = []
    for _ in range(15):
        served.poll()
        packet, _ = served.take(sock)
        if packet is not None:
            got.append(packet.block)
    assert got == list(range(1, 9))
    assert served.engine._carrier._poller.wait(0) == []  # looks for room no more


def test_a_mistake_inside_one_request_leaves_the_rest_alone(carrier):
    class Broken:
        def open(self, name, client):
            if name == "bad":
                raise ZeroDivisionError
            return TREE.open(name, client)

    served = Served(Broken(), carrier)
    served.ask(served.client(), b"bad")
    assert isinstance(served.events[0], events.Fault)
    assert served.get(served.client(), b"file") == FILE
    served.close()


class Exploding(Blob):
    """Content that nobody can read, for a reason nobody thought of."""

    __slots__ = ()

    def read(self, offset, length):
        if offset:
            raise RuntimeError("no reason")
        return b"x" * length


@pytest.mark.parametrize("mode", [b"octet", b"netascii"])
def test_a_mistake_inside_one_transfer_ends_it_and_frees_its_place(carrier, mode):
    blob = Exploding(size=100_000, etag='"x"')
    tree = SimpleNamespace(open=lambda name, client: blob)
    served = Served(tree, carrier, max_transfers=1)
    sock = served.client()
    packet, tid = served.ask(sock, b"file", mode=mode)
    for block in range(1, 200):
        if not isinstance(packet, Data) or served.engine.idle:
            break
        packet, _ = served.say(sock, Ack(block), tid)
    assert served.engine.idle
    assert any(isinstance(event, events.Fault) for event in served.events) or (
        carrier is not Carrier and mode == b"octet"  # it reads the bytes at the start
    )
    served.close()


def test_content_that_cannot_be_begun_with_frees_its_place(carrier):
    class Unbegun(Blob):
        __slots__ = ()

        def read(self, offset, length):
            raise RuntimeError("no reason")

    tree = SimpleNamespace(open=lambda name, client: Unbegun(size=100_000, etag='"x"'))
    served = Served(tree, carrier, max_transfers=1)
    served.ask(served.client(), b"file")
    assert served.engine.idle
    assert any(isinstance(event, events.Fault) for event in served.events)
    served.close()

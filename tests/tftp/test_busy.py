"""A socket on which there is always something leaves the others their turn."""

import socket
import threading

import pytest

from fastboot.config import TftpConfig
from fastboot.listen import Place
from fastboot.tftp.engine import Engine
from fastboot.tftp.packet import Ack, Data, ReadRequest, decode
from fastboot.tree import Memory

FILE = bytes(range(256)) * 100


class Client:
    """Waits for what it asked for, for ever."""

    def __init__(self, address, port):
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((address, 0))
        self._sock.sendto(
            ReadRequest(b"file", b"octet", ()).encode(), ("127.0.0.1", port)
        )
        self.packet, self._tid = self._hear()

    def _hear(self):
        raw, tid = self._sock.recvfrom(2048)
        packet = decode(raw)
        assert isinstance(packet, Data)
        return packet, tid

    def say(self, block):
        self.say_bytes(Ack(block).encode())

    def say_bytes(self, data):
        self._sock.sendto(data, self._tid)

    def hear(self):
        self.packet, _ = self._hear()
        return self.packet

    def get(self):
        """The rest of the file, block by block, behind what came already."""
        blocks = {1: self.packet.payload}
        while len(self.packet.payload) == 512:
            self.say(self.packet.block)
            self.hear()  # what came before, where the machine stood still for a second
            blocks[self.packet.block] = self.packet.payload
        self.say(self.packet.block)
        self.close()
        return b"".join(blocks.values())

    def close(self):
        self._sock.close()


@pytest.fixture
def port(carrier):
    """The port of an engine that a thread runs, and that some never leave alone."""
    engine = Engine(
        TftpConfig(port=0),
        Memory({"file": FILE}),
        lambda event: None,
        [Place("127.0.0.1")],
        carrier=carrier,
    )
    enough, over = threading.Event(), threading.Event()

    def serve():
        while not over.is_set():
            engine.poll(None)

    def pester():
        while not enough.is_set():
            Client("127.0.0.2", engine.ports[0][1]).get()

    server, *others = (threading.Thread(target=t) for t in (serve, pester, pester))
    for thread in (server, *others):
        thread.start()
    yield engine.ports[0][1]
    enough.set()
    for thread in others:
        thread.join()
    over.set()
    engine.wake()
    server.join()
    engine.close()


def test_others_get_their_files(port):
    assert Client("127.0.0.1", port).get() == FILE


def test_what_is_lost_is_sent_again(port):
    client = Client("127.0.0.1", port)
    assert client.hear() == client.packet == Data(1, FILE[:512])
    client.close()


def test_T1_a_datagram_of_64_kib_at_a_port_for_files_is_nothing(port):
    client = Client("127.0.0.1", port)
    client.say_bytes(bytes(65_507))
    client.say(1)
    while client.hear().block == 1:
        pass
    assert client.packet == Data(2, FILE[512:1024])
    client.close()

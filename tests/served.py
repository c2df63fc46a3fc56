"""A TFTP engine on loopback whose clock stands still unless told otherwise."""

import socket

from fastboot.batch import Both
from fastboot.config import TftpConfig
from fastboot.listen import Place
from fastboot.seen import ignore
from fastboot.tftp.engine import Engine
from fastboot.tftp.packet import Ack, OptionAck, ReadRequest, decode

OCTET = b"octet"


class Served:
    """An engine with a clock that stands still unless told otherwise.

    `follows` is a timeline that is told what happens, too.
    """

    def __init__(
        self, tree, carrier, address="127.0.0.1", mtu=None, follows=None, **config
    ):
        self.now = 1000.0
        self.events = []
        self.engine = Engine(
            TftpConfig(port=0, **config),
            tree,
            self.events.append
            if follows is None
            else Both(follows, self.events.append),
            [Place(address)],
            mtu=lambda index: mtu,
            clock=lambda: self.now,
            carrier=carrier,
            view=ignore if follows is None else follows,
        )
        self.port = self.engine.ports[0][1]
        self.clients = []

    def client(self, address="127.0.0.1", port=0):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, port))
        sock.setblocking(False)
        self.clients.append(sock)
        return sock

    def poll(self, seconds=0.0):
        """Let time pass, then let the engine do all there is to do."""
        self.now += seconds
        for _ in range(3):
            self.engine.poll(0)

    def ask(self, sock, name, *options, mode=OCTET, to="127.0.0.1"):
        """Send a read request; what came back, and from where."""
        sock.sendto(ReadRequest(name, mode, options).encode(), (to, self.port))
        self.poll()
        return self.take(sock)

    def say(self, sock, packet, tid):
        sock.sendto(packet.encode(), tid)
        self.poll()
        return self.take(sock)

    @staticmethod
    def take(sock):
        try:
            raw, tid = sock.recvfrom(65536)
        except BlockingIOError:
            return None, None
        return decode(raw), tid

    def get(self, sock, name, *options, mode=OCTET):
        """A whole file, block by block."""
        packet, tid = self.ask(sock, name, *options, mode=mode)
        blksize = int(dict(options).get(b"blksize", 512))
        if isinstance(packet, OptionAck):
            packet, _ = self.say(sock, Ack(0), tid)
        whole = packet.payload
        while len(packet.payload) == blksize:
            packet, _ = self.say(sock, Ack(packet.block), tid)
            whole += packet.payload
        self.say(sock, Ack(packet.block), tid)
        return whole

    def close(self):
        self.engine.close()
        for sock in self.clients:
            sock.close()

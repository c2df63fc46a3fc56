"""TFTP clients of an engine in the same process, which fetch as fast as it comes."""

import select
import time

import pytest

from fastboot.tftp.packet import decode
from wire import Reader

PATIENCE = 20.0
"""Seconds until a test that fails ends."""


class Client:
    """Fetches a file as fast as it comes."""

    def __init__(self, served, name, options, mode):
        self.sock = served.client()
        window = int(dict(options).get(b"windowsize", 1))
        blksize = int(dict(options).get(b"blksize", 512))
        self.reader = Reader(blksize, window, oack=bool(options))
        served.ask(self.sock, name, *options, mode=mode)  # its answer may come later

    def take(self):
        """Answer all that has come."""
        while True:
            try:
                raw, tid = self.sock.recvfrom(65536)
            except BlockingIOError:
                return
            self.last = decode(raw)
            for answer in self.reader.receive(raw, 0.0):
                self.sock.sendto(answer, tid)

    @property
    def payload(self):
        return b"".join(self.reader.payload)


class Clients:
    """Several clients of one server."""

    def __init__(self, served):
        self.served = served

    def ask(self, name, *options, mode=b"octet"):
        # What comes at once is left in the socket for `Client.take`.
        served = self.served
        really, served.take = served.take, lambda sock: (None, None)
        try:
            return Client(served, name, options, mode)
        finally:
            served.take = really

    def pump(self, *clients, until):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            engine = self.served.engine  # whose clock stands still: it cannot wait
            select.select([engine, *(client.sock for client in clients)], [], [], 0.01)
            engine.poll(0)
            for client in clients:
                client.take()
            if until():
                return
        pytest.fail("it did not happen")

    def finish(self, *clients, beside=()):
        def done():
            return all(client.reader.done for client in clients)

        self.pump(*clients, *beside, until=done)

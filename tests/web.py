"""An HTTP engine under test, and a client's side of it."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from contextlib import contextmanager

from fastboot.config import HttpConfig
from fastboot.events import Finished
from fastboot.http.engine import Engine
from fastboot.listen import Place

LOOPBACK = [Place("127.0.0.1")]
LARGE = 24 << 20  # more than the kernel holds for a client that does not read
PATIENCE = 20.0  # seconds until a client gives up: a test that fails ends


def content(size, seed=0):
    """Bytes in which each kilobyte is another."""
    block = (
        hashlib.blake2b(b"%d" % at, salt=b"%d" % seed).digest() for at in range(4096)
    )
    whole = b"".join(block)
    return (whole * (size // len(whole) + 1))[:size]


def get(path, *lines):
    """A request for `path` with these field lines."""
    return b"\r\n".join([b"GET %s HTTP/1.1" % path, b"Host: boot", *lines, b"", b""])


class Served:
    """An engine and what it reported.

    Args:
        start: Makes the engine: what it serves with, and who is told what happens.
        settings: Of HTTP.
    """

    def __init__(self, start, **settings):
        self.events = []
        self.engine = start(HttpConfig(port=0, **settings), self.events.append)
        (self.address,) = self.engine.ports

    def raw(self, receive_buffer=None):
        """A client's socket, before anything was said."""
        if receive_buffer is None:
            return socket.create_connection(self.address, timeout=PATIENCE)
        client = socket.socket()
        client.settimeout(PATIENCE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(self.address)  # the window is agreed on with the first segment
        return client

    def pump(self, until):
        """Poll in this thread until something holds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if until():
                return
            self.engine.poll(0.01)
        raise AssertionError("it did not happen")

    def of(self, kind):
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @contextmanager
    def polled(self):
        """Poll in another thread."""
        stop = threading.Event()

        def run():
            while not stop.is_set():
                self.engine.poll(1.0)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            self.engine.wake()
            thread.join(PATIENCE)
            assert not thread.is_alive()


class Server(Served):
    """An engine of HTTP."""

    def __init__(self, tree, front, **settings):
        def start(config, emit):
            return Engine(config, tree, emit, LOOPBACK, front)

        super().__init__(start, **settings)

    def connect(self, receive_buffer=None):
        """A client's socket."""
        return self.raw(receive_buffer)


def read_answer_head(client):
    """The head of one answer, and not a byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = client.recv(1)
        assert more, head
        head += more
    return head


def read_answer(client):
    """Status, head and body of one answer."""
    head, body = read_answer_head(client), b""
    length = re.search(rb"\r\nContent-Length: (\d+)", head)
    while length and len(body) < int(length[1]):
        more = client.recv(min(1 << 20, int(length[1]) - len(body)))
        assert more
        body += more
    return int(head[9:12]), head.removesuffix(b"\r\n\r\n"), body


def ask(server, client, request):
    """Send a request and poll in this thread until its answer is there."""
    finished = len(server.of(Finished))
    client.sendall(request)
    server.pump(lambda: len(server.of(Finished)) > finished)
    return read_answer(client)


def learn(server, name):
    """Have the front know the answer about a file; its content."""
    with server.polled(), server.connect() as first:
        first.sendall(get(name))
        return read_answer(first)[2]


def read_to_end(client):
    """All bytes until the end, and whether it was a reset."""
    data = b""
    try:
        while more := client.recv(1 << 20):
            data += more
    except ConnectionResetError:
        return data, True
    return data, False

"""An HTTPS engine under test, and a client's side of it."""

from __future__ import annotations

import ssl
from contextlib import suppress

from fastboot.http.secure_engine import SecureEngine
from fastboot.tls.context import make_context
from web import LOOPBACK, Served

LARGE = 12 << 20  # more bytes than the buffers of a connection
CLOSE = b"Connection: close"


class SecureServer(Served):
    """An engine that serves over TLS."""

    def __init__(self, tree, made, legacy=False, **settings):
        self.authority, pairs = made
        secure = make_context(pairs, legacy=legacy)

        def start(config, emit):
            return SecureEngine(config, tree, emit, LOOPBACK, secure)

        super().__init__(start, **settings)

    def client(self, **limits):
        """A client's context; `limits` are its attributes."""
        context = ssl.create_default_context(cafile=self.authority)
        suites = limits.pop("suites", None)
        if suites:
            context.set_ciphers(suites)
        for name, value in limits.items():
            setattr(context, name, value)
        return context

    def connect(self, **limits):
        """A client's socket after the handshake."""
        return self.client(**limits).wrap_socket(
            self.raw(), server_hostname="127.0.0.1", suppress_ragged_eofs=False
        )


def fetch(client, asked):
    """All that comes until the peer says goodbye: an end without that is an error."""
    client.sendall(asked)
    return b"".join(iter(lambda: client.recv(1 << 16), b""))


def body(answer):
    """What follows the head of an answer."""
    return answer.partition(b"\r\n\r\n")[2]


def take_late(server, client):
    """All that comes until the end, to a client that lets every buffer fill up."""
    answer, more = bytearray(), b"?"
    while more:
        for _ in range(20):
            server.engine.poll(0)
        with suppress(ssl.SSLWantReadError):
            more = client.recv(200_000)
            answer += more
    return bytes(answer)

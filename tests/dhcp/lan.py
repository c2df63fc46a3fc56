"""An engine with the way to it, and two networks of namespaces to try it on."""

import ctypes
import os
import socket
import time
from contextlib import ExitStack, contextmanager

from fastboot.boot.choose import Site
from fastboot.config import DhcpConfig
from fastboot.dhcp.engine import Engine
from fastboot.dhcp.proxy import Proxy
from fastboot.interfaces import Interfaces
from fastboot.listen import Place

EVERYWHERE = (Place("0.0.0.0"),)
SOON = 10.0
"""Seconds to wait for what comes within milliseconds."""


class Serving:
    """An engine, the events that it reported, and the way to it."""

    def __init__(self, config, places, found=None, site=None, emit=None):
        self.events = []
        self.proxy = Proxy(site or Site("images", lambda arch: "ipxe.efi"))
        found = found or Interfaces()
        emit = emit or self.events.append
        self.engine = Engine(config, self.proxy, emit, found, places)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.close()

    def poll(self, messages=1):
        """Poll until so many messages more were received, but not for ever."""
        end = self.engine.stats()["received"] + messages
        until = time.monotonic() + SOON
        while self.engine.stats()["received"] < end:
            left = until - time.monotonic()
            assert left > 0, "the message did not come"
            self.engine.poll(left)

    def count(self, name):
        return self.engine.stats()[name]


@contextmanager
def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(SOON)
        yield sock


@contextmanager
def inside(space):
    """Make this thread's new sockets those of a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with ExitStack() as stack:
        home, there = (
            stack.enter_context(open(f"/proc/{pid}/ns/net", "rb"))
            for pid in ("thread-self", space.pid)
        )
        assert libc.setns(there.fileno(), 0) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(home.fileno(), 0) == 0


class Lan:
    """A server's namespace with two networks, and a machine on each.

    server   eth0 192.0.2.2 ──── left     no address
             eth1 198.51.100.2 ─ right    no address
    """

    def __init__(self, server, left, right):
        self.server, self.left, self.right = server, left, right
        self.plug("eth0", left, "192.0.2.2/24")
        self.plug("eth1", right, "198.51.100.2/24")

    def plug(self, name, machine, address):
        self.server.ip(
            *("link", "add", name, "type", "veth"),
            *("peer", "name", "eth0", "netns", str(machine.pid)),
        )
        for space, device in ((self.server, name), (machine, "eth0")):
            space.ip("link", "set", device, "up")
        self.server.ip("address", "add", address, "dev", name)

    @contextmanager
    def serving(self, *args, **options):
        with inside(self.server):
            found = Interfaces(clock=options.pop("clock", time.monotonic))
            config = options.pop("config", DhcpConfig())
            with Serving(config, *args, found, **options) as serving:
                yield serving

    @contextmanager
    def client(self, machine, port=68):
        """A machine's socket for DHCP; it has no address, as firmware has none."""
        with inside(machine):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            sock.bind(("0.0.0.0", port))
            sock.settimeout(SOON)
            yield sock


ALL = ("255.255.255.255", 67)

"""Networks of their own: namespaces on one bridge, a router, and whoever joins.

A namespace is held by a process that waits for its standard input to end, and
everything in it is started to die with the test run. So there are no names to
collide, and nothing stays behind, however the run ends.

    segment   br0 ─┬─ router   dnsmasq, gives addresses and nothing else
                   ├─ server   fastboot
                   ├─ ...      more that join
                   └─ tap0...  virtual machines, which run in the segment itself

In a `RelayedNetwork` the server is in another subnet, behind a relay:

    segment   br0 ─┬─ router
                   ├─ relay ── server
                   └─ tap0...
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from peers import need, need_root

PREFIX = "10.77.0."
"""The network's addresses; nothing outside the namespaces ever sees them."""

ROUTER = PREFIX + "1"
SERVER = PREFIX + "2"
RELAY = PREFIX + "3"

OTHER_PREFIX = "10.78.0."
"""The addresses of the subnet behind the relay."""

RELAY_THERE = OTHER_PREFIX + "1"
SERVER_THERE = OTHER_PREFIX + "2"


READY = 30.0
"""Seconds in which a program must open its ports."""


class Namespace:
    """A network namespace; leaving the context removes it with all its interfaces.

    Args:
        others: Namespaces of other kinds besides, such as "mount".
    """

    def __init__(self, *others: str) -> None:
        need_root()
        self._kinds = ("net", *others)
        self._holder = subprocess.Popen(
            [need("unshare"), *(f"--{kind}" for kind in self._kinds), "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdin
        assert self._holder.stdout
        self._holder.stdin.write(b"held\n")
        self._holder.stdin.flush()
        assert self._holder.stdout.readline() == b"held\n", "unshare --net failed"
        self.ip("link", "set", "lo", "up")

    @property
    def pid(self) -> int:
        """A process that lives in it."""
        return self._holder.pid

    def inside(self, *command: str) -> list[str]:
        """The command line that runs `command` in it, and never longer than we run."""
        return [
            *(need("setpriv"), "--pdeathsig", "KILL", "--"),
            *(need("nsenter"), *(f"--{kind}" for kind in self._kinds)),
            *("--target", str(self.pid), "--"),
            *command,
        ]

    def ip(self, *arguments: str) -> None:
        """Run `ip` in it."""
        subprocess.run(self.inside(need("ip"), *arguments), check=True, timeout=30)

    def wait_for_port(self, number: int) -> None:
        """Wait until somebody in it has opened a UDP port over IPv4."""
        ports = Path(f"/proc/{self.pid}/net/udp")
        end = time.monotonic() + READY
        while f":{number:04X} " not in ports.read_text():
            assert time.monotonic() < end, f"nobody opened UDP port {number}"
            time.sleep(0.01)

    @contextmanager
    def running(self, *command: str) -> Iterator[None]:
        """Have a program run in it until the context is left."""
        quiet = subprocess.DEVNULL
        program = subprocess.Popen(self.inside(*command), stdout=quiet, stderr=quiet)
        try:
            yield
        finally:
            program.terminate()
            program.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.communicate()  # closes its input, which ends it


class Network:
    """A segment with a router; everything that joins leaves with the context.

    Args:
        folder: Where the router's log is written.
        options: What the router is told besides giving addresses.
        router: Whether there is one.
    """

    flags: tuple[str, ...] = ()
    """What the boot server is told, beyond nothing at all."""

    def __init__(self, folder: Path, *options: str, router: bool = True) -> None:
        self.router_log = folder / "router.log"
        self._options = options
        self._router = router
        self._taps = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._stack = stack
            self.segment = stack.enter_context(Namespace())
            self.segment.ip(
                "link", "add", "br0", "type", "bridge", "forward_delay", "0"
            )
            self.segment.ip("link", "set", "br0", "up")
            if self._router:
                self._start_router(self.join("router", ROUTER))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def join_server(self) -> Namespace:
        """A new namespace where the boot server belongs."""
        return self.join("server", SERVER)

    def join(self, name: str, address: str | None = None) -> Namespace:
        """A new namespace with `eth0` on the segment, and an address or none."""
        space = self._stack.enter_context(Namespace())
        self.segment.ip(
            *("link", "add", name, "type", "veth"),
            *("peer", "name", "eth0", "netns", str(space.pid)),
        )
        self._connect(name)
        space.ip("link", "set", "eth0", "up")
        if address is not None:
            space.ip("address", "add", f"{address}/24", "broadcast", "+", "dev", "eth0")
        return space

    def tap(self) -> str:
        """A new tap on the segment, for a machine that runs in `segment`."""
        name = f"tap{self._taps}"
        self._taps += 1
        self.segment.ip("tuntap", "add", name, "mode", "tap")
        self._connect(name)
        return name

    def _connect(self, name: str) -> None:
        self.segment.ip("link", "set", name, "master", "br0")
        self.segment.ip("link", "set", name, "up")

    def _start_router(self, space: Namespace) -> None:
        """Start a DHCP server that knows nothing about booting."""
        command = space.inside(
            need("dnsmasq"),
            "--conf-file=/dev/null",
            "--keep-in-foreground",
            "--user=root",
            "--group=root",  # else it drops rights, and with them its end with us
            "--port=0",  # no DNS
            "--interface=eth0",
            "--bind-interfaces",
            "--leasefile-ro",
            "--no-ping",  # it would wait three seconds before each offer
            "--log-dhcp",
            "--log-facility=-",
            f"--dhcp-range={PREFIX}100,{PREFIX}200,1h",
            *self._options,
        )
        self._routing = self._run(command, self.router_log)
        self._routing_in = space
        space.wait_for_port(67)

    def change_router(self, *options: str) -> None:
        """Start the router anew, told this besides giving addresses."""
        self._routing.terminate()
        self._routing.wait()
        self._options = options
        self._start_router(self._routing_in)

    def _run(self, command: list[str], output: Path) -> subprocess.Popen[bytes]:
        """Start a program that ends with the network."""
        log = self._stack.enter_context(output.open("wb"))
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        return process


class LoneNetwork(Network):
    """A network without a router: the boot server gives addresses as well."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, router=False)
        self.flags = ("--dhcp", "server", "--lease-file", str(folder / "leases.sqlite"))


class RelayedNetwork(Network):
    """A network whose boot server is in another subnet, behind a DHCP relay."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, f"--dhcp-option=option:router,{RELAY}")
        self._relay_log = folder / "relay.log"

    def join_server(self) -> Namespace:
        """See `Network.join_server`; the relay comes with it."""
        relay = self.join("relay", RELAY)
        server = self._stack.enter_context(Namespace())
        relay.ip(
            *("link", "add", "eth1", "type", "veth"),
            *("peer", "name", "eth0", "netns", str(server.pid)),
        )
        for space, device, address in (
            (relay, "eth1", RELAY_THERE),
            (server, "eth0", SERVER_THERE),
        ):
            space.ip("link", "set", device, "up")
            space.ip("address", "add", f"{address}/24", "dev", device)
        server.ip("route", "add", "default", "via", RELAY_THERE)
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        subprocess.run(relay.inside("sh", "-c", forward), check=True, timeout=30)
        command = relay.inside(
            *(need("dhcrelay"), "-4", "-d", "--no-pid"),
            *("-id", "eth0", "-iu", "eth1", SERVER_THERE),
        )
        self._run(command, self._relay_log)
        return server

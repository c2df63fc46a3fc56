"""A link in namespaces, with a router on its other end that may speak DHCPv6."""

import subprocess
import time
from contextlib import contextmanager

from peers import need

PATIENCE = 30


class Lan:
    """A link with us on one end, and a router on the other."""

    def __init__(self, ours, router):
        self.ours, self.router = ours, router
        ours.ip(
            *("link", "add", "eth0", "type", "veth"),
            *("peer", "name", "eth0", "netns", str(router.pid)),
        )
        for space, address in ((ours, "fd77::2/64"), (router, "fd77::1/64")):
            space.ip("link", "set", "eth0", "up")
            space.ip("address", "add", address, "dev", "eth0", "nodad")
        self.settle(ours)
        self.settle(router)

    def settle(self, space):
        """Wait until the link-local address may be used (RFC 4862, section 5.4)."""
        show = space.inside(
            *(need("ip"), "-6", "address", "show", "dev", "eth0"),
            *("scope", "link", "-tentative"),
        )
        for _ in range(20 * PATIENCE):
            if subprocess.run(show, capture_output=True, check=True).stdout:
                return
            time.sleep(0.05)
        raise AssertionError("no link-local address")

    @contextmanager
    def routing(self, *flags):
        """Have the router give addresses; more flags are dnsmasq's."""
        command = self.router.inside(
            *(need("dnsmasq"), "--conf-file=/dev/null", "--keep-in-foreground"),
            *("--user=root", "--group=root", "--port=0", "--interface=eth0"),
            *("--bind-interfaces", "--leasefile-ro", "--log-facility=-"),
            *("--enable-ra", "--dhcp-range=fd77::100,fd77::1ff,64,1h", *flags),
        )
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            try:
                assert b"started" in process.stderr.readline()
                yield
            finally:
                process.terminate()
                process.stderr.read()

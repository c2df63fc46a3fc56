"""A path whose middle carries less than its ends, and nobody says so (T12)."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from firmware.network import Namespace
from peers import need
from serving import Serving

SERVER, CLIENT = "10.1.0.2", "10.2.0.2"

ROUTER = """
echo 1 > /proc/sys/net/ipv4/ip_forward
# Milliseconds between its words that a packet was too large: it never says one.
echo 2000000000 > /proc/sys/net/ipv4/icmp_ratelimit
"""

FILE = random.Random(12).randbytes(300_000)


@pytest.fixture
def path() -> Iterator[tuple[Namespace, Namespace]]:
    """A server and a client with an MTU of 1500, and 1280 between them."""
    with ExitStack() as stack:
        server, router, client = (stack.enter_context(Namespace()) for _ in range(3))
        for space, near, far in (
            (server, "10.1.0.1", SERVER),
            (client, "10.2.0.1", CLIENT),
        ):
            name = "server" if space is server else "client"
            ends = ("link", "add", name, "type", "veth", "peer", "name", "eth0")
            router.ip(*ends, "netns", str(space.pid))
            router.ip("address", "add", f"{near}/24", "dev", name)
            router.ip("link", "set", name, "up")
            space.ip("address", "add", f"{far}/24", "dev", "eth0")
            space.ip("link", "set", "eth0", "up")
            space.ip("route", "add", "default", "via", near)
        router.ip("link", "set", "client", "mtu", "1280")
        subprocess.run(router.inside("sh", "-ec", ROUTER), check=True, timeout=30)
        yield server, client


@pytest.mark.slow
def test_T12_a_block_too_large_for_the_path_is_cut_up_on_its_way(path, tmp_path):
    # DF is clear: no router has to tell us, and none that is silent can stop us.
    curl, fetched = need("curl"), tmp_path / "fetched"
    server, client = path
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file").write_bytes(FILE)
    flags = f"--address {SERVER} --tftp-port 69 --no-http --dhcp off".split()
    with Serving(
        tmp_path / "served", *flags, protocols=("tftp",), place=server.inside
    ) as serving:
        url = f"tftp://{SERVER}/file"
        asked = (
            "--silent",
            "--show-error",
            "--tftp-blksize",
            "1468",
            "--max-time",
            "60",
        )
        subprocess.run(
            client.inside(curl, *asked, "--output", str(fetched), url),
            check=True,
            timeout=120,
        )
        serving.wait_for({"event": "Finished", "retransmissions": 0})
    assert fetched.read_bytes() == FILE

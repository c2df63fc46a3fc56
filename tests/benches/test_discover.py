"""The load client for DHCP is right about what it was sent, or its numbers mean nothing."""

import json
import subprocess
import threading
from contextlib import contextmanager

import pytest

from dhcp.lan import inside, udp
from fastboot.dhcp.options import Code
from fastboot.dhcp.packet import BOOTREPLY, Frame, decode
from firmware.network import Namespace
from serving import Serving

pytestmark = pytest.mark.slow


@pytest.fixture
def cable():
    """A namespace for machines and one for a server, with a cable between them."""
    with Namespace() as machines, Namespace() as server:
        machines.ip(
            *("link", "add", "eth0", "type", "veth"),
            *("peer", "name", "eth0", "netns", str(server.pid)),
        )
        for space, address in ((machines, "192.0.2.1"), (server, "192.0.2.2")):
            space.ip("link", "set", "eth0", "up")
            whole = (f"{address}/24", "broadcast", "+", "dev", "eth0")
            space.ip("address", "add", *whole)
        yield machines, server


@pytest.fixture
def discover(cable):
    """Runs the client among the machines; what it counted."""
    from benches import programs

    try:
        client = programs.compiled("discover")
    except programs.Missing as error:
        pytest.skip(str(error))

    def run(*options):
        command = cable[0].inside(str(client), "--server", "192.0.2.2", *options)
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        return json.loads(said.stdout)

    return run


@pytest.mark.parametrize("way", [("--device", "eth0"), ("--relay", "192.0.2.1")])
@pytest.mark.parametrize("firmware", ["uefi", "bios", "http", "ipxe"])
def test_every_machine_is_answered_once(cable, discover, tmp_path, way, firmware):
    relay = ("--dhcp-relay", "192.0.2.1")
    place = cable[1].inside
    for name in ("undionly.kpxe", "ipxe.efi"):
        efi = b"MZ".ljust(0x3C, b"\0") + b"\x40\0\0\0" + b"PE\0\0\x64\x86"
        (tmp_path / name).write_bytes(efi)
    with Serving(tmp_path, *relay, protocols=("dhcp",), place=place):
        counted = discover(*way, "--clients", "300", "--firmware", firmware)
    assert (counted["offers"], counted["wrong"], counted["waiting"]) == (300, 0, 0)
    assert counted["error"] == ""
    assert 0 < counted["median"] <= counted["p99"] <= counted["longest"]


@contextmanager
def answering(space, answer):
    """A server that answers each DISCOVER with `answer(frame)`."""
    over = threading.Event()
    with inside(space), udp() as sock:
        sock.bind(("192.0.2.2", 67))
        sock.settimeout(0.02)

        def play():
            while not over.is_set():
                try:
                    data, peer = sock.recvfrom(2048)
                except TimeoutError:
                    continue
                sock.sendto(answer(decode(data)).encode(), peer)

        thread = threading.Thread(target=play)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def reply(frame, *options, **changes):
    server = bytes((192, 0, 2, 2))
    given = ((53, b"\2"), (int(Code.SERVER_IDENTIFIER), server), *options)
    fields = {"siaddr": frame.giaddr, "file": b"x", "options": given, **changes}
    return Frame(op=BOOTREPLY, xid=frame.xid, chaddr=frame.chaddr, **fields)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"yiaddr": "giaddr"}, "an address is given"),
        ({"siaddr": None}, "no server to load from"),
        ({"file": b""}, "no boot file"),
        ({"options": ((53, b"\5"),)}, "no OFFER"),
        ({"options": ((53, b"\2"),)}, "no server identifier"),
    ],
)
def test_a_wrong_answer_is_counted_as_such(cable, discover, changes, error):
    def answer(frame):
        named = {"giaddr": frame.giaddr, None: Frame(2, 0, b"").siaddr}
        found = {
            key: named.get(value, value) if not isinstance(value, tuple) else value
            for key, value in changes.items()
        }
        return reply(frame, **found)

    with answering(cable[1], answer):
        counted = discover(
            *("--relay", "192.0.2.1", "--clients", "3", "--limit", "2"),
            *("--firmware", "bios"),
        )
    assert (counted["offers"], counted["waiting"]) == (0, 3)
    assert counted["wrong"] >= 3
    assert counted["error"] == error

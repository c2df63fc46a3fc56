"""The load client for leases is right about what it was sent."""

import json
import subprocess

import pytest

from dhcp.lan import inside, udp
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import BOOTREPLY, Frame, decode
from firmware.network import Namespace
from serving import Serving

pytestmark = pytest.mark.slow

RELAY, SERVER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def cable():
    """A namespace for clients and one for a server, with a cable between them."""
    with Namespace() as clients, Namespace() as server:
        clients.ip(
            *("link", "add", "eth0", "type", "veth"),
            *("peer", "name", "eth0", "netns", str(server.pid)),
        )
        for space, address in ((clients, RELAY), (server, SERVER)):
            space.ip("link", "set", "eth0", "up")
            space.ip("address", "add", f"{address}/24", "dev", "eth0")
        yield clients, server


@pytest.fixture
def dora(cable):
    """Starts the client; what it counted."""
    from benches import programs

    try:
        client = programs.compiled("dora")
    except programs.Missing as error:
        pytest.skip(str(error))
    running = []

    def start(*options):
        where = ("--server", SERVER, "--relay", RELAY)
        command = cable[0].inside(str(client), *where, *map(str, options))
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return lambda: json.loads(running[-1].communicate(timeout=60)[0])

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_every_client_gets_an_address_of_its_own(cable, dora, tmp_path):
    flags = ("--dhcp", "server", "--dhcp-force", "--no-dhcp-probe", "--no-tftp")
    file = ("--no-http", "--lease-file", str(tmp_path / "leases"))
    place = cable[1].inside
    with Serving(tmp_path, *flags, *file, protocols=("dhcp",), place=place):
        counted = dora("--clients", 60)()
        again = dora("--clients", 60)()
    assert (counted["offers"], counted["acks"]) == (60, 60)
    assert (counted["doubles"], counted["naks"], counted["strange"]) == (0, 0, 0)
    assert again["acks"] == 60
    assert 0 < counted["p50_ms"] <= counted["p99_ms"] <= counted["max_ms"]


def reply(frame, kind, address, **fields):
    server = bytes((192, 0, 2, 2))
    options = ((Code.MESSAGE_TYPE, bytes((kind,))), (Code.SERVER_IDENTIFIER, server))
    given = {"op": BOOTREPLY, "xid": frame.xid, "yiaddr": address, **fields}
    return Frame(chaddr=frame.chaddr, options=options, **given).encode()


def answers(sock, count, *makers):
    """Answer so many messages, each with all of some replies."""
    for _ in range(count):
        data, peer = sock.recvfrom(2048)
        frame = decode(data)
        for make in makers:
            sock.sendto(make(frame), peer)


@pytest.fixture
def server(cable):
    with inside(cable[1]), udp() as sock:
        sock.bind((SERVER, 67))
        yield sock


def offer(frame):
    return reply(frame, MessageType.OFFER, frame.giaddr)


def ack(frame):
    return reply(frame, MessageType.ACK, frame.giaddr)


def test_an_address_that_two_were_given_is_counted(dora, server):
    result = dora("--clients", 3)
    answers(server, 3, offer)
    answers(server, 3, ack)
    counted = result()
    assert (counted["acks"], counted["doubles"]) == (3, 2)


def test_what_is_no_answer_counts_as_none(dora, server):
    result = dora("--clients", 1, "--limit", 0.5)
    wrong = (
        lambda frame: b"short",
        lambda frame: reply(frame, MessageType.OFFER, frame.giaddr, xid=9),
        lambda frame: offer(frame)[:242] + b"\xff" * 60,  # cut off by END
    )
    answers(server, 1, *wrong, ack)  # and no ACK is due yet
    counted = result()
    assert (counted["offers"], counted["acks"], counted["strange"]) == (0, 0, 3)


def test_a_refusal_is_counted(dora, server):
    result = dora("--clients", 1, "--limit", 0.5)
    answers(server, 1, offer)
    answers(server, 1, lambda frame: reply(frame, MessageType.NAK, frame.yiaddr))
    assert result()["naks"] == 1


def test_what_is_not_answered_is_asked_again(dora, server):
    result = dora("--clients", 1, "--retry", 0.1)
    server.recv(2048)
    answers(server, 1, offer)
    server.recv(2048)
    answers(server, 1, ack)
    counted = result()
    assert (counted["acks"], counted["again"]) == (1, 2)

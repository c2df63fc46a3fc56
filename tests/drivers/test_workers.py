"""Several engines of a protocol that serve as one, each given what the kernel gives it."""

import dataclasses
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

import download
import loops
from fastboot import events
from fastboot.config import BootConfig, Config, DhcpConfig, HttpConfig, TftpConfig
from fastboot.errors import EngineFailed, ListenError
from fastboot.server import Server
from fastboot.tftp.packet import ReadRequest

GET = {"tftp": download.tftp, "http": download.http_get}
FILE = random.Random(5).randbytes(300_000)
SPREAD = 64
"""Clients of which, but for one run in 2^63, two engines serve some each."""


class Site:
    """A server on loopback with two engines of each protocol."""

    def __init__(self, folder, tftp=None, http=None, places=("127.0.0.1",)):
        (folder / "file").write_bytes(FILE)
        self.events = []
        self.config = Config(
            folder,
            address=places,
            workers=2,
            tftp=TftpConfig(port=0, **(tftp or {})),
            http=HttpConfig(port=0, **(http or {})),
            dhcp=DhcpConfig(mode="off"),
            boot=BootConfig(programs=()),
        )
        self.server = Server(self.config, self.events.append)

    def get(self, protocol, name="file"):
        return GET[protocol](self.server.port(protocol), name)

    def counts(self, protocol, name):
        return [engine.stats()[name] for engine in self.server.engines[protocol]]

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def start(tmp_path):
    """Start sites; they are closed at the end, and none met a mistake of ours."""
    with ExitStack() as stack:

        def started(**settings):
            site = Site(tmp_path, **settings)
            stack.callback(lambda: no_faults(site))
            stack.enter_context(closing(site.server))
            return site

        yield started


def no_faults(site):
    assert site.of(events.Fault) == []


@pytest.fixture(params=["tftp", "http"])
def protocol(request):
    return request.param


@pytest.mark.slow
@pytest.mark.parametrize("ports", ["pool", "single"])
def test_a_hundred_at_once_get_every_byte_over_both_protocols(loop, start, ports):
    site = start(tftp={"ports": ports})

    def work(control):
        with ThreadPoolExecutor(200) as pool:
            jobs = [pool.submit(site.get, p) for p in ("tftp", "http") * 100]
            return [job.result() == FILE for job in jobs]

    assert loops.run(loop, site.server.data, work) == [True] * 200
    assert len(site.of(events.Finished)) == 200
    for name in ("tftp", "http"):
        assert all(site.counts(name, "requests")), "one engine had nothing to do"


def test_what_they_count_is_told_as_one(loop, start, protocol):
    site = start()

    def work(control):
        for _ in range(SPREAD):
            site.get(protocol)
        return site.server.stats()[protocol]["requests"]

    assert loops.run(loop, site.server.data, work) == SPREAD
    assert all(site.counts(protocol, "requests"))


def test_draining_takes_nothing_new_on_any_of_them(loop, start, protocol):
    site = start()
    port = site.server.port(protocol)

    def work(control):
        assert site.get(protocol) == FILE
        control.drain()

    loops.run(loop, site.server.data, work)
    assert [engine.ports for engine in site.server.engines[protocol]] == [(), ()]
    kind = socket.SOCK_DGRAM if protocol == "tftp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", port))  # nobody has it any more


READ = ReadRequest(b"file", b"octet", ()).encode()


def request(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    sock.send(READ)
    return sock


def poll(site, protocol):
    for engine in site.server.engines[protocol] * 3:
        engine.poll(0)


def test_T6_a_repeated_request_reaches_the_engine_that_knows_it(start):
    site = start()
    with ExitStack() as stack:
        for _ in range(SPREAD):
            sock = stack.enter_context(request(site.server.port("tftp")))
            sock.send(READ)
        poll(site, "tftp")
        assert site.server.stats()["tftp"]["transfers"] == SPREAD
        assert all(site.counts("tftp", "transfers"))


def test_T8_transfers_are_bounded_for_all_of_them_together(start):
    site = start(tftp={"max_per_client": 40})
    with ExitStack() as stack:
        for _ in range(SPREAD):
            stack.enter_context(request(site.server.port("tftp")))
            poll(site, "tftp")
        assert site.server.stats()["tftp"]["active"] == 40
        assert all(site.counts("tftp", "active"))
        for event in site.of(events.Dropped):
            assert event.reason == "too many transfers of this client"


def test_requests_in_vain_are_bounded_for_all_of_them_together(start):
    site = start(tftp={"max_request_rate": 3})  # and ten seconds' worth at once
    with ExitStack() as stack:
        for _ in range(SPREAD):
            stack.enter_context(request(site.server.port("tftp")))
            poll(site, "tftp")
        assert 30 <= site.server.stats()["tftp"]["transfers"] < SPREAD


def test_connections_are_bounded_for_all_of_them_together(start):
    site = start(http={"max_connections": 20})
    place = ("127.0.0.1", site.server.port("http"))
    with ExitStack() as stack:
        for _ in range(SPREAD):
            stack.enter_context(socket.create_connection(place))
        poll(site, "http")
        assert sum(site.counts("http", "turned_away")) == SPREAD - 20
        assert all(site.counts("http", "accepted"))


def test_each_address_has_a_port_that_all_of_them_share(start):
    site = start(places=("127.0.0.1", "127.0.0.2"))
    for protocol in ("tftp", "http"):
        one, other = site.server.engines[protocol]
        assert one.ports == other.ports == site.server.ports(protocol)
        assert [address for address, _ in one.ports] == ["127.0.0.1", "127.0.0.2"]


def test_a_port_is_announced_once(start):
    site, told = start(), []
    site.server.announce(told.append)
    assert [event.protocol for event in told] == ["tftp", "http"]


def test_data_ports_of_a_range_are_divided(start):
    low, here = 21000, f"127.{random.randrange(1, 255)}.{random.randrange(255)}.1"
    site = start(tftp={"ports": f"{low}-{low + 7}"}, places=(here,))
    sources = set()
    with ExitStack() as stack:
        for _ in range(SPREAD):
            sock = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            sock.sendto(READ, (here, site.server.port("tftp")))
            poll(site, "tftp")
            sources.add(sock.recvfrom(65536)[1][1])
    assert sources <= set(range(low, low + 8))
    assert len(sources) > 4  # more than either engine has


def test_R18_two_servers_never_share_a_port(start, protocol):
    site = start()
    part = getattr(site.config, protocol)
    taken = dataclasses.replace(part, port=site.server.port(protocol))
    config = dataclasses.replace(site.config, **{protocol: taken})
    with pytest.raises(ListenError, match="this program has it"):
        Server(config, print)


def test_whichever_fails_is_called_by_its_protocol(start):
    site = start()
    second = site.server.engines["http"][1]
    second._tick = lambda now: 1 / 0

    def work(control):
        second.wake()

    with pytest.raises(EngineFailed) as caught:
        loops.run("threads", site.server.data, work)
    assert site.server.protocol_of(caught.value.engine) == "http"


def test_nothing_stays_open_when_a_later_engine_cannot_be_opened(tmp_path):
    """Here for want of a data port: one is taken by another program."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        taken = holder.getsockname()[1]
        ports = f"{taken}-{min(taken + 1, 65535)}"
        with pytest.raises(ListenError):
            Site(tmp_path, tftp={"ports": ports})
    assert len(list(Path("/proc/self/fd").iterdir())) == before

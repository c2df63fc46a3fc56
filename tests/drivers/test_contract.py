"""What every driver does with every engine that carries files."""

import http.client
import os
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

import download
import loops
from fastboot import events
from fastboot.config import HttpConfig, TftpConfig
from fastboot.http.engine import Engine as HttpEngine
from fastboot.listen import Place
from fastboot.tftp.engine import Engine as TftpEngine
from fastboot.tree import Directory

HERE = [Place("127.0.0.1")]
GET = {"tftp": download.tftp, "http": download.http_get}
FILE = random.Random(3).randbytes(600_000)
LOST = (download.Refusal, http.client.IncompleteRead, ConnectionResetError)


class Site:
    """A folder and an engine of each protocol."""

    def __init__(self, folder):
        self.folder = folder
        self.events = []
        self.tree = Directory(folder)
        emit = self.events.append
        self.engines = {
            "tftp": TftpEngine(TftpConfig(port=0), self.tree, emit, HERE),
            "http": HttpEngine(HttpConfig(port=0), self.tree, emit, HERE),
        }

    def get(self, protocol, name="file", **how):
        return GET[protocol](self.engines[protocol].ports[0][1], name, **how)

    def close(self):
        for engine in self.engines.values():
            engine.close()
        self.tree.close()

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def site(tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    made = Site(tmp_path)
    yield made
    made.close()
    assert made.of(events.Fault) == []


@pytest.fixture(params=["tftp", "http"])
def protocol(request):
    return request.param


def test_a_file_is_served(loop, site, protocol):
    def work(control):
        assert site.get(protocol) == FILE

    loops.run(loop, site.engines.values(), work)
    (event,) = site.of(events.Finished)
    assert (event.protocol, event.name.strip("/"), event.size) == (
        protocol,
        "file",
        len(FILE),
    )


def test_a_missing_file_is_refused(loop, site, protocol):
    def work(control):
        with pytest.raises(download.Refusal):
            site.get(protocol, "missing")

    loops.run(loop, site.engines.values(), work)
    (event,) = site.of(events.RequestRefused)
    assert event.reason == "no such file"


@pytest.mark.slow
def test_a_hundred_at_once_get_every_byte_over_both_protocols(loop, site):
    def work(control):
        with ThreadPoolExecutor(200) as pool:
            jobs = [pool.submit(site.get, p) for p in ("tftp", "http") * 100]
            return [job.result() == FILE for job in jobs]

    assert loops.run(loop, site.engines.values(), work) == [True] * 200
    assert len(site.of(events.Finished)) == 200


def test_F1_F2_a_file_cut_short_ends_its_transfer_and_nothing_else(
    loop, site, protocol
):
    (site.folder / "doomed").write_bytes(bytes(64 << 20))  # more than sockets hold

    def cut_short():
        os.truncate(site.folder / "doomed", 1 << 20)
        assert site.get(protocol) == FILE

    def work(control):
        with pytest.raises(LOST):
            site.get(protocol, "doomed", begun=cut_short)
        assert site.get(protocol) == FILE

    loops.run(loop, site.engines.values(), work)
    (failed,) = site.of(events.Failed)
    assert failed.name.strip("/") == "doomed"


def test_a_timer_goes_off_without_any_traffic(loop, site):
    engine = site.engines["tftp"]
    sent = []

    def work(control):
        with pytest.raises(TimeoutError):
            request_and_wait(engine.ports[0][1], sent)

    loops.run(loop, [engine], work)
    assert len(sent) == 2  # the OACK, and again after a second


def request_and_wait(port, sent):
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1.2)
        sock.sendto(b"\0\1file\0octet\0tsize\x000\0", ("127.0.0.1", port))
        while True:
            sent.append(sock.recv(1000))


def test_draining_finishes_what_runs_and_takes_nothing_new(loop, site, protocol):
    (site.folder / "large").write_bytes(FILE * 20)

    def work(control):
        with ThreadPoolExecutor(1) as pool:
            job = pool.submit(site.get, protocol, "large")
            wait_until(lambda: not control.idle)
            control.drain()
            assert job.result() == FILE * 20
            wait_until(lambda: control.idle)

    loops.run(loop, [site.engines[protocol]], work)
    assert site.engines[protocol].ports == ()


def wait_until(condition):
    pause = threading.Event()
    for _ in range(20_000):
        if condition():
            return
        pause.wait(0.0005)
    raise AssertionError("it never came true")


def test_threads_end_with_their_context(site):
    before = threading.active_count()
    loops.run("threads", site.engines.values(), lambda run: None)
    assert threading.active_count() <= before  # others may have ended


def test_nothing_stays_open_when_engines_end(loop, tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    loops.run(loop, [], lambda run: None)  # what a loop leaves behind at first
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        made = Site(tmp_path)
        loops.run(loop, made.engines.values(), lambda run, m=made: m.get("tftp"))
        made.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_engine_needs_no_loop_at_all(site):
    engine = site.engines["tftp"]
    stop = SimpleNamespace(now=False)

    def serve():
        while not stop.now:
            engine.poll(None)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert site.get("tftp") == FILE
    finally:
        stop.now = True
        engine.wake()
        thread.join()


def test_trio_is_not_imported_where_it_is_not_used():
    import subprocess

    code = "import sys, fastboot.cli; sys.exit('trio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

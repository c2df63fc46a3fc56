"""`fastboot serve` under a service manager: ready sockets, and telling it how we are."""

import os
import random
import signal
import socket
import subprocess
import sys
import time

import pytest

import download
import fastboot
from command import COMMAND, run
from fastboot.listen import IP_PKTINFO
from fastboot.tftp.packet import ReadRequest, decode
from peers import need
from serving import Serving

FILE = random.Random(9).randbytes(200_000)

# What systemd does before a service: the sockets are its first descriptors, and the
# environment says so. Here every address is this machine's own, and every port is free.
HAND_OVER = """
import os, socket, sys
kinds = {"tftp": socket.SOCK_DGRAM, "http": socket.SOCK_STREAM}
opened = []
for name in sys.argv[1].split(":"):
    sock = socket.socket(socket.AF_INET, kinds[name])
    sock.bind(("127.0.0.1", 0))
    opened.append(sock)
for number, sock in enumerate(opened):
    os.dup2(sock.fileno(), 30 + number)
for number in range(len(opened)):
    os.dup2(30 + number, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(opened)),
                  LISTEN_FDNAMES=sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
"""
OFF = ("--dhcp", "off")


def handing_over(names):
    return lambda *command: [sys.executable, "-c", HAND_OVER, names, *command]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "file").write_bytes(FILE)
    return tmp_path / "images"


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """What a service tells its manager, datagram by datagram."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield sock


def told(manager):
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().split("\n"))


@pytest.mark.parametrize("names", ["tftp:http", "http:tftp"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ports_that_are_handed_over_are_served(folder, names, workers):
    flags = (*OFF, "--workers", workers)
    with Serving(folder, *flags, place=handing_over(names)) as served:
        assert download.tftp(served.port("tftp"), "file") == FILE
        assert download.http_get(served.port("http"), "file") == FILE


def test_ports_are_opened_for_what_nothing_was_handed_over_for(folder):
    flags = (*OFF, "--tftp-port", "0", "--address", "127.0.0.1")
    with Serving(folder, *flags, place=handing_over("http")) as served:
        assert download.tftp(served.port("tftp"), "file") == FILE
        assert download.http_get(served.port("http"), "file") == FILE


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--no-tftp", "a socket for TFTP, which is off: set FASTBOOT_TFTP=yes"),
        ("--no-http", "a socket for HTTP, which is off: set FASTBOOT_HTTP=yes"),
    ],
)
def test_a_socket_that_nobody_would_read_is_refused(folder, flag, words):
    place = handing_over("tftp:http")()
    done = run("serve", folder, *OFF, flag, place=place)
    assert done.returncode == 2
    assert words in done.stderr


def test_sockets_for_another_process_are_not_ours(folder, monkeypatch):
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "ftp")
    flags = ("--tftp-port", "0", "--http-port", "0", "--address", "127.0.0.1")
    with Serving(folder, *OFF, *flags) as served:
        assert download.http_get(served.port("http"), "file") == FILE


@pytest.mark.parametrize("loop", ["uvloop", "asyncio", "trio"])
def test_the_manager_hears_when_it_runs_reloads_and_stops(folder, manager, loop):
    place = handing_over("tftp:http")
    command = place(*COMMAND, "serve", str(folder), *OFF, "--loop", loop)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            ready = {"READY": "1", "STATUS": f"serving {folder}"}
            assert told(manager) == ready
            before = time.monotonic()
            process.send_signal(signal.SIGHUP)  # as ExecReload= does
            reloading = told(manager)
            assert reloading["RELOADING"] == "1"
            assert int(reloading["MONOTONIC_USEC"]) >= int(before * 1e6)
            assert told(manager) == ready
            process.terminate()
            assert told(manager) == {"STOPPING": "1", "STATUS": "finishing what runs"}
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_a_name_without_a_file_is_told_too(folder, monkeypatch):
    name = f"fastboot-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}")
        sock.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        with Serving(folder, *OFF, place=handing_over("tftp:http")):
            assert told(sock)["READY"] == "1"


def test_a_manager_that_is_gone_does_not_keep_files_from_being_served(
    folder, monkeypatch, tmp_path
):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with Serving(folder, *OFF, place=handing_over("tftp:http")) as served:
        assert download.http_get(served.port("http"), "file") == FILE


def test_a_request_that_waited_for_the_start_is_answered(folder):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with udp, client:
        udp.bind(("127.0.0.1", 0))
        # PassPacketInfo=yes: the kernel remembers the address only if it is asked to.
        udp.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        client.settimeout(download.PATIENCE)
        client.sendto(ReadRequest(b"file", b"octet").encode(), udp.getsockname())
        with fastboot.serve(folder, sockets={"tftp": [udp]}, drain_timeout=0):
            assert decode(client.recv(600)).payload == FILE[:512]


@pytest.mark.interop
@pytest.mark.parametrize("protocol", ["http", "tftp"])
def test_systemd_starts_it_when_somebody_asks(folder, protocol, tmp_path):
    kind = socket.SOCK_DGRAM if protocol == "tftp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    off = "--no-http" if protocol == "tftp" else "--no-tftp"
    activate = [need("systemd-socket-activate"), "-l", f"127.0.0.1:{port}"]
    activate += ["--fdname", protocol, *(["-d"] if protocol == "tftp" else [])]
    with subprocess.Popen(
        [*activate, *COMMAND, "serve", folder, *OFF, off],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert "Listening on" in process.stderr.readline()
            if protocol == "http":
                assert download.http_get(port, "file") == FILE
            else:  # with a client that asks again, as all do
                copy = tmp_path / "copy"
                done = run("get", f"tftp://127.0.0.1:{port}/file", "-o", copy)
                assert done.returncode == 0, done.stderr
                assert copy.read_bytes() == FILE
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()

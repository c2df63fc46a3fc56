"""Sockets that are handed in: by whoever opened them, a program or systemd."""

import os
import random
import socket
import subprocess
import sys

import pytest

import download
import fastboot
from fastboot.tftp.packet import ReadRequest, decode

FILE = random.Random(8).randbytes(30_000)
LOCAL = {"address": "127.0.0.1"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    return tmp_path


def bound(kind, address="127.0.0.1"):
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind((address, 0))
    return sock


def test_sockets_that_are_handed_in_are_used_and_stay_their_owners(folder):
    with bound(socket.SOCK_DGRAM) as udp, bound(socket.SOCK_STREAM) as tcp:
        for _ in range(2):  # and again, by the next server
            server = fastboot.serve(folder, sockets={"tftp": [udp], "http": [tcp]})
            assert server.port("tftp") == udp.getsockname()[1]
            assert server.port("http") == tcp.getsockname()[1]
            with server:
                assert download.tftp(server.port("tftp"), "file") == FILE
                assert download.http_get(server.port("http"), "file") == FILE


def test_dhcp_takes_two_sockets(folder):
    with bound(socket.SOCK_DGRAM, "") as one, bound(socket.SOCK_DGRAM, "") as two:
        server = fastboot.serve(folder, sockets={"dhcp": [one, two]}, **LOCAL)
        with server:
            ports = [port for _, port in server.ports("dhcp")]
            assert ports == [sock.getsockname()[1] for sock in (one, two)]


def test_sockets_for_what_is_no_protocol_are_refused(folder):
    with pytest.raises(fastboot.ConfigError, match="sockets for 'ftp'"):
        fastboot.serve(folder, sockets={"ftp": []})


def test_a_socket_of_the_wrong_kind_is_refused(folder):
    with (
        bound(socket.SOCK_STREAM) as tcp,
        pytest.raises(fastboot.ConfigError, match="for tftp is not one of UDP"),
    ):
        fastboot.serve(folder, sockets={"tftp": [tcp]})


def test_a_socket_for_ipv4_and_ipv6_together_is_refused(folder):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as both:
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", 0))
        with pytest.raises(fastboot.ConfigError, match="hand in one for each"):
            fastboot.serve(folder, sockets={"tftp": [both]})


def test_ipv6_sockets_are_taken_too(folder):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        six.bind(("::1", 0))
        with (
            fastboot.serve(folder, sockets={"tftp": [six]}, drain_timeout=0) as server,
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client,
        ):
            client.settimeout(download.PATIENCE)
            request = ReadRequest(b"file", b"octet", ()).encode()
            client.sendto(request, ("::1", server.port("tftp")))
            assert decode(client.recv(600)).payload == FILE[:512]


def test_without_systemd_no_sockets_are_handed_over(monkeypatch):
    monkeypatch.delenv("LISTEN_PID", raising=False)
    assert fastboot.sockets_of_systemd() == {}


HANDED = """
import os, sys, fastboot
os.environ["LISTEN_PID"] = str(os.getpid())
for protocol, sockets in fastboot.sockets_of_systemd().items():
    print(protocol, [sock.getsockname()[1] for sock in sockets])
"""


def test_systemd_hands_sockets_over_by_name(tmp_path):
    udp, tcp = bound(socket.SOCK_DGRAM), bound(socket.SOCK_STREAM)
    with udp, tcp:
        shell = 'exec 3<&"$1" 4<&"$2"; shift 2; exec "$@"'
        fds = (udp.fileno(), tcp.fileno())
        result = subprocess.run(
            ["bash", "-c", shell, "-", *map(str, fds), sys.executable, "-c", HANDED],
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "tftp:http"},
            pass_fds=fds,
            capture_output=True,
            text=True,
            check=True,
        )
        ports = [sock.getsockname()[1] for sock in (udp, tcp)]
    assert result.stdout == f"tftp [{ports[0]}]\nhttp [{ports[1]}]\n"

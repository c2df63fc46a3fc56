"""Files are asked for by their sizes, over loopback, from real servers and odd ones."""

import contextlib
import socket
import threading
from ipaddress import IPv4Address

import pytest

from fastboot.doctor.facts import Reach
from fastboot.doctor.reach import by_http, by_tftp, reach
from fastboot.firmware.decision import LoadTftp, LoadUrl
from fastboot.tftp.packet import Error, OptionAck, decode
from serving import Serving

HERE = IPv4Address("127.0.0.1")
FREE = [
    "--address",
    "127.0.0.1",
    "--tftp-port",
    "0",
    "--http-port",
    "0",
    "--dhcp",
    "off",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "ipxe.efi").write_bytes(b"x" * 1000)
    with Serving(folder, *FREE) as server:
        yield server


def test_a_file_that_is_there(server):
    port = server.port("tftp")
    found = by_tftp(HERE, "ipxe.efi", port)
    assert (found.reach, found.size) == (Reach.THERE, 1000)
    found = by_http(f"http://127.0.0.1:{server.port('http')}/ipxe.efi")
    assert (found.reach, found.size) == (Reach.THERE, 1000)


def test_a_file_that_is_not_there(server):
    found = by_tftp(HERE, "none.efi", server.port("tftp"))
    assert found.reach is Reach.NOT_FOUND
    assert found.words
    found = by_http(f"http://127.0.0.1:{server.port('http')}/none.efi")
    assert (found.reach, found.words[:3]) == (Reach.NOT_FOUND, "404")


def test_several_at_once(server):
    url = LoadUrl(f"http://127.0.0.1:{server.port('http')}/ipxe.efi")
    own_files, disk = LoadTftp(HERE, ""), LoadUrl("iscsi:127.0.0.1::::x")
    found = reach([url, own_files, disk, url])
    assert set(found) == {url}


@pytest.fixture
def odd():
    """A UDP socket that answers whatever a test puts there, once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(30)
        yield sock


def answering(sock, data, last):
    """Answer the first request, and keep what comes then."""

    def run():
        _, sender = sock.recvfrom(2048)
        sock.sendto(data, sender)
        if last is not None:
            last.append(decode(sock.recvfrom(2048)[0]))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("value", [b"0", b"12", b"-1", b"9" * 99, b""])
def test_a_size_is_a_number_or_not_known_and_the_server_is_told_so(odd, value):
    last = []
    oack = OptionAck(((b"tsize", value),)).encode()
    thread = answering(odd, oack, last)
    found = by_tftp(HERE, "x", odd.getsockname()[1])
    thread.join()
    assert found.reach is Reach.THERE
    assert found.size == (int(value) if value in (b"0", b"12") else None)
    assert last == [Error(8, b"size alone")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (Error(1, b"none\x1b").encode(), Reach.NOT_FOUND),
        (b"", Reach.SILENT),
        (b"\xff\xff", Reach.SILENT),
    ],
)
def test_an_answer_that_ends_it(odd, data, expected):
    thread = answering(odd, data, None)
    assert by_tftp(HERE, "x", odd.getsockname()[1]).reach is expected
    thread.join()


def test_silence_has_an_end(odd):
    found = by_tftp(HERE, "x", odd.getsockname()[1], wait=0.05)
    assert (found.reach, found.words) == (Reach.SILENT, "no answer")


def test_a_port_that_is_closed():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert by_http(f"http://127.0.0.1:{port}/x").reach is Reach.SILENT


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", Reach.THERE, "200 OK"),
        (b"HTTP/1.0 200\r\n\r\n", Reach.THERE, "200"),
        (b"HTTP/1.1 301 Moved\r\n\r\n", Reach.NOT_FOUND, "301 Moved"),
        (b"SSH-2.0-x\r\n\r\n", Reach.SILENT, "the answer is no HTTP"),
        (b"", Reach.SILENT, "no answer"),
        (b"HTTP/1.1 200 " + b"x" * 50_000, Reach.THERE, "200 " + "x" * 100),
    ],
    ids=["there", "terse", "elsewhere", "no-http", "nothing", "endless"],
)
def test_an_http_server_of_any_kind(answer, expected, words):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run():
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                with contextlib.suppress(OSError):
                    connection.sendall(answer)

        thread = threading.Thread(target=run)
        thread.start()
        found = by_http(f"http://127.0.0.1:{listener.getsockname()[1]}/x", wait=30)
        thread.join()
    assert (found.reach, found.words) == (expected, words)


def test_a_server_that_never_ends_its_head_is_left():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = by_http(f"http://127.0.0.1:{listener.getsockname()[1]}/x", wait=0.05)
    assert found.reach is Reach.SILENT


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:x/", "http://[/", "http://127.0.0.1:1/a b\n"]
)
def test_a_url_that_is_none(url):
    assert by_http(url, wait=0.5).reach is Reach.SILENT

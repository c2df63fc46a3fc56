"""What boot clients send, byte for byte, and the answers that they can read.

Each stream is what the program's source writes to the socket; the comments say which
part of it is unusual. What a client needs of the answer is checked the way it does it.
"""

from __future__ import annotations

import socket
import threading

import pytest

from fastboot.config import HttpConfig
from fastboot.http.engine import Engine
from fastboot.listen import Place
from fastboot.tree import Directory

IMAGE = bytes(range(256)) * 300
PATIENCE = 20.0


@pytest.fixture
def site(tmp_path):
    """The address of a server with /Image, /my images/a b.iso and /b\xfcro/x."""
    root = tmp_path / "root"
    (root / "my images").mkdir(parents=True)
    (root / "büro").mkdir()
    for path in ("Image", "my images/a b.iso", "büro/x", "grub.cfg"):
        (root / path).write_bytes(IMAGE)
    tree = Directory(root)
    engine = Engine(HttpConfig(port=0), tree, lambda _: None, [Place("127.0.0.1")])
    stop = threading.Event()

    def run():
        while not stop.is_set():
            engine.poll(1.0)

    thread = threading.Thread(target=run)
    thread.start()
    yield engine.ports[0]
    stop.set()
    engine.wake()
    thread.join(PATIENCE)
    engine.close()
    tree.close()


def talk(site, *sent):
    """What comes back to the end, for bytes sent in these pieces."""
    with socket.create_connection(site, PATIENCE) as client:
        for piece in sent:
            client.sendall(piece)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


def test_u_boots_own_client_asks_in_one_line_and_reads_to_the_end(site):
    """U-Boot's net/wget.c: no Host, no field, and it waits for the server to close."""
    answer = talk(site, b"GET /Image HTTP/1.0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert len(head) + 4 < 2048  # its buffer for the head
    assert answer.startswith(b"HTTP/1.1 200 ")  # "HTTP/" and a space after the code
    assert b"\r\nContent-Length: %d\r\n" % len(IMAGE) in head  # case and space count
    assert body == IMAGE


def test_u_boots_lwip_client_closes_after_each_file(site):
    answer = talk(
        site,
        b"GET /Image HTTP/1.1\r\n"
        b"User-Agent: lwIP/2.2.0 (http://savannah.nongnu.org/projects/lwip)\r\n"
        b"Accept: */*\r\n"
        b"Host: 192.168.0.1\r\n"
        b"Connection: Close\r\n"  # with a capital C
        b"\r\n",
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: " in head
    assert b"chunked" not in head
    assert body == IMAGE


@pytest.mark.parametrize(
    "path",
    [
        b"/my images/a b.iso",  # a space as it is
        "/büro/x".encode(),  # UTF-8 as it is
        b"grub.cfg",  # no slash: `http_path` as it was configured
        b"//Image",
    ],
)
def test_grub_sends_names_as_they_are(site, path):
    """GRUB's net/http.c quotes nothing."""
    answer = talk(
        site,
        b"GET " + path + b" HTTP/1.1\r\n"
        b"Host: 192.168.0.1\r\n"  # never with a port
        b"User-Agent: GRUB 2.06-13+deb12u1\r\n"
        b"Connection: close\r\n"  # the test's own, to see the end
        b"\r\n",
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nContent-Length: %d" % len(IMAGE) in head  # compared with its case
    assert body == IMAGE


def test_grub_seeks_by_an_open_range_on_a_new_connection(site):
    answer = talk(
        site,
        b"GET /Image HTTP/1.1\r\n"
        b"Host: 192.168.0.1\r\n"
        b"User-Agent: GRUB 2.06-13+deb12u1\r\n"
        b"Range: bytes=1000-\r\n"
        b"Connection: close\r\n"
        b"\r\n",
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206 ")  # a 200 would be taken as byte 1000 on
    assert body == IMAGE[1000:]


def test_uefi_asks_for_the_size_and_then_for_the_file_on_one_connection(site):
    """EDK2's HttpBootDxe; a close between the two would be a race that it loses."""
    fields = (
        b"Host: 192.168.0.1:8080\r\nAccept: */*\r\nUser-Agent: UefiHttpBoot/1.0\r\n"
    )
    answer = talk(
        site,
        b"HEAD /my%20images/a%20b.iso HTTP/1.1\r\n" + fields + b"\r\n",
        b"GET /my%20images/a%20b.iso HTTP/1.1\r\n"
        + fields
        + b"Connection: close\r\n\r\n",
    )
    first, second, body = answer.split(b"\r\n\r\n", 2)
    assert b"\r\nContent-Type: application/vnd.efi-iso\r\n" in first  # no parameter
    assert b"\r\nContent-Length: %d\r\n" % len(IMAGE) in first
    assert first.endswith(b"\r\nConnection: keep-alive")
    assert second.endswith(b"\r\nConnection: close")
    assert body == IMAGE


def test_uefi_goes_on_where_it_was_interrupted(site):
    """It sends back our etag as If-Match, which it does with strong ones alone."""
    answer = talk(site, b"HEAD /Image HTTP/1.0\r\n\r\n")
    etag = answer.partition(b"ETag: ")[2].partition(b"\r\n")[0]
    assert etag.startswith(b'"')
    answer = talk(
        site,
        b"GET /Image HTTP/1.1\r\nHost: 192.168.0.1\r\n"
        b"Range: bytes=500-%d\r\n" % (len(IMAGE) - 1) + b"If-Match: " + etag + b"\r\n"
        b"Connection: close\r\n\r\n",
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    whole = len(IMAGE)
    assert b"\r\nContent-Range: bytes 500-%d/%d\r\n" % (whole - 1, whole) in head
    assert body == IMAGE[500:]


def test_ipxe_reads_a_disk_in_sectors_on_one_connection(site):
    """`sanboot`: the capacity by HEAD, then a range for each read of the BIOS."""
    fields = (
        b"Connection: keep-alive\r\nUser-Agent: iPXE/1.21.1\r\nHost: 192.168.0.1\r\n"
    )
    reads = [(0, 511), (32768, 34815), (512, 1023)]
    answer = talk(
        site,
        b"HEAD /Image HTTP/1.1\r\n" + fields + b"\r\n",
        *(
            b"GET /Image HTTP/1.1\r\n" + fields + b"Range: bytes=%d-%d\r\n\r\n" % read
            for read in reads
        ),
        b"GET /Image HTTP/1.0\r\n\r\n",  # the test's own, to see the end
    )
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: %d\r\n" % len(IMAGE) in head  # no blank behind it
    for first, last in reads:
        head, _, rest = rest.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 206 ")
        length = last + 1 - first
        assert rest[:length] == IMAGE[first : last + 1]
        rest = rest[length:]
    assert rest.endswith(IMAGE)

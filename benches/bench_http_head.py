"""How long a request's head takes to read, in Python and compiled.

The heads are those that the clients' sources write; curl's is as version 7.88 sent it.
"""

from __future__ import annotations

import pytest

from fastboot._ext import twin
from fastboot.http import message

HEADS = {
    "curl": (
        b"GET /debian/linux HTTP/1.1\r\n"
        b"Host: 192.168.0.1:8080\r\n"
        b"User-Agent: curl/7.88.1\r\n"
        b"Accept: */*\r\n"
        b"\r\n"
    ),
    "ipxe": (
        b"GET /debian/disk.img HTTP/1.1\r\n"
        b"Host: 192.168.0.1:8080\r\n"
        b"User-Agent: iPXE/1.21.1+ (g83449)\r\n"
        b"Connection: keep-alive\r\n"
        b"Range: bytes=1048576-1052671\r\n"
        b"\r\n"
    ),
    "uefi": (
        b"HEAD /EFI/BOOT/BOOTX64.EFI HTTP/1.1\r\n"
        b"Host: 192.168.0.1:8080\r\n"
        b"Accept: */*\r\n"
        b"User-Agent: UefiHttpBoot/1.0\r\n"
        b"\r\n"
    ),
}


@pytest.fixture(params=["py", pytest.param("ext", marks=pytest.mark.ext)])
def scan_head(request):
    """The Python scanner and its compiled twin."""
    if request.param == "py":
        return message._scan_head
    compiled = twin("http_message")
    if compiled is None:
        pytest.skip("the compiled twin is not built: setup.py build_ext --inplace")
    return compiled.scan_head


@pytest.mark.parametrize("client", HEADS)
@pytest.mark.benchmark(group="http-scan-head")
def test_scan_head(benchmark, scan_head, client):
    method, _, minor, fields = benchmark(scan_head, HEADS[client])
    assert (method in (b"GET", b"HEAD"), minor, fields[0][0]) == (True, 1, b"host")


@pytest.mark.parametrize("client", HEADS)
@pytest.mark.benchmark(group="http-decode")
def test_decode(benchmark, scan_head, client, monkeypatch):
    monkeypatch.setattr(message, "scan_head", scan_head)
    head, size = benchmark(message.decode, HEADS[client])
    assert (head.minor, size) == (1, len(HEADS[client]))

"""The compiled parser of a request's head beside the one in Python."""

from __future__ import annotations

from fastboot._ext import http_message
from fastboot.http import message
from fastboot.http.limits import BadRequest

from .twins import same

run = same(message._scan_head, http_message.scan_head, BadRequest)

SEEDS = (
    b"GET / HTTP/1.1\r\nHost: boot\r\n\r\n",
    b"HEAD /a%20b?c=d HTTP/1.0\r\nRange: bytes=0-9, 20-\r\nA:\t b \r\n\r\n",
    b'GET http://boot:80/x HTTP/1.1\r\nIf-Range: "a"\r\nHost: [::1]\r\n\r\n',
)

WORDS = (b"HTTP/1.1", b"HTTP/2.0", b"\r\n\r\n", b"\n", b": ", b" ", b"x" * 300)

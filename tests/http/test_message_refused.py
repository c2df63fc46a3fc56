"""The head of a request: which bytes are refused, and as what."""

from __future__ import annotations

import pytest

from fastboot.http import message
from fastboot.http.limits import MAX_FIELDS, MAX_HEAD, MAX_LINE, BadRequest
from fastboot.http.message import decode

from .heads import HOST, head_of, refusal_of

pytestmark = pytest.mark.usefixtures("scan")


@pytest.mark.parametrize(
    "line",
    [
        b"GET / http/1.1",
        b"GET / HTTP/1",
        b"GET / HTTP/1.10",
        b"GET / HTTP/01.1",
        b"GET / HTTP/1.x",
        b"GET / HTTP /1.1",
        b"GET / HTTP/1.1 ",
        b"GET /",  # HTTP/0.9
        b"GET",
        b"G@T / HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET /\0 HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01",  # TLS to the wrong port
    ],
)
def test_what_is_no_request_line_is_refused(line):
    assert refusal_of(line + b"\r\n" + HOST + b"\r\n") == 400


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/2.0", b"HTTP/3.0"])
def test_another_major_version_is_refused(version):
    assert refusal_of(b"GET / " + version + b"\r\n" + HOST + b"\r\n") == 505


@pytest.mark.parametrize(
    ("method", "status"),
    [(b"POST", 405), (b"TRACE", 405), (b"CONNECT", 405), (b"get", 501), (b"X", 501)],
)
def test_H6_other_methods_are_refused(method, status):
    assert refusal_of(method + b" / HTTP/1.1\r\n" + HOST + b"\r\n") == status


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(b"A: b\nC: d\r\n", id="bare LF"),
        pytest.param(b"A: b\rC: d\r\n", id="bare CR"),
        pytest.param(b"\rA: b\r\n", id="CR before a name"),
        pytest.param(b"A: b\r\r\n", id="CR twice"),
        pytest.param(b"A: b\r\n c\r\n", id="folded by a space"),
        pytest.param(b"A: b\r\n\tc\r\n", id="folded by a tab"),
        pytest.param(b"A : b\r\n", id="space before the colon"),
        pytest.param(b": b\r\n", id="empty name"),
        pytest.param(b"A\r\n", id="no colon"),
        pytest.param(b"A\xe9: b\r\n", id="name that is no token"),
        pytest.param(b"A: b\0c\r\n", id="NUL"),
        pytest.param(b"A: b\x7f\r\n", id="DEL"),
    ],
)
def test_H2_malformed_field_lines_are_refused(lines):
    assert refusal_of(b"GET / HTTP/1.1\r\n" + HOST + lines + b"\r\n") == 400


def test_H2_an_end_of_bare_lfs_is_refused_at_once():
    assert refusal_of(b"GET / HTTP/1.1\n\n") == 400


def test_H2_the_byte_after_the_longest_request_line_is_refused():
    start, end = b"GET /", b" HTTP/1.1"
    longest = start + b"a" * (MAX_LINE - len(start + end)) + end
    rest = b"\r\n" + HOST + b"\r\n"
    assert decode(longest + rest) is not None
    with pytest.raises(BadRequest) as refusal:
        decode(start + b"a" + longest[len(start) :] + rest)
    assert refusal.value.status == 414
    with pytest.raises(BadRequest) as refusal:
        decode(b"a" * (MAX_LINE + 1))  # without waiting for its end
    assert refusal.value.status == 414


def test_H2_the_byte_after_the_longest_field_line_is_refused():
    longest = b"A: " + b"b" * (MAX_LINE - 3)
    start = b"GET / HTTP/1.1\r\n" + HOST
    assert decode(start + longest + b"\r\n\r\n") is not None
    assert decode(start + longest + b"\r") is None
    for line in (longest + b"b", longest + b"b\r\n\r\n"):
        with pytest.raises(BadRequest) as refusal:
            decode(start + line)
        assert refusal.value.status == 431


def test_H2_the_field_after_the_last_is_refused():
    start = b"GET / HTTP/1.1\r\n" + HOST
    assert decode(start + b"A: b\r\n" * (MAX_FIELDS - 1) + b"\r\n") is not None
    with pytest.raises(BadRequest) as refusal:
        decode(start + b"A: b\r\n" * MAX_FIELDS)
    assert refusal.value.status == 431


def test_H2_a_head_of_one_byte_too_many_is_refused():
    start = b"GET / HTTP/1.1\r\n" + HOST
    line = b"A: " + b"b" * 2000 + b"\r\n"
    lines = start + line * 7
    last = b"C: " + b"d" * (MAX_HEAD - len(lines) - len(b"C: \r\n\r\n")) + b"\r\n"
    assert len(lines + last + b"\r\n") == MAX_HEAD
    assert decode(lines + last + b"\r\n") is not None
    for data in (lines + b"d" + last + b"\r\n", lines + b"C: " + b"d" * MAX_LINE):
        with pytest.raises(BadRequest) as refusal:
            decode(data)
        assert refusal.value.status == 431


@pytest.mark.parametrize(
    ("hosts", "version"),
    [
        (b"", b"1.1"),
        (b"Host: a\r\nHost: a\r\n", b"1.1"),
        (b"Host: a\r\nHost: b\r\n", b"1.0"),
        (b"Host: a b\r\n", b"1.1"),
        (b"Host: a/b\r\n", b"1.1"),
        (b"Host: u@a\r\n", b"1.1"),
        (b"Host: a:x\r\n", b"1.1"),
        (b"Host: [::1\r\n", b"1.1"),
        (b"Host: a, b\r\nX: y\r\n", b"1.1"),
    ],
)
def test_H6_a_host_that_is_not_one_is_refused(hosts, version):
    assert refusal_of(b"GET / HTTP/" + version + b"\r\n" + hosts + b"\r\n") == 400


@pytest.mark.parametrize(
    "host", [b"", b"boot", b"10.0.0.1:80", b"[fe80::1%25net0]:80", b"a_b.example:"]
)
def test_hosts_of_every_form_are_accepted(host):
    assert head_of(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n").path == "/"


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Content-Length: 5\r\n", 413),
        (b"Content-Length: 99999999999999999999999\r\n", 413),
        (b"Content-Length: 0\r\nContent-Length: 0\r\n", 400),
        (b"Content-Length: 5, 5\r\n", 400),
        (b"Content-Length: +5\r\n", 400),
        (b"Content-Length: -0\r\n", 400),
        (b"Content-Length: 0x5\r\n", 400),
        (b"Content-Length: 1_0\r\n", 400),
        (b"Content-Length: \xb2\r\n", 400),
        (b"Content-Length:\r\n", 400),
        (b"Content-Length: \xa05\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n", 400),
        (b"Transfer-Encoding: xchunked\r\n", 400),
        (b"Transfer-Encoding:\r\n", 400),
        (b"Transfer-Encoding : chunked\r\n", 400),
        (b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400),
    ],
)
def test_H5_a_request_with_a_body_is_refused(lines, status):
    assert refusal_of(b"GET / HTTP/1.1\r\n" + HOST + lines + b"\r\n") == status


@pytest.mark.parametrize("zero", [b"0", b"000"])
def test_a_body_of_no_bytes_is_none(zero):
    data = b"GET / HTTP/1.1\r\nHost:\r\nContent-Length: " + zero + b"\r\n\r\n"
    assert head_of(data).path == "/"


@pytest.mark.parametrize(
    "part", [b"", b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\nA: b\r\n"]
)
def test_a_head_without_its_end_is_not_split(part):
    with pytest.raises(BadRequest, match="without an end"):
        message.scan_head(part)

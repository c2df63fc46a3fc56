"""The head of a request: which bytes are one, and what they say."""

from __future__ import annotations

import pytest

from fastboot.http.limits import BadRequest
from fastboot.http.message import RequestHead, decode

from .heads import HOST, head_of, refusal_of

pytestmark = pytest.mark.usefixtures("scan")


def test_a_request_is_read_into_its_parts():
    head = head_of(
        b"GET /debian/linux?mac=52:54 HTTP/1.1\r\n"  # method, target, version
        b"Host: 192.168.0.1:8080\r\n"
        b"User-Agent:\t iPXE/1.21.1 \t\r\n"  # blanks around a value are no part of it
        b"\r\n"
    )
    assert head == RequestHead(
        method="GET",
        target=b"/debian/linux?mac=52:54",
        minor=1,
        fields=((b"host", b"192.168.0.1:8080"), (b"user-agent", b"iPXE/1.21.1")),
        path="/debian/linux",
        query=b"mac=52:54",
    )


def test_http_1_0_needs_no_fields_at_all():
    """As U-Boot asks."""
    head = head_of(b"GET /Image HTTP/1.0\r\n\r\n")
    assert (head.minor, head.fields, head.keep_alive) == (0, (), False)


def test_http_1_2_is_taken_as_1_1():
    assert head_of(b"GET / HTTP/1.2\r\n" + HOST + b"\r\n").minor == 1


def test_raw_spaces_belong_to_the_target():
    """As GRUB sends file names."""
    head = head_of(b"GET /my images/a b.iso HTTP/1.1\r\n" + HOST + b"\r\n")
    assert head.path == "/my images/a b.iso"


def test_raw_utf8_belongs_to_the_target():
    head = head_of("GET /büro.iso HTTP/1.1\r\n".encode() + HOST + b"\r\n")
    assert head.path == "/büro.iso"


def test_a_missing_leading_slash_is_added():
    """GRUB sends what its configuration says."""
    assert head_of(b"GET grub.cfg HTTP/1.1\r\n" + HOST + b"\r\n").path == "/grub.cfg"


def test_one_empty_line_before_the_request_is_passed_over():
    """RFC 9112, section 2.2."""
    assert head_of(b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n").path == "/"


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01", b"\x00", b" GET /", b"\r\n\x80"]
)
def test_what_cannot_become_a_request_is_refused_before_its_line_ends(data):
    assert refusal_of(data) == 400


def test_a_client_that_speaks_tls_is_told_apart():
    with pytest.raises(BadRequest, match="speaks HTTPS"):
        decode(bytes.fromhex("16 03 01 00 05 01 0a 00 00 01"))  # with a line feed, too


@pytest.mark.parametrize("data", [b"", b"\r", b"\r\n", b"\r\nG", b"X"])
def test_what_may_become_a_request_is_waited_for(data):
    assert decode(data) is None


def test_two_empty_lines_before_the_request_are_refused():
    assert refusal_of(b"\r\n\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n") == 400


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://boot/a?b", "/a", b"b"),
        (b"HTTPS://[2001:db8::1]:8443/a", "/a", b""),
        (b"http://boot", "/", b""),
        (b"http://boot?b", "/", b"b"),
        (b"ftp://boot/a", "/ftp://boot/a", b""),  # not ours: a name like any other
    ],
)
def test_H6_absolute_form_is_accepted(target, path, query):
    head = head_of(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (head.path, head.query) == (path, query)


@pytest.mark.parametrize(
    ("connection", "kept"),
    [
        (b"keep-alive", True),
        (b"close", False),
        (b"Close", False),
        (b"keep-alive, close", False),
        (b"TE,\tCLOSE", False),
        (b"closed", True),
    ],
)
def test_the_connection_is_kept_unless_the_client_says_close(connection, kept):
    head = head_of(
        b"GET / HTTP/1.1\r\nHost:\r\nConnection: " + connection + b"\r\n\r\n"
    )
    assert head.keep_alive is kept


def test_a_field_of_several_lines_is_their_list():
    data = b"GET / HTTP/1.1\r\nHost:\r\nIf-Match: 1\r\nif-match: 2\r\n\r\n"
    assert head_of(data).field(b"if-match") == b"1, 2"
    assert head_of(data).field(b"range") is None


# The path


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a%20b", "/a b"),
        (b"/%2e%2E/x", "/../x"),  # the resolver refuses it
        (b"/%252e%252e/x", "/%2e%2e/x"),  # decoded once
        (b"/..;/x", "/..;/x"),
        (b"/a%2Fb", "/a/b"),
        (b"/a%5cb", "/a\\b"),
        (b"/%c3%bc", "/ü"),
        (b"/%c0%ae%c0%ae/x", "/\udcc0\udcae\udcc0\udcae/x"),  # overlong: no dots
        (b"/a#b?c", "/a"),
        (b"/a?b%00", "/a"),
        (b"/a%3fb", "/a?b"),  # split first, decoded then
        (b"//a", "//a"),
    ],
)
def test_P4_the_path_is_decoded_exactly_once(target, path):
    assert head_of(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n").path == path


@pytest.mark.parametrize(
    "target",
    [
        b"/foo/bar%",
        b"/%4",
        b"/%zz",
        b"/%+1",
        b"/%\xc3\xbc0",
        b"/%00",
        b"/a%0d%0aX:%20y",
        b"/%7f",
        b"/\x02",
        b"/a\tb",
        b"/\xff",  # raw, and no UTF-8
        b"/\xc0\xae",
        b"http://user@boot/",
        b"http:///a",
        b"",
        b" /",
        b"/ ",
    ],
)
def test_P4_P5_a_bad_target_is_refused(target):
    assert refusal_of(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n") == 400

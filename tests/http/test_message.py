"""The head of a request: which bytes are one, which are refused, and as what."""

from __future__ import annotations

import h11
import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastboot._ext import twin
from fastboot.http import message
from fastboot.http.limits import MAX_FIELDS, MAX_HEAD, MAX_LINE, BadRequest
from fastboot.http.message import RequestHead, decode

HOST = b"Host: boot\r\n"


@pytest.fixture(params=["py", pytest.param("ext", marks=pytest.mark.ext)], autouse=True)
def impl(request, monkeypatch):
    """Each test runs with the Python scanner and with its compiled twin."""
    if request.param == "py":
        monkeypatch.setattr(message, "scan_head", message._scan_head)
        return
    compiled = twin("http_message")
    if compiled is None:
        pytest.skip("the compiled twin is not built: setup.py build_ext --inplace")
    monkeypatch.setattr(message, "scan_head", compiled.scan_head)


def head_of(data):
    """The head that `data` is, which must not depend on how it arrives."""
    decoded = decode(data)
    assert decoded is not None
    head, consumed = decoded
    assert consumed == len(data)
    assert decode(data + b"GET /next HTTP/1.1\r\n") == (head, consumed)  # with a tail
    for stop in range(len(data)):  # split at every byte
        assert decode(bytearray(data[:stop])) is None
    return head


def refusal_of(data):
    """The status `data` is refused with, at whatever byte it shows."""
    with pytest.raises(BadRequest) as whole:
        decode(data)
    for stop in range(len(data)):
        try:
            assert decode(data[:stop]) is None
        except BadRequest as early:
            assert (early.status, str(early)) == (  # noqa: PT017
                whole.value.status,
                str(whole.value),
            )
            break
    return whole.value.status


# What boot clients send


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


# What is refused


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


# Properties

TOKEN = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=12).map(str.encode)
VALUE = st.text('\t !az09:,;="\x80\xff', max_size=20).map(
    lambda text: text.encode("latin-1").strip(b" \t")
)
RESERVED = {b"host", b"content-length", b"transfer-encoding", b"connection"}
FIELD = st.tuples(TOKEN.map(bytes.lower), VALUE).filter(lambda f: f[0] not in RESERVED)
TARGET = st.text("/a%20?#&.;~-", max_size=30).map(lambda rest: b"/" + rest.encode())


@given(st.binary(max_size=80))
@example(b"\r")
@example(b"\r\n")
@example(b"\r\n\r\n\r\n")
def test_P5_any_bytes_are_a_head_or_incomplete_or_refused(data):
    for whole in (data, b"GET /" + data + b" HTTP/1.1\r\nHost:\r\n\r\n"):
        try:
            decoded = decode(whole)
        except BadRequest as refusal:
            assert 400 <= refusal.status <= 505  # noqa: PT017
        else:
            assert decoded is None or decoded[1] <= len(whole)


@given(
    method=st.sampled_from(["GET", "HEAD"]),
    target=TARGET,
    minor=st.sampled_from([0, 1]),
    fields=st.lists(FIELD, max_size=8),
)
def test_a_head_is_read_as_it_was_written(method, target, minor, fields):
    data = b"%s %s HTTP/1.%d\r\nhost: a\r\n" % (method.encode(), target, minor)
    data += b"".join(b"%s: %s\r\n" % field for field in fields) + b"\r\n"
    try:
        decoded = decode(data)
    except BadRequest as refusal:
        assert "path" in str(refusal)  # noqa: PT017
        return
    assert decoded is not None
    head = decoded[0]
    assert head.fields == ((b"host", b"a"), *fields)
    assert decode(head.encode()) == (head, len(head.encode()))


class Callbacks:
    """What httptools calls."""

    def __init__(self):
        self.url, self.fields, self.complete = b"", [], False

    def on_url(self, url):
        self.url += url

    def on_header(self, name, value):
        self.fields.append((name.lower(), value))

    def on_headers_complete(self):
        self.complete = True


def by_httptools(data):
    seen = Callbacks()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(data)
    except httptools.HttpParserError:
        return None
    if not seen.complete:
        return None
    return parser.get_method(), seen.url, seen.fields


def by_h11(data):
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Request):
        return None
    return event.method, event.target, list(event.headers)


SNIPPETS = st.sampled_from(
    [b" ", b"\t", b":", b"\r\n", b"\n", b"\r", b"\0", b"A: b\r\n", b"\x80", b"%", b"/"]
)


@given(
    TARGET,
    st.lists(FIELD, max_size=4),
    st.lists(st.tuples(st.integers(0, 120), SNIPPETS), max_size=2),
)
def test_what_two_other_parsers_agree_upon_is_read_the_same(target, fields, damage):
    data = b"GET " + target + b" HTTP/1.1\r\nHost: boot\r\n"
    data += b"".join(b"%s: %s\r\n" % field for field in fields) + b"\r\n"
    for at, snippet in damage:
        data = data[:at] + snippet + data[at:]
    theirs = by_h11(data)
    if theirs is None or theirs != by_httptools(data):
        return
    try:
        decoded = decode(data)
    except BadRequest as refusal:
        # Stricter in the path's escapes and in the Host field only.
        assert "path" in str(refusal) or "Host" in str(refusal)  # noqa: PT017
        return
    assert decoded is not None
    head = decoded[0]
    assert (head.method.encode(), head.target, list(head.fields)) == theirs

"""The head of a request: any bytes, and what two other parsers make of them."""

from __future__ import annotations

import h11
import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastboot.http.limits import BadRequest
from fastboot.http.message import decode

pytestmark = pytest.mark.usefixtures("scan")

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

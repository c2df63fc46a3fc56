"""The compiled twins do what their Python functions do, on any bytes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastboot._ext import twin
from fastboot.http import message
from fastboot.http.limits import MAX_FIELDS, MAX_LINE, BadRequest

pytestmark = pytest.mark.ext


@pytest.fixture(scope="module")
def scan_head():
    """The compiled scanner of HTTP heads."""
    compiled = twin("http_message")
    if compiled is None:
        pytest.skip("the compiled twin is not built: setup.py build_ext --inplace")
    return compiled.scan_head


def outcome(scan, data):
    """What a scanner makes of `data`: its result, or its refusal's type and text."""
    try:
        return scan(data)
    except BadRequest as refusal:
        return refusal.status, str(refusal)


PIECES = st.sampled_from(
    [
        *(b"GET", b"/", b" ", b"  ", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/"),
        *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b":", b": ", b"\t", b"Host", b"a", b"Z"),
        *(b"\0", b"\x7f", b"\x80", b"\xff", b'"', b"%"),
    ]
)
HEAD = b"GET / HTTP/1.1\r\n"


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(PIECES, max_size=12).map(b"".join),
        st.lists(PIECES, max_size=8).map(lambda rest: HEAD + b"".join(rest)),
        st.lists(PIECES, max_size=6).map(
            lambda rest: HEAD + b"".join(rest) + b"\r\n\r\n"
        ),
    )
)
@example(b"")
@example(b"\n")
@example(b"\r\n")
@example(b"G HTTP/1.1\r\n\r\n")
@example(b"G  HTTP/1.1\r\n\r\n")
@example(b"/ HTTP/1.1\r\n\r\n")
@example(HEAD + b"a:\t \t\r\n\r\n")
def test_heads_are_split_or_refused_alike(scan_head, data):
    assert outcome(scan_head, data) == outcome(message._scan_head, data)


@pytest.mark.parametrize(
    "data",
    [
        *(HEAD + b"a: b\r\n" * (MAX_FIELDS + more) + b"\r\n" for more in (-1, 0, 1)),
        *(b"a" * (MAX_LINE + more) + b"\r\n" for more in (-1, 0, 1)),
        *(
            HEAD + b"a:" + b"b" * (MAX_LINE + more) + b"\r\n\r\n"
            for more in (-3, -2, -1)
        ),
        b"a" * (MAX_LINE + 1) + b"\n",
    ],
    ids=range(10),
)
def test_the_limits_are_the_same(scan_head, data):
    assert outcome(scan_head, data) == outcome(message._scan_head, data)


def test_only_bytes_are_taken(scan_head):
    with pytest.raises(TypeError):
        scan_head(None)
    with pytest.raises(TypeError):
        scan_head(bytearray(HEAD))

"""What a connection refuses: names without content, and what is no request."""

from __future__ import annotations

import pytest

from fastboot.events import Dropped, RequestRefused
from fastboot.http.actions import Shutdown
from fastboot.http.limits import MAX_LINE

from .answering import GET, Peer, statuses


@pytest.mark.parametrize(
    ("path", "status"), [(b"/missing", 404), (b"/secret", 403), (b"/broken", 503)]
)
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_P9_a_name_without_content_is_refused_and_the_connection_kept(
    path, status, method
):
    peer = Peer()
    out, rest = peer.ask(method + b" " + path + b" HTTP/1.1\r\nHost:\r\n\r\n")
    assert statuses(out) == [status]
    assert rest == []
    assert out.endswith(b"\r\n\r\n") is (method == b"HEAD")
    (event,) = peer.events
    assert isinstance(event, RequestRefused)
    assert event.name == path.decode()


def test_P9_who_may_ask_again_is_told_when():
    out, _ = Peer().ask(b"GET /broken HTTP/1.1\r\nHost:\r\n\r\n")
    assert b"\r\nRetry-After: 5\r\n" in out
    out, _ = Peer().ask(b"GET /missing HTTP/1.1\r\nHost:\r\n\r\n")
    assert b"Retry-After" not in out


def test_P1_the_peer_is_not_told_why_it_is_refused():
    out, _ = Peer().ask(b"GET /secret HTTP/1.1\r\nHost:\r\n\r\n")
    assert out.endswith(b"\r\n\r\n403 Forbidden\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\0\r\n", 400),
        (b"PUT / HTTP/1.1\r\nHost:\r\n\r\n", 405),
        (b"a" * (MAX_LINE + 1), 414),
        (b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * MAX_LINE, 431),
        (b"BREW / HTTP/1.1\r\nHost:\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\n", 505),
    ],
)
def test_H2_what_is_no_request_is_refused_and_the_connection_closed(data, status):
    peer = Peer()
    out, rest = peer.ask(data)
    assert statuses(out) == [status]
    assert b"\r\nConnection: close\r\n" in out
    assert rest == [Shutdown()]
    (event,) = peer.events
    assert isinstance(event, Dropped)


@pytest.mark.parametrize("before", [b"", b"\r\n"])
def test_the_refusal_of_a_head_request_has_no_body(before):
    peer = Peer()
    out, rest = peer.ask(before + b"HEAD /%zz HTTP/1.1\r\nHost:\r\n\r\n")
    assert statuses(out) == [400]
    assert b"\r\nContent-Length: 16\r\n" in out
    assert out.endswith(b"\r\n\r\n")
    assert rest == [Shutdown()]


def test_H2_a_long_line_in_small_pieces_is_refused_at_its_limit():
    peer = Peer()
    for _ in range(MAX_LINE):
        assert peer.ask(b"a") == (b"", [])
    assert statuses(peer.ask(b"a")[0]) == [414]


@pytest.mark.parametrize(
    ("field", "status"),
    [(b'If-Match: "x"', 412), (b"Range: bytes=5000-", 416)],
)
def test_an_answer_without_the_content_gives_it_back(field, status):
    peer = Peer()
    out, _ = peer.ask(b"GET /linux HTTP/1.1\r\nHost:\r\n" + field + b"\r\n\r\n")
    assert statuses(out) == [status]
    assert peer.all_closed_once()
    (event,) = peer.events
    assert isinstance(event, RequestRefused)


def test_too_many_connections_are_answered_503_and_closed():
    peer = Peer()
    out, rest = peer.take(peer.machine.turn_away(0.0))
    assert statuses(out) == [503]
    assert b"\r\nRetry-After: 5\r\n" in out
    assert rest == [Shutdown()]
    assert peer.machine.receive(GET, 0.0) == []

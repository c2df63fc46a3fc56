"""The machine of one connection, without a socket or a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.events import Dropped, Failed, Finished, Probed
from fastboot.http.actions import Close, SendFile, Shutdown
from fastboot.http.limits import NOTEWORTHY

from .answering import GET, LINUX, STALL_TIMEOUT, Peer, statuses


def test_a_request_is_answered_and_the_connection_kept():
    peer = Peer()
    out, rest = peer.ask(GET)
    assert out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert out.endswith(b"\r\n\r\n" + LINUX)
    assert rest == []
    assert peer.events == [Finished("http", "192.0.2.7", "/linux", 1000, 0.0)]
    assert peer.all_closed_once()
    assert not peer.machine.finished


def test_the_tree_learns_who_asks():
    peer = Peer()
    peer.ask(b"GET /linux HTTP/1.1\r\nHost:\r\nUser-Agent: iPXE/1.21.1\r\n\r\n")
    ((name, client),) = peer.opened
    assert (name, client.address, client.server) == ("/linux", "192.0.2.7", "192.0.2.1")
    assert (client.protocol, client.agent) == ("http", "iPXE/1.21.1")


@pytest.mark.parametrize(
    "target", [b"http://Boot.lan:8080/linux", b"HTTPS://Boot.lan:8080"]
)
def test_H6_the_host_in_the_target_is_the_one_that_is_asked(target):
    peer = Peer()
    peer.ask(b"GET " + target + b" HTTP/1.1\r\nHost: another\r\n\r\n")
    ((_, client),) = peer.opened
    assert client.host == "Boot.lan:8080"


def test_a_head_may_come_in_any_pieces():
    whole = Peer().ask(GET)
    for at in range(1, len(GET)):
        peer = Peer()
        assert peer.ask(GET[:at]) == (b"", [])
        assert peer.ask(GET[at:]) == whole
    peer = Peer()
    for at in range(len(GET) - 1):
        assert peer.ask(GET[at : at + 1]) == (b"", [])
    assert peer.ask(GET[-1:]) == whole


def test_who_asks_to_close_is_answered_then_shut_down():
    peer = Peer()
    out, rest = peer.ask(b"GET /linux HTTP/1.0\r\n\r\n")
    assert out.endswith(LINUX)
    assert rest == [Shutdown()]
    assert peer.machine.receive(b"what comes late", 1.0) == []
    assert peer.machine.end() == [Close()]
    assert peer.machine.finished


# Pipelining and half-close


def test_H7_one_answer_is_under_way_at_a_time():
    peer = Peer()
    first = peer.machine.receive(GET * 3, 0.0)
    assert len(peer.opened) == 1
    assert peer.machine.answering
    out, rest = peer.take(first)
    assert out == Peer().ask(GET)[0] * 3
    assert rest == []
    assert peer.all_closed_once()


def test_H7_what_follows_a_request_to_close_is_not_answered():
    peer = Peer()
    out, rest = peer.ask(
        b"GET /linux HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n" + GET
    )
    assert statuses(out) == [200]
    assert rest == [Shutdown()]


def test_H5_bytes_after_a_refused_request_are_no_request():
    peer = Peer()
    out, rest = peer.ask(b"GET / HTTP/1.1\r\nHost:\r\nContent-Length: 99\r\n\r\n" + GET)
    assert statuses(out) == [413]
    assert rest == [Shutdown()]
    assert peer.opened == []


def test_the_end_between_requests_closes_the_connection():
    peer = Peer()
    peer.ask(GET)
    assert peer.machine.end() == [Close()]
    assert len(peer.events) == 1


def test_the_end_within_a_head_is_reported():
    peer = Peer()
    peer.ask(GET[:-1])
    assert peer.machine.end() == [Close()]
    (event,) = peer.events
    assert isinstance(event, Dropped)


# What is reported


def test_a_head_request_is_a_probe():
    peer = Peer()
    peer.ask(b"HEAD /linux HTTP/1.1\r\nHost:\r\n\r\n")
    assert peer.events == [Probed("http", "192.0.2.7", "/linux", 1000)]
    assert peer.all_closed_once()


@pytest.mark.parametrize(
    ("field", "size"),
    [
        (b"X: y", NOTEWORTHY * 4),  # the whole file
        (b"Range: bytes=0-", NOTEWORTHY * 4),
        (b"Range: bytes=1-%d" % NOTEWORTHY, NOTEWORTHY),
        (b"Range: bytes=1-%d" % (NOTEWORTHY - 1), None),
        (b"Range: bytes=0-4095", None),  # a disk read
        (b'If-None-Match: "d"', None),
    ],
)
def test_a_transfer_is_a_whole_file_or_a_large_part(field, size):
    peer = Peer()
    asked = b"GET /disk HTTP/1.1\r\nHost:\r\n" + field + b"\r\n\r\n"
    actions = peer.machine.receive(asked, 1.0)
    for action in actions:
        if isinstance(action, SendFile):
            peer.machine.taken(action.length, 2.0, content=True)
    assert peer.machine.sent(3.5) == []
    finished = [Finished("http", "192.0.2.7", "/disk", size, 2.5)]
    assert peer.events == ([] if size is None else finished)
    assert peer.all_closed_once()


def test_F6_an_answer_that_comes_when_nobody_waits_is_given_back():
    peer = Peer()
    peer.ask(b"GET /later HTTP/1.1\r\nHost:\r\n\r\n")
    assert peer.machine.asking
    late = peer.open("/linux", None)
    peer.machine.fail("the client is gone", 1.0)
    assert peer.machine.answered(late, 2.0) == []
    assert late.closed == 1


def test_F2_an_answer_that_cannot_be_completed_is_reset_and_reported():
    peer = Peer()
    head, _ = peer.machine.receive(GET, 0.0)
    peer.machine.taken(len(head.data), 0.0, content=False)
    peer.machine.taken(300, 0.0, content=True)
    assert peer.machine.fail("the file was cut short", 2.0) == [Close(reset=True)]
    assert peer.events == [
        Failed("http", "192.0.2.7", "/linux", 300, 2.0, "the file was cut short")
    ]
    assert peer.all_closed_once()
    assert peer.machine.finished


@pytest.mark.parametrize(
    "asked", [b"", GET[:9], b"GET /nope HTTP/1.1\r\nHost:\r\n\r\n"]
)
def test_H7_a_peer_that_is_gone_without_a_transfer_is_no_failure(asked):
    peer = Peer()
    if asked:
        peer.machine.receive(asked, 0.0)
    assert peer.machine.fail("Connection reset by peer", 0.0) == [Close(reset=True)]
    assert not any(isinstance(event, Failed) for event in peer.events)


# Anything at all


CHUNK = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            GET,
            GET[:20],
            GET[20:],
            b"GET /disk HTTP/1.0\r\nRange: bytes=0-9\r\n\r\n",
            b"\r\n",
        ]
    ),
)


@given(st.lists(CHUNK, max_size=8), st.booleans())
def test_P5_whatever_arrives_blobs_are_closed_once_and_the_end_comes(chunks, cut):
    peer = Peer()
    now = 0.0
    for chunk in chunks:
        now += 1.0
        actions = peer.machine.receive(chunk, now) if chunk else []
        while peer.machine.answering:
            assert actions
            if cut:
                peer.machine.fail("gone", now)
                break
            actions = peer.machine.sent(now)
    while not peer.machine.finished:
        assert peer.machine.deadline <= now + STALL_TIMEOUT
        now = peer.machine.deadline
        peer.take(peer.machine.tick(now), now)
    assert peer.all_closed_once()

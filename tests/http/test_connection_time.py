"""How long a connection waits for what, and how it ends when the server does."""

from __future__ import annotations

from dataclasses import replace

from fastboot.events import Dropped, Failed
from fastboot.http.actions import Close, Shutdown
from fastboot.http.limits import LINGER

from .answering import (
    CONFIG,
    GET,
    HEAD_TIMEOUT,
    IDLE_TIMEOUT,
    LINUX,
    MIN_RATE,
    STALL_TIMEOUT,
    Peer,
    statuses,
)


def test_H1_a_new_connection_has_the_time_of_a_head_to_ask():
    peer = Peer(now=100.0)
    assert peer.machine.deadline == 100.0 + HEAD_TIMEOUT
    assert peer.machine.tick(100.0 + HEAD_TIMEOUT - 0.1) == []
    assert peer.machine.tick(100.0 + HEAD_TIMEOUT) == [Shutdown()]
    assert peer.events == []


def test_H1_a_head_in_drops_is_answered_408():
    peer = Peer(now=0.0)
    for at in range(len(GET) - 1):
        assert peer.ask(GET[at : at + 1], now=10.0 + at / 10) == (b"", [])
    assert peer.machine.deadline == 10.0 + HEAD_TIMEOUT
    out, rest = peer.take(peer.machine.tick(10.0 + HEAD_TIMEOUT))
    assert statuses(out) == [408]
    assert rest == [Shutdown()]
    assert isinstance(peer.events[0], Dropped)


def test_a_connection_may_be_idle_between_requests():
    peer = Peer()
    peer.ask(GET, now=5.0)
    assert peer.machine.deadline == 5.0 + IDLE_TIMEOUT
    assert statuses(peer.ask(GET, now=70.0)[0]) == [200]
    assert peer.machine.deadline == 70.0 + IDLE_TIMEOUT
    assert peer.machine.tick(70.0 + IDLE_TIMEOUT) == [Shutdown()]


def test_the_rest_of_a_head_behind_an_answer_has_the_time_of_a_head():
    peer = Peer()
    peer.take(peer.machine.receive(GET + GET[:5], 0.0), now=50.0)
    assert peer.machine.deadline == 50.0 + HEAD_TIMEOUT


def test_H1_a_client_that_takes_nothing_is_cut_off():
    peer = Peer()
    peer.machine.receive(GET, 0.0)
    assert peer.machine.tick(STALL_TIMEOUT - 0.1) == []
    assert peer.machine.tick(STALL_TIMEOUT) == [Close(reset=True)]
    (event,) = peer.events
    assert isinstance(event, Failed)
    assert peer.all_closed_once()


def test_H1_a_client_that_takes_enough_may_go_on():
    peer = Peer()
    peer.machine.receive(b"GET /disk HTTP/1.1\r\nHost:\r\n\r\n", 0.0)
    peer.machine.taken(int(MIN_RATE * STALL_TIMEOUT) - 1, 50.0, content=True)
    assert peer.machine.deadline == STALL_TIMEOUT
    peer.machine.taken(1, 60.0, content=True)
    assert peer.machine.deadline == 60.0 + STALL_TIMEOUT


def test_H1_what_was_taken_of_one_answer_buys_no_time_for_the_next():
    peer = Peer()
    peer.machine.receive(GET, 0.0)
    peer.machine.taken(int(MIN_RATE * STALL_TIMEOUT) - 1, 1.0, content=True)
    peer.machine.sent(1.0)
    peer.machine.receive(GET, 2.0)
    peer.machine.taken(1, 50.0, content=True)
    assert peer.machine.deadline == 2.0 + STALL_TIMEOUT


def test_H1_without_a_least_rate_any_byte_buys_time():
    peer = Peer(config=replace(CONFIG, min_rate=0))
    peer.machine.receive(b"GET /disk HTTP/1.1\r\nHost:\r\n\r\n", 0.0)
    peer.machine.taken(1, 50.0, content=True)
    assert peer.machine.deadline == 50.0 + STALL_TIMEOUT


def test_H1_what_the_client_acknowledged_is_taken_also_where_there_is_no_room_yet():
    peer = Peer()
    peer.machine.receive(GET, 0.0)
    least = int(MIN_RATE * STALL_TIMEOUT)
    assert peer.machine.tick(STALL_TIMEOUT, least) == []
    assert peer.machine.deadline == 2 * STALL_TIMEOUT
    assert peer.machine.tick(2 * STALL_TIMEOUT, least - 1) == [Close(reset=True)]


def test_H1_what_was_handed_over_before_the_time_was_renewed_does_not_count_again():
    peer = Peer()
    peer.machine.receive(b"GET /disk HTTP/1.1\r\nHost:\r\n\r\n", 0.0)
    least = int(MIN_RATE * STALL_TIMEOUT)
    peer.machine.taken(least - 1, 50.0, content=True)
    assert peer.machine.tick(STALL_TIMEOUT, least) == []
    peer.machine.taken(1, 200.0, content=True)
    assert peer.machine.deadline == 2 * STALL_TIMEOUT


def test_H7_the_last_request_that_a_connection_may_make_is_answered_and_it_is_closed():
    peer = Peer(config=replace(CONFIG, max_requests=3))
    out, rest = peer.ask(GET * 5)
    assert out.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert out.count(b"\r\nConnection: close\r\n") == 1
    assert rest == [Shutdown()]


def test_the_last_wait_ends_as_well():
    peer = Peer()
    peer.ask(b"GET /linux HTTP/1.0\r\n\r\n", now=2.0)
    assert peer.machine.deadline == 2.0 + STALL_TIMEOUT  # TLS's goodbye needs room
    peer.machine.shut(3.0)
    assert peer.machine.deadline == 3.0 + LINGER
    peer.machine.receive(b"x", 4.0)  # does not prolong it
    assert peer.machine.tick(3.0 + LINGER) == [Close()]
    assert peer.machine.tick(1e9) == []


# Draining


def test_R9_draining_ends_an_idle_connection_at_once():
    peer = Peer()
    peer.ask(GET)
    assert not peer.machine.busy
    assert peer.machine.drain(1.0) == [Shutdown()]


def test_R9_draining_lets_an_answer_under_way_complete():
    peer = Peer()
    actions = peer.machine.receive(GET, 0.0)
    assert peer.machine.drain(1.0) == []
    assert peer.machine.busy
    out, rest = peer.take(actions)
    assert out.endswith(LINUX)
    assert rest == [Shutdown()]


def test_R9_a_request_that_was_pipelined_before_draining_is_answered_and_the_last():
    peer = Peer()
    actions = peer.machine.receive(GET * 3, 0.0)
    assert peer.machine.drain(1.0) == []
    out, rest = peer.take(actions)
    assert out.count(b"HTTP/1.1 200 OK\r\n") == 2  # the third finds it closed
    assert out.count(b"\r\nConnection: close\r\n") == 1
    assert rest == [Shutdown()]


def test_R9_a_refusal_while_draining_says_that_it_is_the_last():
    peer = Peer()
    peer.ask(b"GET /missing HTTP/1.1\r\nHost:\r\n")
    peer.machine.drain(0.0)
    out, rest = peer.ask(b"\r\n")
    assert statuses(out) == [404]
    assert b"\r\nConnection: close\r\n" in out
    assert rest == [Shutdown()]


def test_R9_a_request_that_was_being_read_is_the_last():
    peer = Peer()
    peer.ask(GET[:10])
    assert peer.machine.drain(1.0) == []
    out, rest = peer.ask(GET[10:])
    assert b"\r\nConnection: close\r\n" in out
    assert rest == [Shutdown()]

"""The machine of one connection, without a socket or a clock."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.config import HttpConfig
from fastboot.errors import NotFound, Refused, Unavailable
from fastboot.events import Dropped, Failed, Finished, Probed, RequestRefused
from fastboot.http.actions import Close, Send, SendFile, Shutdown
from fastboot.http.connection import Connection
from fastboot.http.limits import LINGER, MAX_LINE, NOTEWORTHY
from fastboot.tree import Blob

HEAD_TIMEOUT, IDLE_TIMEOUT, STALL_TIMEOUT = 15.0, 75.0, 120.0
MIN_RATE = 1000
CONFIG = HttpConfig(
    head_timeout=HEAD_TIMEOUT,
    idle_timeout=IDLE_TIMEOUT,
    stall_timeout=STALL_TIMEOUT,
    min_rate=MIN_RATE,
    max_requests=1000,
)
GET = b"GET /linux HTTP/1.1\r\nHost: boot\r\n\r\n"
LINUX = bytes(range(250)) * 4


class Counted(Blob):
    """A blob that knows how often it was closed."""

    __slots__ = ("closed",)
    closed: int

    def close(self):
        self.closed += 1
        super().close()


class Peer:
    """A client of one connection: what it sends is answered at once."""

    def __init__(self, now=0.0, config=CONFIG):
        self.events = []
        self.opened = []
        self.blobs = []
        self.machine = Connection(
            config,
            self.open,
            self.events.append,
            lambda: 1_800_000_000.0,
            client="192.0.2.7",
            server="192.0.2.1",
            now=now,
        )

    def open(self, name, client):
        """The tree: /linux, /disk (large), /later, /secret (refused) and /broken."""
        self.opened.append((name, client))
        if name == "/later":
            return object()  # stands for what will bring it
        if name == "/secret":
            raise Refused("the name leads out of the folder")
        if name == "/broken":
            raise Unavailable("cannot be opened: Input/output error")
        if name == "/disk":
            blob = Counted(size=NOTEWORTHY * 4, etag='"d"')
        elif name == "/linux":
            blob = Counted(size=len(LINUX), etag='"l"', data=LINUX)
        else:
            raise NotFound("no such file")
        blob.closed = 0
        self.blobs.append(blob)
        return blob

    def ask(self, data, now=0.0):
        """Send `data` and take all answers: the bytes sent, and what else was done."""
        return self.take(self.machine.receive(data, now), now)

    def take(self, actions, now=0.0):
        """Carry out actions until the machine waits."""
        out, rest = b"", []
        while actions:
            for action in actions:
                if isinstance(action, Send):
                    out += action.data
                    self.machine.taken(len(action.data), now, content=False)
                elif isinstance(action, SendFile):
                    out += action.blob.read(action.offset, action.length)
                    self.machine.taken(action.length, now, content=True)
                else:
                    rest.append(action)
            actions = self.machine.sent(now)
        return out, rest

    def all_closed_once(self):
        return all(blob.closed == 1 for blob in self.blobs)


def statuses(out):
    """The status codes of the answers in a stream of heads without bodies."""
    return [int(line[9:12]) for line in out.split(b"\r\n") if line[:5] == b"HTTP/"]


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


# Refusals


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


# Time


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


class Feed:
    """What somebody watches: it says what it is told to."""

    def __init__(self, *news):
        self.news = list(news)
        self.closed = 0

    def __call__(self):
        return self.news.pop(0)

    def close(self):
        self.closed += 1


def watching(*news, method=b"GET", **changes):
    """A client that watches a feed, and what it was sent at once."""
    feed, peer = Feed(*news), Peer(**changes)
    fields = (("Cache-Control", "no-store"),)
    blob = Blob.from_feed(feed, kind="text/event-stream", fields=fields)
    peer.machine._open = lambda name, client: blob
    out, rest = peer.ask(method + b" /events HTTP/1.1\r\nHost: boot\r\n\r\n")
    return feed, peer, out, rest


def test_a_feed_has_no_length_and_its_first_news_at_once():
    feed, peer, out, rest = watching(b"data: 1\n\n", b"")
    head, _, body = out.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/event-stream\r\nCache-Control: no-store" in head
    assert b"Connection: close" in head
    assert b"Length" not in head
    assert (body, rest) == (b"data: 1\n\n", [])
    assert not feed.closed
    assert peer.events == []


def test_a_feed_is_asked_again_every_second_and_nothing_is_sent_for_nothing():
    feed, peer, _, _ = watching(b"", b"", b"2")
    assert peer.machine.deadline == 1.0
    assert peer.machine.tick(0.5) == []
    assert len(feed.news) == 2
    assert peer.machine.tick(1.0) == []
    assert peer.machine.tick(2.0) == [Send(b"2")]


def test_H7_what_has_news_all_the_time_is_looked_at_every_second():
    feed, peer, out, _ = watching(b"1", b"2", b"3")
    assert out.endswith(b"\r\n\r\n1")
    assert not peer.machine.answering
    assert peer.machine.deadline == 1.0
    assert peer.machine.tick(1.0) == [Send(b"2")]
    assert peer.machine.sent(1.5) == []
    assert peer.machine.deadline == 2.0
    assert feed.news == [b"3"]


def test_who_takes_nothing_of_a_feed_is_asked_for_no_more_and_cut_off():
    feed, peer, _, _ = watching(b"", b"2")
    assert peer.machine.tick(1.0) == [Send(b"2")]
    assert peer.machine.answering
    assert peer.machine.tick(1.0 + STALL_TIMEOUT) == [Close(reset=True)]
    assert feed.closed == 1
    assert peer.events == []


def test_a_feed_that_is_over_ends_the_connection():
    feed, _, _, rest = watching(None)
    assert rest == [Shutdown()]
    assert feed.closed == 1


def test_who_watches_keeps_no_server_from_ending():
    feed, peer, _, _ = watching(b"")
    assert not peer.machine.busy
    assert peer.machine.drain(0.5) == [Shutdown()]
    assert feed.closed == 1


def test_a_watcher_that_leaves_closes_its_feed():
    feed, peer, _, _ = watching(b"")
    assert peer.machine.receive(b"GET / HTTP/1.1", 0.5) == []
    assert peer.machine.end() == [Close()]
    assert feed.closed == 1


def test_the_head_alone_of_a_feed_closes_it():
    feed, _, out, _ = watching(b"news", method=b"HEAD")
    assert out.endswith(b"\r\n\r\n")
    assert feed.closed == 1

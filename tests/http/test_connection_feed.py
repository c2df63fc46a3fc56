"""A connection whose client watches a feed: content without an end."""

from __future__ import annotations

from fastboot.http.actions import Close, Send, Shutdown
from fastboot.tree import Blob

from .answering import STALL_TIMEOUT, Peer


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

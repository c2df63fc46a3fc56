"""What is done once a day: the keys of TLS's sessions are other ones then."""

from __future__ import annotations

import ssl
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest

from fastboot.config import (
    BootConfig,
    Config,
    DhcpConfig,
    HttpConfig,
    HttpsConfig,
    TftpConfig,
)
from fastboot.daily import DAY, Daily
from fastboot.events import Fault, Reloaded
from fastboot.server import Server
from fastboot.tree import Memory
from secure_web import SecureServer
from web import get, read_answer


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_it_is_done_a_day_after_the_start_and_each_day_after_that(clock):
    done, told = [], []
    with closing(
        Daily("https", lambda: done.append(clock.now), told.append, clock)
    ) as daily:
        for _ in range(5):
            clock.now += DAY / 2
            daily.poll(0)
    assert done == [1000.0 + DAY, 1000.0 + 2 * DAY]
    assert told == []


def test_a_mistake_is_told_and_the_next_day_is_another(clock):
    done, told = [], []

    def fail():
        done.append(clock.now)
        raise ValueError("a mistake")

    with closing(Daily("https", fail, told.append, clock)) as daily:
        for _ in range(2):
            clock.now += DAY
            daily.poll(0)
    assert len(done) == 2
    assert [(type(event), event.protocol) for event in told] == [(Fault, "https")] * 2


def test_it_wakes_whoever_waits_when_the_day_is_over(monkeypatch):
    monkeypatch.setattr("fastboot.daily.DAY", 0.01)
    done = []
    with closing(
        Daily("https", lambda: done.append(1), print, time.monotonic)
    ) as daily:
        while not done:
            daily.poll(None)


def test_a_server_changes_the_keys_of_its_sessions_once_a_day(tmp_path):
    """For all of its threads at once: a session goes on with any."""
    pytest.importorskip("cryptography")
    (tmp_path / "images").mkdir()
    settings = Config(
        tmp_path / "images",
        address=("127.0.0.1",),
        workers=2,
        tftp=TftpConfig(enabled=False, port=0),
        http=HttpConfig(enabled=False, port=0),
        https=HttpsConfig(enabled=True, port=0, state=tmp_path / "state"),
        dhcp=DhcpConfig(mode="off"),
        boot=BootConfig(programs=()),
    )
    told = []
    with closing(Server(settings, told.append)) as server:
        engines = server.engines["https"]
        before = engines[0].secure
        (daily,) = (one for one in server.control if isinstance(one, Daily))
        daily._due = 0.0
        daily.poll(0)
        after = {engine.secure for engine in engines}
        assert len(engines) == 2
        assert len(after) == 1
        assert before not in after
    assert [event for event in told if isinstance(event, Reloaded)] == [
        Reloaded("https")
    ]


def test_what_opened_yesterdays_sessions_opens_none_today(tmp_path):
    """TLS 1.2, whose secrets are those of the first connection (RFC 5077)."""
    store = pytest.importorskip("fastboot.tls.store").Store(tmp_path / "state", "host")
    made = store.authority, store.pairs(["127.0.0.1"], datetime.now(UTC))
    server = SecureServer(Memory({"a": b"text"}), made)
    today = SecureServer(Memory({}), made).engine
    context = server.client(maximum_version=ssl.TLSVersion.TLSv1_2)

    def connect(session):
        client = context.wrap_socket(
            server.raw(), server_hostname="127.0.0.1", session=session
        )
        with client:
            client.sendall(get(b"/a"))
            assert read_answer(client)[2] == b"text"
            return client.session, client.session_reused

    with closing(server.engine), closing(today), server.polled():
        session, _ = connect(None)
        assert connect(session)[1]
        server.engine.secure = today.secure
        assert not connect(session)[1]

"""Short answers over TLS: one record each, by what is known, and never in clear text."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack, suppress

import pytest

from fastboot.config import HttpConfig
from fastboot.events import Fault, Finished
from fastboot.http import outlet, secure_front
from fastboot.http.places import Places
from fastboot.http.secure_front import MOST, SecureFront
from fastboot.poller import READ, WRITE
from fastboot.tls.sockets import Waits
from fastboot.tree import Memory
from secure_web import CLOSE, body, fetch, take_late
from web import PATIENCE, content, get, read_answer

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture
def serve(serve_secure):
    """Start engines."""
    return serve_secure


class Wire:
    """A client that keeps what came, before it is decrypted."""

    def __init__(self, server, **limits):
        self.raw = b""
        self._sock = server.raw()
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = server.client(**limits).wrap_bio(
            self._in, self._out, server_hostname="127.0.0.1"
        )
        self.do(self.tls.do_handshake)
        self.raw = b""  # what follows is the answers

    def do(self, what, *args):
        while True:
            try:
                return what(*args)
            except ssl.SSLWantReadError:
                self._flush()
                more = self._sock.recv(1 << 16)
                assert more
                self.raw += more
                self._in.write(more)
            finally:
                self._flush()

    def _flush(self):
        if data := self._out.read():
            self._sock.sendall(data)

    def answer(self, asked, size):
        """The next answer, whose body has so many bytes."""
        self.do(self.tls.write, asked)
        answer = b""
        while len(answer.partition(b"\r\n\r\n")[2]) < size:
            answer += self.do(self.tls.read, 1 << 16)
        return answer

    def records(self):
        """Lengths of the records of application data that came (RFC 5246, 6.2.1)."""
        found, at = [], 0
        while at < len(self.raw):
            length = int.from_bytes(self.raw[at + 3 : at + 5])  # type, version, length
            if self.raw[at] == 23:
                found.append(length)
            at += 5 + length
        assert at == len(self.raw)
        return found

    def close(self):
        self._sock.close()


@pytest.mark.parametrize("kind", ["folder", "memory"])
@pytest.mark.parametrize("more", [b"", b"Range: bytes=100-4199"])
def test_a_short_answer_is_one_record_the_first_time_and_later(
    serve, asked, kind, more
):
    data = content(5000)
    asked.put("f", data)
    server = serve(asked if kind == "folder" else Memory({"f": data}))
    wanted = data[100:4200] if more else data
    with server.polled():
        wire = Wire(server, maximum_version=TLS12)
        for number in (1, 2, 3):
            answer = wire.answer(get(b"/f", more), len(wanted))
            assert body(answer) == wanted
            assert len(wire.records()) == number
        assert data[100:200] not in wire.raw
        wire.close()


def test_several_short_parts_are_one_record(serve):
    data = content(5000)
    server = serve(Memory({"f": data}))
    with server.polled():
        wire = Wire(server, maximum_version=TLS12)
        wire.do(wire.tls.write, get(b"/f", b"Range: bytes=0-99, 1000-1099"))
        answer = wire.do(wire.tls.read, 1 << 16)
        assert data[:100] in answer
        assert data[1000:1100] in answer
        assert len(wire.records()) == 1
        wire.close()


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_the_second_request_has_the_first_ones_answer_and_asks_nobody(
    serve, asked, version
):
    asked.put("linux", content(5000))
    server = serve(asked)
    with server.polled(), ExitStack() as stack:
        one, other = (
            stack.enter_context(server.connect(maximum_version=version)) for _ in "12"
        )
        answers = []
        for who in (one, one, other):
            who.sendall(get(b"/linux"))
            answers.append(read_answer(who))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][2] == content(5000)
    assert asked.names == ["/linux"]
    assert server.engine.stats()["requests"] == 3
    told = [(event.protocol, event.size) for event in server.of(Finished)]
    assert told == [("https", 5000)] * 3


@pytest.mark.parametrize("size", [0, 1, 16 << 10, MOST, MOST + 1, 3 * MOST])
def test_whatever_its_size_a_file_arrives_as_it_is_each_time(serve, asked, size):
    asked.put("f", content(size))
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for _ in range(4):
            client.sendall(get(b"/f"))
            assert read_answer(client)[2] == content(size)
    longer = size > MOST
    assert len(asked.names) == (4 if longer else 1 if size else len(asked.names))


def test_a_file_that_has_changed_is_read_anew(serve, asked):
    asked.put("f", content(5000))
    server = serve(asked)
    with server.polled(), server.connect() as client:
        for seed in (0, 0, 1, 1):
            asked.put("f", content(5000, seed))
            client.sendall(get(b"/f"))
            assert read_answer(client)[2] == content(5000, seed)


def test_what_finds_no_room_comes_later_and_complete(serve, asked):
    """OpenSSL wants the same bytes once more, and as many."""
    data = content(100_000)
    asked.put("f", data)
    server = serve(asked)
    with server.polled():
        client = server.connect()
        client.sendall(get(b"/f"))
        assert read_answer(client)[2] == data
    with client:
        client.setblocking(False)
        client.sendall(get(b"/f") * 99 + get(b"/f", CLOSE))
        answer = take_late(server, client)
    assert answer.count(data) == 100
    assert len(answer) < 100 * (len(data) + 1000)
    assert len(asked.names) == 2  # the last asks for an end, too
    assert not server.of(Fault)


def test_a_client_that_waits_too_long_is_told_goodbye(serve, asked):
    server = serve(asked, idle_timeout=1, head_timeout=1)
    with server.polled(), server.connect() as client:
        client.settimeout(PATIENCE)
        assert client.recv(1) == b""  # without a goodbye it would be an error


def test_who_rests_between_requests_is_told_goodbye_when_the_server_leaves(
    serve, asked
):
    asked.put("f", content(5000))
    server = serve(asked)
    with server.polled():
        client = server.connect()
        for _ in range(2):
            client.sendall(get(b"/f"))
            read_answer(client)
    with client:
        server.engine.drain()
        with server.polled():
            assert client.recv(1) == b""  # without a goodbye it would be an error
    server.pump(lambda: server.engine.stats()["connections"] == 0)


def test_a_record_that_was_tampered_with_ends_the_connection_and_no_other(serve, asked):
    asked.put("f", content(5000))
    server = serve(asked)
    with server.polled(), server.connect() as other:
        wire = Wire(server)
        wire.answer(get(b"/f"), 5000)
        wire._sock.sendall(b"\x17\x03\x03\x00\x20" + b"\0" * 32)
        with suppress(ConnectionError):
            while wire._sock.recv(1 << 16):
                pass
        wire.close()
        assert body(fetch(other, get(b"/f", CLOSE))) == content(5000)
    assert not server.of(Fault)


class Changes:
    """A poller that keeps what is wanted of it."""

    called = False

    def __init__(self):
        self.wanted = []

    def wait(self, timeout):
        return [(self.fd, READ)]

    def change(self, fd, interest):
        self.wanted.append(interest)


class Busy:
    """A TLS socket that has to send something before it can be read."""

    def __init__(self, sock):
        self.fileno = sock.fileno
        self.room = False

    def recv(self, size):
        raise Waits(READ if self.room else WRITE)


def test_what_has_to_be_sent_before_more_is_read_is_waited_for():
    """Or a client that takes nothing would keep us busy with what it sends."""
    poller = Changes()
    config = HttpConfig(port=0)
    room = Places.of(config)
    front = SecureFront(poller, config, lambda: 0.0, lambda: 0.0, room)
    with socket.socket() as plain:
        poller.fd, sock = plain.fileno(), Busy(plain)
        front.watch(sock, "127.0.0.1", 10.0, 0)
        front.poll(0)
        front.poll(0)
        assert poller.wanted == [WRITE]
        sock.room = True
        front.poll(0)
        assert poller.wanted == [WRITE, READ]


def test_what_is_not_in_memory_is_read_aside(serve, asked, monkeypatch):
    asked.put("f", content(5000))
    server, fill, cold = serve(asked), secure_front.fill, []

    def filled(file, buffer, at, *, wait):
        if not wait and not cold:
            cold.append(at)
            raise secure_front.Cold(file, at)
        fill(file, buffer, at, wait=wait)

    monkeypatch.setattr(outlet, "read_warm", lambda *where: None)
    monkeypatch.setattr(secure_front, "fill", filled)
    with server.polled(), server.connect() as client:
        for _ in range(3):
            client.sendall(get(b"/f"))
            assert read_answer(client)[2] == content(5000)
    assert cold == [0]
    assert asked.names == ["/f"]

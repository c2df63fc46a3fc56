"""HTTPS over real sockets: the same content, every suite, and never in clear text."""

from __future__ import annotations

import os
import resource
import select
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import pytest

from fastboot.events import Dropped, Failed, Fault, Finished
from fastboot.http import peer, secure
from fastboot.tls.context import make_context
from fastboot.tls.store import Store
from fastboot.tree import Memory
from secure_web import CLOSE, LARGE, body, fetch, take_late
from web import PATIENCE, content, get

CROWD = 4000  # connections that do nothing but keep their place


@pytest.fixture
def serve(serve_secure):
    """Start engines."""
    return serve_secure


TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("limits", "version", "suite"),
    [
        ({}, "TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        *(
            ({"maximum_version": TLS12, "suites": suite}, "TLSv1.2", suite)
            for suite in (
                "ECDHE-ECDSA-AES128-GCM-SHA256",
                "ECDHE-ECDSA-AES256-GCM-SHA384",
                "ECDHE-ECDSA-CHACHA20-POLY1305",
                "ECDHE-ECDSA-AES128-SHA256",
                "ECDHE-RSA-AES128-GCM-SHA256",
                "ECDHE-RSA-AES256-GCM-SHA384",
                "ECDHE-RSA-AES128-SHA256",
                "ECDHE-RSA-AES256-SHA384",
            )
        ),
    ],
)
def test_a_file_arrives_bit_for_bit_whatever_the_suite(
    serve, large, limits, version, suite
):
    server = serve(large[1])
    with server.polled(), server.connect(**limits) as client:
        assert (client.version(), client.cipher()[0]) == (version, suite)
        answer = fetch(client, get(b"/linux", CLOSE))
    assert body(answer) == content(LARGE)
    (event,) = server.of(Finished)
    assert (event.protocol, event.size) == ("https", LARGE)


OLD_SUITES = (
    *("AES128-SHA256", "AES256-SHA", "AES128-GCM-SHA256"),
    *("DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-SHA256", "DHE-RSA-AES128-SHA"),
)


@pytest.mark.parametrize("suite", OLD_SUITES)
def test_old_ipxe_is_served_where_that_is_allowed(serve, suite):
    limits = {"maximum_version": TLS12, "suites": f"{suite}:@SECLEVEL=0"}
    server = serve(Memory({"f": b"fine"}), legacy=True)
    with server.polled(), server.connect(**limits) as client:
        assert client.cipher()[0] == suite
        assert body(fetch(client, get(b"/f", CLOSE))) == b"fine"
    server = serve(Memory({}))
    with server.polled(), pytest.raises(ssl.SSLError):
        server.connect(**limits)


def test_requests_share_a_connection_and_ranges_are_exact(serve, large):
    server = serve(large[1])
    with server.polled(), server.connect() as client:
        answer = fetch(
            client,
            get(b"/linux", b"Range: bytes=5-9") * 20
            + get(b"/linux", b"Range: bytes=100000-300000", CLOSE),
        )
    assert answer.count(b"HTTP/1.1 206 ") == 21
    assert answer.count(b"\r\n\r\n" + content(10)[5:]) == 20
    assert answer.endswith(b"\r\n\r\n" + content(300_001)[100_000:])


def exchange(client, asked):
    """What is answered while it is asked; in one thread, as `ssl` wants it."""
    client.setblocking(False)
    answer = bytearray()
    while True:
        wanted = select.POLLIN | (select.POLLOUT if asked else 0)
        poller = select.poll()
        poller.register(client, wanted)
        assert poller.poll(PATIENCE * 1000)
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if asked:
                asked = asked[client.send(asked) :]
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while more := client.recv(1 << 16):
                answer += more
            return bytes(answer)


def test_H7_many_pipelined_requests_are_answered(serve):
    """What is left of a record inside OpenSSL shows in no epoll."""
    server = serve(Memory({"a": b"first", "b": b"second"}))
    with server.polled(), server.connect() as client:
        asked = (get(b"/a") + get(b"/b")) * 1000 + get(b"/a", CLOSE)
        answer = exchange(client, asked)
    assert answer.count(b"first") == 1001
    assert answer.count(b"second") == 1000


def test_a_hundred_clients_at_once_get_their_files(serve, large):
    (large[0] / "part").write_bytes(content(300_000))
    server = serve(large[1])
    bodies = []

    def run():
        with server.connect() as client:
            bodies.append(body(fetch(client, get(b"/part", CLOSE))))

    with server.polled():
        threads = [threading.Thread(target=run) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert bodies == [content(300_000)] * 100
    assert not server.of(Fault)


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_session_is_resumed(serve, version):
    server = serve(Memory({"f": b"fine"}))
    context = server.client(maximum_version=version)

    def connect(session=None):
        return context.wrap_socket(
            server.raw(), server_hostname="127.0.0.1", session=session
        )

    with server.polled():
        with connect() as first:
            fetch(first, get(b"/f", CLOSE))
            session = first.session
        with connect(session) as second:
            assert second.session_reused
            assert body(fetch(second, get(b"/f", CLOSE))) == b"fine"


# Hostile or wrong


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: boot\r\n\r\n", "speaks HTTP, not HTTPS"),
        (b"\x16\x03\x01\x00\x00", "no TLS handshake"),  # a record of no bytes
        (b"\x16\x03\x01\x40\x01" + b"\0" * 9, "no TLS handshake"),  # one too long
        (b"\0" * 100, "no TLS handshake"),
        (b"\x80\x2e\x01\x00\x02" + b"\0" * 44, "no TLS handshake"),  # SSL 2
        (b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\x03", "no TLS handshake"),
    ],
)
def test_H8_what_is_no_handshake_is_dropped_and_reported(serve, sent, reason):
    server = serve(Memory({"f": b"fine"}))
    with server.polled():
        with server.raw() as client:
            client.sendall(sent)
            try:
                client.shutdown(socket.SHUT_WR)
                while client.recv(1000):
                    pass
            except OSError:
                pass  # reset already
        with server.connect() as client:
            assert body(fetch(client, get(b"/f", CLOSE))) == b"fine"
    (event,) = server.of(Dropped)
    assert reason in event.reason
    assert event.protocol == "https"
    assert not server.of(Fault)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_H8_old_versions_are_refused(serve, version):
    server = serve(Memory({}))
    limits = {"minimum_version": version, "maximum_version": version}
    with server.polled(), pytest.raises((ssl.SSLError, ConnectionError)):
        server.connect(suites="ALL:@SECLEVEL=0", **limits)


def test_who_does_not_trust_us_is_told_of_by_the_command_that_helps(serve):
    server = serve(Memory({}))
    with server.polled(), pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(
            server.raw(), server_hostname="127.0.0.1"
        )
    server.pump(lambda: server.of(Dropped))
    assert "see `fastboot cert`" in server.of(Dropped)[0].reason


def test_who_knows_older_suites_alone_is_told_of_by_the_setting_that_helps(serve):
    server = serve(Memory({}))
    with server.polled(), pytest.raises(ssl.SSLError):
        server.connect(maximum_version=TLS12, suites="AES256-GCM-SHA384")
    server.pump(lambda: server.of(Dropped))
    assert "--https-legacy" in server.of(Dropped)[0].reason


def test_H8_a_handshake_that_does_not_come_has_the_time_of_a_head(serve, clock):
    server = serve(Memory({}), head_timeout=15)
    hello = bytearray(b"\x16\x03\x01\x02\x00\x01")  # and 506 bytes that never come
    with ExitStack() as stack:
        clients = [stack.enter_context(server.raw()) for _ in range(50)]
        for client in clients[::2]:
            client.sendall(hello)
        server.pump(lambda: server.engine.stats()["connections"] == 50)
        clock.now += 15.5
        for client in clients:
            client.setblocking(False)
        server.pump(lambda: all(is_over(client) for client in clients))
        clock.now += 5.5
        server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert not server.of(Fault)


def is_over(client):
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.fixture
def descriptors():
    """Let this process have many; skips where it may not."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most not in (resource.RLIM_INFINITY, -1) and most < 3 * CROWD:
        pytest.skip(f"this process may have no more than {most} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before, 3 * CROWD), most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


@pytest.mark.slow
@pytest.mark.usefixtures("descriptors")
def test_H8_thousands_of_half_made_handshakes_keep_nobody_waiting(serve):
    tree = Memory({"f": b"fine"})
    server = serve(tree, max_connections=2 * CROWD, max_per_client=2 * CROWD)
    hello = b"\x16\x03\x01\x02\x00\x01"  # and 506 bytes that never come
    with ExitStack() as stack:
        stack.enter_context(server.polled())
        for number in range(CROWD):
            stack.enter_context(server.raw()).sendall(hello)
            if number % 1000 == 999:
                with server.connect() as client:
                    assert body(fetch(client, get(b"/f", CLOSE))) == b"fine"
        assert server.engine.stats()["connections"] >= CROWD
    assert not server.of(Fault)


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_what_finds_no_room_is_sent_when_there_is_some(
    serve, large, monkeypatch, version
):
    """OpenSSL wants the same bytes once more, and as many."""
    send, refused = ssl.SSLSocket.send, []

    def counted(sock, data, flags=0):
        try:
            return send(sock, data, flags)
        except ssl.SSLWantWriteError:
            refused.append(len(data))
            raise

    monkeypatch.setattr(ssl.SSLSocket, "send", counted)
    monkeypatch.setattr(peer, "unsent", lambda connections: 100_000)
    server = serve(large[1])
    with server.polled():
        client = server.connect(maximum_version=version)
    with client:
        client.sendall(get(b"/linux", CLOSE))
        client.setblocking(False)  # and an end without a goodbye would be an error
        answer = take_late(server, client)
    assert body(answer) == content(LARGE)
    assert refused


def test_the_goodbye_waits_for_room(serve, monkeypatch):
    unwrap, tries = ssl.SSLSocket.unwrap, []

    def later(sock):
        tries.append(sock)
        if len(tries) < 4:
            raise ssl.SSLWantWriteError
        return unwrap(sock)

    monkeypatch.setattr(ssl.SSLSocket, "unwrap", later)
    server = serve(Memory({"f": b"fine"}))
    with server.polled(), server.connect() as client:
        assert body(fetch(client, get(b"/f", CLOSE))) == b"fine"
    assert len(tries) == 4


def test_connections_above_the_limit_are_told_so_over_tls(serve):
    server = serve(Memory({"f": b"fine"}), max_connections=1)
    with server.polled(), server.connect(), server.connect() as second:
        assert fetch(second, b"").startswith(b"HTTP/1.1 503 ")


def test_F1_F2_a_file_cut_short_is_no_orderly_end(serve, large):
    server = serve(large[1])
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux", CLOSE))
        client.recv(1000)
        os.truncate(large[0] / "linux", 0)
        with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
            fetch(client, b"")  # an orderly end would be no error
    assert len(server.of(Failed)) == 1


def test_a_client_that_reads_nothing_does_not_keep_the_engine_busy(serve, large):
    server = serve(large[1])
    with server.polled():
        client = server.connect()
    with client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: server.engine.stats()["sent_bytes"] > 1000)
        before = -1
        while before != server.engine.stats()["sent_bytes"]:
            before = server.engine.stats()["sent_bytes"]
            for _ in range(20):
                server.engine.poll(0)
        assert before < LARGE
        server.engine.poll(0)
        polls = []
        secure_send = secure.SecureLink.send_file
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                secure.SecureLink,
                "send_file",
                lambda *args: (polls.append(1), secure_send(*args))[1],
            )
            for _ in range(50):
                server.engine.poll(0)
        assert not polls  # nothing is ready, so nothing is tried


def test_R8_new_certificates_are_for_who_comes_from_then_on(serve, tmp_path, made):
    server = serve(Memory({"f": b"fine"}))
    other = Store(tmp_path / "other", "host")
    pairs = other.pairs(["127.0.0.1"], datetime.now(UTC))
    with server.polled(), server.connect() as before:
        server.engine.secure = make_context(pairs)
        assert body(fetch(before, get(b"/f", CLOSE))) == b"fine"
        with pytest.raises(ssl.SSLCertVerificationError):
            server.connect()
        server.authority = other.authority
        with server.connect() as after:
            assert body(fetch(after, get(b"/f", CLOSE))) == b"fine"

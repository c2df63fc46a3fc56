"""HTTP over real sockets on loopback: bit-exact, fair, bounded, and never down."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import resource
import select
import selectors
import socket
import struct
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager

import pytest

from fastboot.config import HttpConfig
from fastboot.errors import ConfigError, ListenError
from fastboot.events import (
    Dropped,
    Failed,
    Fault,
    Finished,
    Probed,
    RequestRefused,
)
from fastboot.http.actions import Send
from fastboot.http.door import PAUSE, Door
from fastboot.http.engine import Engine
from fastboot.http.limits import SHARE
from fastboot.http.link import Link
from fastboot.http.places import TURNED_AWAY
from fastboot.timers import Timers
from fastboot.tree import Blob, Memory
from peers import need
from web import (
    LARGE,
    LOOPBACK,
    PATIENCE,
    Server,
    content,
    get,
    read_answer,
    read_answer_head,
    read_to_end,
)

# Content


@pytest.mark.parametrize("size", [0, 1, 4096, SHARE, 5_000_001])
def test_a_file_arrives_bit_for_bit(serve, folder, size):
    root, tree = folder
    (root / "linux").write_bytes(content(size))
    server = serve(tree)
    with server.polled(), server.connect() as client:
        for _ in range(2):  # on one connection
            client.sendall(get(b"/linux"))
            status, _, body = read_answer(client)
            assert status == 200
            assert body == content(size)
    assert server.engine.stats()["requests"] == 2


def test_F7_a_hundred_clients_get_their_files_bit_for_bit(serve, folder):
    root, tree = folder
    size = 2_000_003
    digests = []
    for seed in range(4):
        (root / f"file{seed}").write_bytes(content(size, seed))
        digests.append(hashlib.sha256(content(size, seed)).digest())
    server = serve(tree)
    with server.polled(), ExitStack() as stack, selectors.DefaultSelector() as ready:
        bodies = {}
        for number in range(100):
            client = stack.enter_context(server.connect())
            client.sendall(get(b"/file%d" % (number % 4), b"Connection: close"))
            ready.register(client, selectors.EVENT_READ, number)
            bodies[number] = bytearray()
        while ready.get_map():
            events = ready.select(PATIENCE)
            assert events
            for key, _ in events:
                data = key.fileobj.recv(1 << 18)
                if data:
                    bodies[key.data] += data
                else:
                    ready.unregister(key.fileobj)
    for number, data in bodies.items():
        body = data.partition(b"\r\n\r\n")[2]
        assert hashlib.sha256(body).digest() == digests[number % 4]
    assert len(server.of(Finished)) == 100


def test_one_turn_gives_a_client_no_more_than_its_share(serve, folder, monkeypatch):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    counts = []
    sendfile = os.sendfile

    def counted(out, fd, offset, length):
        count = sendfile(out, fd, offset, length)
        counts.append(count)
        return count

    monkeypatch.setattr(os, "sendfile", counted)
    server = serve(tree)
    with server.connect() as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: counts)
    assert sum(counts) <= SHARE


def sendfile_that_fails(*_):
    raise OSError(errno.EINVAL, "Invalid argument")


@pytest.mark.parametrize("missing", [True, False])
def test_a_file_arrives_without_sendfile_as_well(serve, folder, monkeypatch, missing):
    if missing:
        monkeypatch.delattr(os, "sendfile")
    else:
        monkeypatch.setattr(os, "sendfile", sendfile_that_fails)
    root, tree = folder
    (root / "linux").write_bytes(content(3_000_000))
    server = serve(tree)
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux"))
        assert read_answer(client)[2] == content(3_000_000)


def test_content_in_memory_arrives_bit_for_bit(serve):
    server = serve(Memory({"boot.ipxe": b"#!ipxe\n", "large": content(3_000_000)}))
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/boot.ipxe") + get(b"/large", b"Range: bytes=1000000-"))
        assert read_answer(client)[2] == b"#!ipxe\n"
        status, head, body = read_answer(client)
    assert (status, body) == (206, content(3_000_000)[1_000_000:])
    assert b"\r\nContent-Range: bytes 1000000-2999999/3000000\r\n" in head


def test_a_client_that_sends_no_more_gets_its_answer(serve):
    server = serve(Memory({"large": content(3_000_000)}))
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/large"))
        client.shutdown(socket.SHUT_WR)
        data, reset = read_to_end(client)
    assert data.endswith(content(3_000_000))
    assert not reset


def test_H7_thousands_of_pipelined_requests_are_answered_in_order(serve):
    server = serve(Memory({"a": b"first", "b": b"second"}))
    with server.polled(), server.connect() as client:
        asked = (get(b"/a") + get(b"/b")) * 2500 + get(b"/a", b"Connection: close")
        sender = threading.Thread(target=client.sendall, args=(asked,))
        sender.start()
        data, reset = read_to_end(client)
        sender.join(PATIENCE)
    assert re.findall(rb"first|second", data) == [b"first", b"second"] * 2500 + [
        b"first"
    ]
    assert not reset


# Files that change


def test_F1_F2_a_file_cut_short_ends_its_transfers_and_no_others(serve, folder):
    root, tree = folder
    (root / "cut").write_bytes(content(LARGE))
    (root / "whole").write_bytes(content(LARGE, 1))
    server = serve(tree)
    with server.polled(), ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(6)]
        for number, client in enumerate(clients):
            client.sendall(get(b"/whole" if number % 2 else b"/cut"))
            client.recv(1000)
        os.truncate(root / "cut", 0)
        for client in clients[::2]:
            data, reset = read_to_end(client)
            assert len(data) < LARGE - 1000
            assert reset  # what is missing is never mistaken for the end
        for client in clients[1::2]:
            client.shutdown(socket.SHUT_WR)
            data, reset = read_to_end(client)
            assert len(data) > LARGE - 1000  # the first bytes are read already
            assert not reset
    failed = server.of(Failed)
    assert [event.name for event in failed] == ["/cut"] * 3
    assert all(event.size < LARGE for event in failed)
    assert not server.of(Fault)


def test_F3_a_file_that_is_replaced_is_sent_as_it_was(serve, folder):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    (root / "new").write_bytes(b"new")
    server = serve(tree)
    with server.polled(), server.connect() as client, server.connect() as other:
        client.sendall(get(b"/linux"))
        start = client.recv(1000)
        (root / "new").replace(root / "linux")
        other.sendall(get(b"/linux"))
        assert read_answer(other)[2] == b"new"
        client.shutdown(socket.SHUT_WR)
        data, _ = read_to_end(client)
    assert (start + data).partition(b"\r\n\r\n")[2] == content(LARGE)


def test_F4_a_file_that_is_rewritten_in_place_is_not_called_complete(serve, folder):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    server = serve(tree)
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux"))
        client.recv(1000)
        with (root / "linux").open("r+b") as file:
            file.write(b"other")
        data, reset = read_to_end(client)
    assert reset
    assert len(data) < LARGE
    (event,) = server.of(Failed)
    assert "rewritten" in event.reason


def test_F5_a_file_that_grows_is_sent_to_its_first_size(serve, folder):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    server = serve(tree)
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux", b"Connection: close"))
        start = client.recv(1000)
        with (root / "linux").open("ab") as file:
            file.write(b"more")
        data, reset = read_to_end(client)
    assert (start + data).partition(b"\r\n\r\n")[2] == content(LARGE)
    assert not reset


# Names


NAMES_OUTSIDE = [
    b"/../%s",
    b"/a/../../%s",
    b"/%%2e%%2e/%s",
    b"/..%%5c%s",
    b"/" + b"../" * 1000 + b"%s",
    b"/link/%s",
    b"/..;/../%s",
]


@pytest.mark.parametrize("name", NAMES_OUTSIDE)
def test_P1_P6_nothing_tells_what_there_is_outside_of_the_root(serve, folder, name):
    root, tree = folder
    (root.parent / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(root.parent)
    server = serve(tree)
    answers = []
    with server.polled():
        for target in (b"secret", b"absent"):
            with server.connect() as client:
                client.sendall(get(name % target))
                status, head, body = read_answer(client)
                answers.append((status, re.sub(rb"Date: .*\r\n", b"", head), body))
    assert answers[0] == answers[1]
    assert answers[0][0] in (403, 404)
    assert len(server.of(RequestRefused)) == 2


@pytest.mark.parametrize(
    "name", [b"/etc/passwd", b"//f", b"/./f", b"/d", b"/pipe", b"/"]
)
def test_P2_P7_names_that_are_no_file_beneath_the_root(serve, folder, name):
    root, tree = folder
    (root / "f").write_bytes(b"here")
    (root / "d").mkdir()
    os.mkfifo(root / "pipe")
    server = serve(tree)
    with server.polled(), server.connect() as client:
        client.sendall(get(name))
        status, _, body = read_answer(client)
    if name.endswith(b"/f"):
        assert body == b"here"
    else:
        assert status in (403, 404)


# Faults, limits, time


class Broken:
    """A tree with a mistake in it."""

    def open(self, name, client):
        if name == "/broken":
            raise ZeroDivisionError
        return Memory({"f": b"fine"}).open(name, client)


def test_a_mistake_of_a_tree_costs_one_answer(serve):
    server = serve(Broken())
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/broken"))
        assert read_answer(client)[0] == 500
        client.sendall(get(b"/f"))
        assert read_answer(client)[2] == b"fine"
    (fault,) = server.of(Fault)
    assert isinstance(fault.error, ZeroDivisionError)
    assert server.engine.stats()["faults"] == 1


def test_H7_a_client_that_resets_mid_transfer_is_reported_and_forgotten(serve, folder):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    server = serve(tree)
    client = server.connect()
    client.sendall(get(b"/linux"))
    server.pump(lambda: server.engine.stats()["sent_bytes"])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    (failed,) = server.of(Failed)
    assert 0 < failed.size < LARGE
    assert not server.of(Fault)


def test_H7_a_client_that_resets_between_requests_is_forgotten(serve):
    server = serve(Memory({"f": b"fine"}))
    client = server.connect()
    server.pump(lambda: server.engine.stats()["connections"] == 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert server.events == []


def test_R4_a_head_that_is_taken_in_pieces_arrives_whole():
    class Narrow:
        """A socket that takes seven bytes at a time."""

        def __init__(self):
            self.got = b""

        def fileno(self):
            return -1

        def send(self, data, flags):
            self.got += bytes(data[:7])
            return min(7, len(data))

    sock = Narrow()
    link = Link(sock, None)
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    link.queue.append(Send(head))
    while link.queue:
        link.send(link.queue[0])
    assert sock.got == head


def test_connections_above_the_limit_are_told_so_and_then_not(serve):
    server = serve(Memory({"f": b"fine"}), max_connections=2)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(server.connect()) for _ in range(3 + TURNED_AWAY)
        ]
        server.pump(lambda: server.engine.stats()["accepted"] == len(clients))
        with server.polled():
            for client in clients[:2]:
                client.sendall(get(b"/f"))
                assert read_answer(client)[2] == b"fine"
            clients[2].sendall(get(b"/f"))
            status, head, _ = read_answer(clients[2])
            assert status == 503
            assert b"\r\nRetry-After: 5\r\n" in head
            assert read_to_end(clients[2]) == (b"", False)
            assert read_to_end(clients[-1])[0] == b""
    assert server.engine.stats()["turned_away"] == 1 + TURNED_AWAY
    assert len(server.of(Dropped)) == TURNED_AWAY


def test_H1_one_address_has_no_more_connections_than_its_share(serve):
    server = serve(Memory({"f": b"fine"}), max_per_client=1)
    with server.polled(), server.connect() as first, server.connect() as second:
        first.sendall(get(b"/f"))
        assert read_answer(first)[2] == b"fine"
        assert read_answer(second)[0] == 503
        other = socket.create_connection(
            server.address, PATIENCE, source_address=("127.0.0.9", 0)
        )
        with other:
            other.sendall(get(b"/f"))
            assert read_answer(other)[2] == b"fine"
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    with server.polled(), server.connect() as again:  # its place was given back
        again.sendall(get(b"/f"))
        assert read_answer(again)[2] == b"fine"


def test_the_tree_learns_what_the_client_accepts(serve):
    class Asked(Memory):
        def open(self, name, client):
            asked.append(client)
            return super().open(name, client)

    asked = []
    server = serve(Asked({"f": b"fine"}))
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/f", b"Accept: text/html", b"User-Agent: a") + get(b"/f"))
        read_answer(client)
        read_answer(client)
    assert [(one.accept, one.agent) for one in asked] == [("text/html", "a"), ("", "")]


class Failing(Memory):
    """A tree on a disk that fails: /stale fails when it is read."""

    def open(self, name, client):
        blob = super().open(name, client)
        return Stale(size=blob.size, etag='"s"') if name == "/stale" else blob


class Stale(Blob):
    """What an NFS server does not know any more."""

    def read(self, offset, length):
        raise OSError(errno.ESTALE, "Stale file handle")


def test_F6_a_file_that_cannot_be_read_any_more_ends_its_transfer_and_no_other(serve):
    server = serve(Failing({"stale": b"gone", "f": b"fine"}))
    with server.polled(), server.connect() as client, server.connect() as other:
        client.sendall(get(b"/stale"))
        data, reset = read_to_end(client)
        assert reset
        assert not data.endswith(b"gone")
        other.sendall(get(b"/f"))
        assert read_answer(other)[2] == b"fine"
    (event,) = server.of(Failed)
    assert event.reason == "Stale file handle"
    assert not server.of(Fault)


def test_H10_what_follows_the_question_mark_is_in_no_report(serve):
    """Tokens stand there: firmware can send none in a field."""
    server = serve(Memory({"f": b"fine"}))
    with server.polled(), server.connect() as client:
        for path in (b"/f", b"/missing"):
            client.sendall(get(path + b"?token=s3cret"))
            read_answer(client)
        client.sendall(b"HEAD /f?token=s3cret HTTP/1.1\r\nHost:\r\n\r\n")
        read_answer_head(client)
        client.sendall(b"PUT /f?token=s3cret HTTP/1.1\r\nHost:\r\n\r\n")
        read_to_end(client)
    kinds = [type(event) for event in server.events]
    assert kinds == [Finished, RequestRefused, Probed, Dropped]
    assert "s3cret" not in repr(server.events)


@contextmanager
def no_descriptors_left():
    """Let the process open no further file."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.dup(0)
    os.close(spare)  # the lowest free number
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_R1_without_descriptors_the_engine_waits_and_goes_on(serve, clock):
    server = serve(Memory({"f": b"fine"}))
    with server.connect() as first, server.connect() as second:
        server.pump(lambda: server.engine.stats()["accepted"] == 2)
        with server.connect() as third:
            with no_descriptors_left():
                server.engine.poll(1.0)
                assert server.engine.stats()["accepted"] == 2
                readable, _, _ = select.select([third], [], [], 0)
                assert not readable
                first.sendall(get(b"/f"))  # who is there already is served
                server.pump(lambda: server.engine.stats()["requests"] == 1)
            assert server.engine.stats()["accepted"] == 2  # not asked again and again
            clock.now += PAUSE
            second.sendall(get(b"/f"))
            server.pump(lambda: server.engine.stats()["accepted"] == 3)


def test_R1_without_descriptors_the_engine_does_not_spin(serve, monkeypatch, clock):
    accepts = []
    pause = Door.pause

    def counted(*args):
        accepts.append(clock.now)
        return pause(*args)

    monkeypatch.setattr(Door, "pause", counted)
    server = serve(Memory({}))
    with server.connect():
        with no_descriptors_left():
            for _ in range(20):
                server.engine.poll(0)
            server.pump(lambda: accepts)
            for _ in range(20):
                server.engine.poll(0)
            assert len(accepts) == 1
            clock.now += PAUSE
            for _ in range(20):
                server.engine.poll(0)
            assert len(accepts) == 2
        clock.now += PAUSE
        server.pump(lambda: server.engine.stats()["accepted"] == 1)


def test_a_connection_that_is_gone_leaves_no_deadline_behind(serve):
    server = serve(Memory({}))
    with server.connect():
        server.pump(lambda: server.engine.stats()["connections"] == 1)
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert server.engine._timers.due(math.inf) == []


def test_a_deadline_without_a_connection_is_nothing_to_do(serve, monkeypatch, clock):
    monkeypatch.setattr(Timers, "forget", lambda timers, key: None)
    server = serve(Memory({"f": b"fine"}))
    with server.connect():
        server.pump(lambda: server.engine.stats()["connections"] == 1)
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    clock.now += 1000.0
    server.engine.poll(0)  # before the descriptor has another connection
    with server.connect() as client:
        client.sendall(get(b"/f", b"Connection: close"))
        server.pump(lambda: server.engine.stats()["requests"] == 1)
        assert read_answer(client)[2] == b"fine"


# The engine's interface


def test_it_tells_where_it_listens(serve):
    server = serve(Memory({}))
    assert server.address[0] == "127.0.0.1"
    assert server.address[1] > 0
    assert server.engine.idle
    assert server.engine.stats()["connections"] == 0


def test_a_port_that_is_taken_is_an_error_for_a_person(serve):
    server = serve(Memory({}))
    taken = HttpConfig(port=server.address[1])
    with pytest.raises(ListenError, match="this program has it"):
        Engine(taken, Memory({}), server.events.append, LOOPBACK)


def test_a_port_that_was_never_chosen_is_an_error():
    with pytest.raises(ConfigError):
        Engine(HttpConfig(), Memory({}), print, LOOPBACK)


def test_whether_it_is_idle_may_be_asked_from_any_thread(serve):
    server = serve(Memory({"f": b"fine"}))
    stop = threading.Event()
    failures = []

    def watch():
        try:
            while not stop.is_set():
                assert server.engine.idle in (True, False)
        except RuntimeError as error:
            failures.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # the watcher, which never waits, would keep the others
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with server.polled(), ExitStack() as stack:
            for _ in range(500):  # with so many links the watcher is always among them
                stack.enter_context(server.connect())
            for _ in range(300):
                server.connect().close()
    finally:
        stop.set()
        watcher.join(PATIENCE)
        sys.setswitchinterval(interval)
    assert failures == []


def test_it_is_idle_unless_a_request_is_read_or_answered(serve, folder):
    root, tree = folder
    (root / "large").write_bytes(content(LARGE))
    server = serve(tree)
    engine = server.engine
    assert engine.idle
    for ask in (get(b"/large"), get(b"/large")[:9], get(b"/missing")):
        with server.connect() as client:
            server.pump(lambda: engine.stats()["connections"] == 1)
            assert engine.idle
            client.sendall(ask)
            if ask == get(b"/missing"):
                server.pump(lambda: server.of(RequestRefused))
                assert engine.idle  # the connection is kept
            else:
                server.pump(lambda: not engine.idle)
        server.pump(lambda: engine.stats()["connections"] == 0)
        assert engine.idle


def test_what_a_fault_or_the_end_cuts_off_is_not_under_way_any_more(serve):
    server = serve(Broken())
    with server.connect() as client, server.connect() as other:
        client.sendall(get(b"/f")[:9])
        server.pump(lambda: not server.engine.idle)
        client.sendall(get(b"/f")[9:] + get(b"/broken"))
        server.pump(lambda: server.of(Fault))
        assert server.engine.idle
        other.sendall(get(b"/f")[:9])
        server.pump(lambda: not server.engine.idle)
        server.engine.close()
        assert server.engine.idle


def test_wake_ends_a_poll_without_end(serve):
    server = serve(Memory({}))
    server.engine.wake()
    server.engine.poll(None)


def test_R9_draining_completes_what_is_under_way_and_takes_nothing_new(serve):
    server = serve(Memory({"large": content(LARGE)}))
    with server.connect() as client, server.connect() as waiting:
        client.sendall(get(b"/large"))
        server.pump(lambda: server.engine.stats()["sent_bytes"])
        server.pump(lambda: server.engine.stats()["connections"] == 2)
        server.engine.drain()
        assert server.engine.ports == ()
        assert not server.engine.idle
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        assert waiting.recv(1) == b""
        with server.polled():
            data, reset = read_to_end(client)
        assert data.endswith(content(LARGE)[-1000:])
        assert not reset
    server.pump(lambda: server.engine.idle)
    assert len(server.of(Finished)) == 1


def test_closing_ends_all_and_gives_every_descriptor_back(folder, front):
    root, tree = folder
    (root / "linux").write_bytes(content(LARGE))
    before = set(os.listdir("/proc/self/fd"))
    server = Server(tree, front)
    with server.connect() as client, server.connect() as waiting:
        client.sendall(get(b"/linux"))
        server.pump(lambda: server.engine.stats()["sent_bytes"])
        server.pump(lambda: server.engine.stats()["connections"] == 2)
        server.engine.close()
        server.engine.close()
        assert read_to_end(client)[1]
        assert waiting.recv(1) == b""
    assert set(os.listdir("/proc/self/fd")) == before
    assert [event.reason for event in server.of(Failed)] == ["the server was stopped"]


# A real client


@pytest.fixture
def curl(serve, folder):
    """Run curl against a folder with /linux (3 MB) and /EFI/a b.efi."""
    program = need("curl")
    root, tree = folder
    (root / "linux").write_bytes(content(3_000_000))
    (root / "EFI").mkdir()
    (root / "EFI" / "a b.efi").write_bytes(b"MZ")
    server = serve(tree)
    base = "http://{}:{}".format(*server.address)

    def run(*arguments, status=0):
        words = [word.replace("@", base) for word in arguments]
        command = [program, "--silent", "--max-time", str(PATIENCE), *words]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.returncode == status, done
        return done.stdout

    with server.polled():
        yield run


@pytest.mark.interop
def test_curl_downloads(curl):
    assert curl("@/linux") == content(3_000_000)
    assert curl("--http1.0", "@/linux") == content(3_000_000)
    assert curl("@/EFI/a%20b.efi") == b"MZ"


@pytest.mark.interop
def test_curl_reads_parts(curl):
    assert curl("--range", "10-19", "@/linux") == content(20)[10:]
    assert curl("--range", "-5", "@/linux") == content(3_000_000)[-5:]
    parts = curl("--range", "0-9,1000-1009", "@/linux")
    assert content(10) in parts
    assert content(1010)[1000:] in parts


@pytest.mark.interop
def test_curl_resumes(curl, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(content(1_000_000))
    curl("--continue-at", "-", "--output", str(part), "@/linux")
    assert part.read_bytes() == content(3_000_000)


@pytest.mark.interop
def test_curl_keeps_its_connection(curl):
    out = curl("--head", "-w", "connects %{num_connects}\n", "@/linux", "@/linux")
    assert re.findall(rb"connects (\d)", out) == [b"1", b"0"]


@pytest.mark.interop
def test_curl_asks_whether_a_file_changed(curl, tmp_path):
    tag = tmp_path / "etag"
    assert curl("--etag-save", str(tag), "@/linux") == content(3_000_000)
    out = curl("--etag-compare", str(tag), "-w", "%{http_code}", "@/linux")
    assert out == b"304"


@pytest.mark.interop
def test_curl_is_refused(curl):
    assert curl("-w", " %{http_code}", "@/none") == b"404 Not Found\n 404"
    assert curl("--path-as-is", "@/../linux") == b"403 Forbidden\n"
    assert curl("--data", "x", "@/linux") == b"405 Method Not Allowed\n"
    assert curl("--fail", "@/none", status=22) == b""


@pytest.mark.parametrize("times", [1, 2])  # by a machine, and by the front
def test_who_looks_is_told_what_is_under_way(serve, folder, times):
    root, tree = folder
    (root / "linux").write_bytes(bytes(LARGE))
    os.utime(root / "linux", (1, 1))
    server, seen = serve(tree), []
    with server.connect() as client:
        for _ in range(times - 1):
            client.sendall(get(b"/linux"))
            with server.polled():
                read_answer(client)
        client.sendall(get(b"/linux"))
        server.pump(lambda: select.select([client], [], [], 0)[0])
        server.engine.look(seen.append)
        server.engine.poll(PATIENCE)
        ((running,),) = seen
        assert (running.client, running.name) == ("127.0.0.1", "/linux")
        assert running.size == LARGE
        assert 0 < running.done < LARGE
        assert running.seconds >= 0
        server.engine.poll(0)
        assert len(seen) == 1

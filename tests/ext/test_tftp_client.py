"""The compiled receiver says and keeps what Python's does, whatever comes."""

import errno
import itertools
import os
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot._ext import twin
from fastboot.tftp.landing import Beside, Memory
from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Ack, Data, Error
from fastboot.tftp.receive import Receiver

pytestmark = pytest.mark.ext

BLKSIZE = 16
UDP_SEGMENT = 103  # linux/udp.h


@pytest.fixture(scope="module")
def compiled():
    module = twin("tftp_client")
    if module is None:
        pytest.skip("the compiled twin is not built: setup.py build_ext --inplace")
    return module


class Pair:
    """A client's socket, its server's, and a stranger's."""

    def __init__(self):
        self.client, self.server, self.stranger = (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)
        )
        for sock in (self.client, self.server, self.stranger):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        self.peer = self.server.getsockname()

    def send(self, sock, datagrams, *, joined):
        """Send to the client; joined: as messages that the kernel need not take apart."""
        here = self.client.getsockname()
        if joined:
            size = struct.pack("=H", len(datagrams[0]))
            control = [(socket.SOL_UDP, UDP_SEGMENT, size)]
            sock.sendmsg([b"".join(datagrams)], control, 0, here)
        else:
            for datagram in datagrams:
                sock.sendto(datagram, here)

    def acks(self):
        """What the server was sent."""
        found = []
        while True:
            try:
                found.append(self.server.recv(2048))
            except BlockingIOError:
                return found

    def close(self):
        for sock in (self.client, self.server, self.stranger):
            sock.close()


@pytest.fixture(scope="module")
def pair():
    pair = Pair()
    yield pair
    pair.close()


def block(number, size=BLKSIZE):
    return Data(number & 0xFFFF, bytes([number & 0xFF]) * size).encode()


RUNS = st.lists(
    st.tuples(
        st.integers(1, 40),  # the first block
        st.integers(1, 20),  # how many follow
        st.sampled_from(["one by one", "joined"]),
    ),
    max_size=8,
).map(
    lambda runs: [
        ([block(first + n) for n in range(count)], "server", how == "joined")
        for first, count, how in runs
    ]
)
ODD = st.lists(
    st.one_of(
        st.builds(block, st.integers(0, 40), st.integers(0, BLKSIZE + 2)),
        st.binary(max_size=6),
        st.builds(Error, st.integers(0, 8)).map(Error.encode),
    ).flatmap(
        lambda raw: st.tuples(
            st.just([raw]), st.sampled_from(["server", "stranger"]), st.just(False)
        )
    ),
    max_size=3,
)


@pytest.mark.parametrize("kind", ["memory", "file"])
@pytest.mark.parametrize("window", [1, 4, 64])
@given(runs=st.tuples(RUNS, ODD).flatmap(lambda t: st.permutations(t[0] + t[1])))
def test_the_same_is_said_and_kept(
    compiled, pair, tmp_path_factory, kind, window, runs
):
    negotiated = Negotiated(BLKSIZE, window)

    def landing():
        if kind == "memory":
            return Memory()
        return Beside(tmp_path_factory.getbasetemp() / "target")

    contents = landing(), landing()
    machines = (
        Receiver(contents[0], negotiated),
        compiled.Receiver(contents[1], negotiated),
    )
    said = []
    for machine in machines:
        machine.start(0.0)
        said.append([])
    now = 0.0
    for datagrams, sender, joined in runs:
        now += 0.05
        for raw in datagrams if sender == "server" else ():
            said[0] += machines[0].receive(raw, now)
        sock = pair.server if sender == "server" else pair.stranger
        pair.send(sock, datagrams, joined=joined)
        more = True
        while more:
            others, packets, more, failed = machines[1].drain(
                pair.client, pair.peer, now
            )
            assert (packets, failed) == ([], 0)
            said[1] += pair.acks()
            for raw, source in others:
                if source == pair.peer:
                    said[1] += machines[1].receive(raw, now)
                    more = True
    assert said[0] == said[1]
    for name in ("acknowledged", "outcome", "deadline", "retransmissions", "gaps"):
        assert getattr(machines[0], name) == getattr(machines[1], name), name
    for content in contents:
        content.keep()
    if kind == "memory":
        assert contents[0].data == contents[1].data
    else:
        sums = [os.pread(content.fd, 10_000, 0) for content in contents]
        assert sums[0] == sums[1]
        assert len(sums[0]) == contents[0].size == contents[1].size
    for content in contents:
        content.close()


def test_a_long_run_is_acknowledged_window_by_window(compiled, pair):
    landing = Memory()
    receiver = compiled.Receiver(landing, Negotiated(BLKSIZE, 8))
    receiver.start(0.0)
    for first in range(1, 33, 8):
        run = [block(first + n) for n in range(8)]
        pair.send(pair.server, run, joined=True)
        others, _, _, _ = receiver.drain(pair.client, pair.peer, 1.0)
        assert others == []
        assert pair.acks() == [Ack(first + 7).encode()]


def test_T3_more_blocks_at_once_than_there_is_room_for_are_taken(compiled, pair):
    # A server on the same machine, or in a guest of it, joins 128 datagrams (Linux 6.9),
    # twice what the kernel joins by itself, and they come as they were sent.
    landing, size = Memory(), 8
    receiver = compiled.Receiver(landing, Negotiated(size, 4096))
    receiver.start(0.0)
    receiver.drain(pair.client, pair.peer, 0.0)  # which has the kernel join
    numbers = itertools.count(1)
    sent = []
    for _ in range(12):
        run = [block(number, size) for number in itertools.islice(numbers, 128)]
        try:
            pair.send(pair.server, run, joined=True)
        except OSError:
            pytest.skip("this kernel joins fewer")
        sent += run
    others, _, _, _ = receiver.drain(pair.client, pair.peer, 1.0)
    assert landing.size == 1024 * size
    assert [raw for raw, _ in others] == sent[1024:]


def test_a_disk_that_fails_is_told_to_the_server(compiled, pair, tmp_path):
    landing = Beside(tmp_path / "file")
    os.close(landing.fd)
    landing.fd = os.open("/dev/full", os.O_WRONLY)
    receiver = compiled.Receiver(landing, Negotiated(BLKSIZE, 8))
    receiver.start(0.0)
    pair.send(pair.server, [block(1)], joined=False)
    _, packets, _, _ = receiver.drain(pair.client, pair.peer, 1.0)
    assert b"No space left" in packets[0]
    assert receiver.finished
    landing.close()


def test_an_error_of_the_socket_is_told(compiled, pair):
    receiver = compiled.Receiver(Memory(), Negotiated(BLKSIZE, 8))
    receiver.start(0.0)
    left = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    left.bind(("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(left.getsockname())
        left.close()
        sock.send(b"")
        refused = ([], [], False, errno.ECONNREFUSED)
        assert receiver.drain(sock, pair.peer, 1.0) == refused


@given(st.lists(st.binary(max_size=100)), st.none() | st.integers(0, 300))
def test_a_store_has_what_was_written(compiled, pieces, told):
    store = compiled.Store()
    if told is not None:
        store.expect(told)
    for piece in pieces:
        store.write(piece)
    assert store.take() == b"".join(pieces)
    assert store.take() == b""

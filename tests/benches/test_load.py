"""The load client is right about what it was sent, or its numbers mean nothing."""

import random
import socket
import threading

import pytest

from serving import Serving

pytestmark = pytest.mark.slow

SIZES = {"0": 0, "1": 1, "512": 512, "1427": 1427, "1428": 1428, "50000": 50_000}

RRQ, DATA, ACK, ERROR, OACK = (bytes((0, n)) for n in (1, 3, 4, 5, 6))


def block(number, payload):
    return DATA + number.to_bytes(2) + payload


def ack(number):
    return ACK + number.to_bytes(2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of noise, named after their sizes."""
    folder = tmp_path_factory.mktemp("files")
    noise = random.Random(3)
    for name, size in SIZES.items():
        (folder / name).write_bytes(noise.randbytes(size))
    return folder


@pytest.fixture(scope="module")
def port(folder):
    """The port of the engine in Python."""
    flags = "--address 127.0.0.1 --tftp-port 0 --no-http --dhcp off"

    def in_python(*command):
        return ["env", "FASTBOOT_EXTENSIONS=no", *command]

    with Serving(
        folder, *flags.split(), protocols=("tftp",), place=in_python
    ) as server:
        yield server.port("tftp")


class Script:
    """A server that plays a part: answers each datagram with what is next in it.

    Attributes:
        heard: What came in, in order.
    """

    def __init__(self, *answers):
        self.heard = []
        self._answers = list(answers)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.02)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play)

    @property
    def port(self):
        return self._socket.getsockname()[1]

    def _play(self):
        while not self._over.is_set():
            try:
                data, peer = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            self.heard.append(data)
            for packet in self._answers.pop(0) if self._answers else []:
                self._socket.sendto(packet, peer)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def file(tmp_path):
    """Four blocks of 512 bytes and a short one, all of them different."""
    path = tmp_path / "file"
    path.write_bytes(random.Random(4).randbytes(4 * 512 + 100))
    return path


@pytest.fixture
def blocks(file):
    """Its blocks as they are sent, from number 1."""
    content = file.read_bytes()
    parts = (content[at : at + 512] for at in range(0, len(content), 512))
    return [block(number, part) for number, part in enumerate(parts, 1)]


def window_of_four(*answers):
    """A script that first grants a window of four blocks."""
    return Script([OACK + b"windowsize\x004\0"], *answers)


ONE = {"transfers": 1, "retry": 5, "limit": 0.5}
"""One transfer, in which the client's timer plays no part."""


@pytest.mark.parametrize("blksize", [512, 1428, 8192])
@pytest.mark.parametrize("windowsize", [1, 4, 64])
def test_every_file_arrives_with_every_byte(load, port, folder, blksize, windowsize):
    files = [folder / name for name in SIZES]
    outcome = load(
        port, *files, transfers=60, clients=7, blksize=blksize, windowsize=windowsize
    )
    assert (outcome.completed, outcome.failed, outcome.error) == (60, 0, "")
    assert outcome.bytes == 10 * sum(SIZES.values())
    assert (outcome.blksize, outcome.windowsize) == (blksize, windowsize)


@pytest.mark.parametrize("windowsize", [1, 4, 16])
def test_every_file_arrives_in_spite_of_loss(load, port, folder, windowsize):
    outcome = load(
        port,
        folder / "50000",
        transfers=20,
        clients=20,
        blksize=1428,
        windowsize=windowsize,
        loss=0.1,
        seed=1,
        retry=0.1,
        limit=30,
        linger=0.3,
    )
    assert (outcome.completed, outcome.failed) == (20, 0)
    assert outcome.bytes == 20 * 50_000
    assert outcome.lost_in > 0 < outcome.lost_out
    assert outcome.data_bytes > outcome.bytes


def test_the_client_stops_when_its_time_is_up(load, port, folder):
    outcome = load(port, folder / "50000", clients=5, seconds=0.1, cut=0.3)
    assert outcome.completed + outcome.cut > 0 == outcome.failed


def test_a_wrong_byte_is_noticed(load, file, blocks):
    blocks[0] = blocks[0][:-1] + bytes([blocks[0][-1] ^ 1])
    with Script([blocks[0]]) as server:
        outcome = load(server.port, file, **ONE)
    assert (outcome.failed, outcome.error, outcome.bytes) == (1, "wrong bytes", 0)


@pytest.mark.parametrize("length", [0, 511, 513])
def test_a_block_of_the_wrong_length_is_noticed(load, file, blocks, length):
    wrong = blocks[0][:4] + (file.read_bytes()[:length])
    with Script([wrong]) as server:
        outcome = load(server.port, file, **ONE)
    assert outcome.error == "a block of the wrong length"


def test_an_option_that_was_not_asked_for_is_noticed(load, file):
    with Script([OACK + b"timeout\x001\0"]) as server:
        outcome = load(server.port, file, **ONE)
    assert outcome.error == "an OACK with what was not asked for"


def test_an_error_is_told(load, file):
    with Script([ERROR + b'\0\1no "file"\n\0']) as server:
        outcome = load(server.port, file, **ONE)
    assert (outcome.failed, outcome.error) == (1, "ERROR 1: no ?file??")


def test_a_server_that_stays_silent_is_given_up(load, file):
    with Script() as server:
        outcome = load(server.port, file, transfers=3, clients=3, limit=0.2)
    assert (outcome.failed, outcome.completed) == (3, 0)


def test_the_end_of_a_window_is_acknowledged_and_the_last_block(load, file, blocks):
    with window_of_four(blocks[:4], blocks[4:]) as server:
        outcome = load(server.port, file, windowsize=4, **ONE)
    assert server.heard[1:] == [ack(0), ack(4), ack(5)]
    assert (outcome.completed, outcome.retransmit_requests) == (1, 0)


def test_a_gap_is_reported_once(load, file, blocks):
    with window_of_four([blocks[0], blocks[2], blocks[3]], blocks[1:]) as server:
        outcome = load(server.port, file, windowsize=4, **ONE)
    assert server.heard[1:] == [ack(0), ack(1), ack(5)]
    assert (outcome.completed, outcome.retransmit_requests) == (1, 1)


def test_the_window_starts_anew_behind_a_gap(load, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(8 * 512))
    zeros = [block(number, bytes(512)) for number in range(1, 9)]
    last = [block(9, b"")]
    after_gap = [zeros[1], zeros[2], zeros[3], zeros[4]]
    with window_of_four([zeros[0], zeros[2]], after_gap, [*zeros[5:], *last]) as server:
        outcome = load(server.port, path, windowsize=4, **ONE)
    assert server.heard[1:] == [ack(0), ack(1), ack(5), ack(9)]
    assert outcome.completed == 1


def test_a_gap_that_is_there_again_is_reported_again(load, file, blocks):
    again = [blocks[2], blocks[3]]
    with window_of_four([blocks[0], *again], again, blocks[1:]) as server:
        load(server.port, file, windowsize=4, **ONE)
    assert server.heard[1:] == [ack(0), ack(1), ack(1), ack(5)]


def test_a_window_that_comes_again_is_acknowledged_once(load, file, blocks):
    with window_of_four(blocks[:4], blocks[:4], blocks[4:]) as server:
        outcome = load(server.port, file, windowsize=4, **ONE)
    assert server.heard[1:] == [ack(0), ack(4), ack(4), ack(5)]
    assert outcome.duplicates == 4


def test_the_last_block_is_acknowledged_again_after_the_end(load, file, blocks):
    with window_of_four(blocks[:4], blocks[4:], blocks[4:]) as server:
        load(server.port, file, windowsize=4, linger=0.2, **ONE)
    # Once for the block that came again, and once in the end, whatever came.
    assert server.heard[1:] == [ack(0), ack(4), ack(5), ack(5), ack(5)]


def test_a_last_ack_that_was_lost_is_repeated_in_the_end(load, file, blocks):
    with window_of_four(blocks[:4], blocks[4:]) as server:
        load(server.port, file, windowsize=4, linger=0.2, **ONE)
    assert server.heard[1:] == [ack(0), ack(4), ack(5), ack(5)]


def test_the_request_and_the_last_ack_are_repeated_when_nothing_comes(load, file):
    with Script([], [OACK + b"tsize\x002148\0"]) as server:
        load(server.port, file, transfers=1, retry=0.05, limit=2)
    assert server.heard[0] == server.heard[1] == RRQ + b"file\0octet\0tsize\x000\0"
    assert server.heard[2:4] == [ack(0), ack(0)]


def test_a_half_open_request_gets_no_reply(load, file):
    with Script(*[[OACK + b"tsize\x002148\0"]] * 40) as server:
        outcome = load(server.port, file, clients=40, half_open=True, limit=5)
    assert outcome.answered == 40
    assert {packet[:2] for packet in server.heard} == {RRQ}


def test_a_seed_means_the_same_losses(load, file):
    def lost(seed):
        options = {"transfers": 64, "clients": 64, "retry": 5, "limit": 0.1}
        with Script() as server:
            load(server.port, file, loss=0.5, seed=seed, **options)
        # Each request comes from an address of its own; which of them came does not
        # show in their bytes, how many did must do.
        return len(server.heard)

    assert lost(1) == lost(1)
    assert 0 < lost(2) < 64

"""Files that clients send: the engine over real sockets, on both data paths."""

import os
import random
import socket
import threading

import pytest

from fastboot import events
from fastboot._ext import twin
from fastboot.config import TftpConfig
from fastboot.listen import Place
from fastboot.tftp import share
from fastboot.tftp.carrier import Carrier
from fastboot.tftp.engine import Engine
from fastboot.tftp.intake import BLKSIZE_MAX, quota
from fastboot.tftp.packet import Ack, Data, Error, OptionAck, WriteRequest, decode
from fastboot.tftp.receive import DALLY, DALLY_PAUSE, LOOK_MAX
from fastboot.tree import Memory
from fastboot.uploads import CHUNK, UploadFolder

FILE = random.Random(3).randbytes(5000)


class Taker:
    """An engine that takes files, with a clock that stands still unless told."""

    def __init__(self, folder, carrier, **config):
        self.now = 1000.0
        self.events = []
        settings = TftpConfig(port=0, uploads_free_bytes=0, **config)
        self.folder = folder
        self.uploads = UploadFolder(folder, quota(settings))
        self.engine = Engine(
            settings,
            Memory({"served": b"as ever"}),
            self.events.append,
            [Place("127.0.0.1")],
            clock=lambda: self.now,
            carrier=carrier,
            uploads=self.uploads,
        )
        self.port = self.engine.ports[0][1]
        self.clients = []

    def client(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        self.clients.append(sock)
        return sock

    def poll(self, seconds=0.0):
        self.now += seconds
        for _ in range(3):
            self.engine.poll(0)

    def settle(self):
        """Let the disk finish, and the engine look at it."""
        done = threading.Event()
        self.uploads._disk.jobs.put(done.set)
        done.wait()
        self.poll(LOOK_MAX)

    def put(self, sock, packet, tid=None):
        sock.sendto(packet.encode(), tid or ("127.0.0.1", self.port))
        self.poll()
        return self.take(sock)

    @staticmethod
    def take(sock):
        try:
            raw, tid = sock.recvfrom(65536)
        except BlockingIOError:
            return None, None
        return decode(raw), tid

    def send(self, sock, name, data, *options, mode=b"octet", blksize=512):
        """A whole file, block by block; the last answer."""
        answer, tid = self.put(sock, WriteRequest(name, mode, options))
        for block, at in enumerate(range(0, len(data) + 1, blksize), 1):
            if isinstance(answer, Error):
                return answer
            answer, _ = self.put(sock, Data(block, data[at : at + blksize]), tid)
        self.settle()
        return answer or self.take(sock)[0]

    def left(self):
        """What lies in the folder, once the disk has finished."""
        self.settle()
        self.settle()
        return sorted(os.listdir(self.folder))

    def close(self):
        self.engine.close()
        self.uploads.close()
        for sock in self.clients:
            sock.close()


@pytest.fixture(params=["py", pytest.param("ext", marks=pytest.mark.ext)])
def taking(request, tmp_path):
    """Makes engines that take files, on each twin of the data path."""
    carrier = Carrier
    if request.param == "ext":
        compiled = twin("tftp_carrier")
        if compiled is None:
            pytest.skip("the compiled parts are not built")
        carrier = compiled.Carrier
    made = []

    def make(**config):
        made.append(Taker(tmp_path, carrier, **config))
        return made[-1]

    yield make
    for taker in made:
        taker.close()
        assert not [e for e in taker.events if isinstance(e, events.Fault)]


def request(name=b"log", *options, mode=b"octet"):
    return WriteRequest(name, mode, options)


# What is taken


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 5000])
def test_a_file_that_is_sent_is_kept_and_accounted_for(taking, size):
    taker = taking()
    answer = taker.send(taker.client(), b"log", FILE[:size])
    assert answer == Ack(size // 512 + 1)
    assert (taker.folder / "log").read_bytes() == FILE[:size]
    (event,) = taker.events
    assert isinstance(event, events.Received)
    assert (event.client, event.name, event.size) == ("127.0.0.1", "log", size)
    assert taker.engine.idle
    assert taker.left() == ["log"]


def test_the_last_ack_comes_when_the_file_is_there(taking, monkeypatch):
    taker = taking()
    gate = threading.Event()
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (gate.wait(), fsync(fd)))
    sock = taker.client()
    _, tid = taker.put(sock, request())
    assert taker.put(sock, Data(1, b"all"), tid) == (None, None)
    taker.poll(1.0)
    assert taker.take(sock) == (None, None)
    assert not (taker.folder / "log").exists()
    gate.set()
    taker.settle()
    assert taker.take(sock)[0] == Ack(1)
    assert (taker.folder / "log").read_bytes() == b"all"


def test_options_are_granted_as_for_reading(taking):
    taker = taking()
    options = [
        (b"tsize", b"5000"),
        (b"blksize", b"1024"),
        (b"windowsize", b"4"),
        (b"timeout", b"3"),
    ]
    answer, tid = taker.put(sock := taker.client(), request(b"log", *options))
    assert answer == OptionAck(tuple(options))
    for block in (1, 2, 3):
        piece = FILE[block * 1024 - 1024 : block * 1024]
        assert taker.put(sock, Data(block, piece), tid) == (None, None)
    assert taker.put(sock, Data(4, FILE[3072:4096]), tid)[0] == Ack(4)
    taker.put(sock, Data(5, FILE[4096:]), tid)
    taker.settle()
    assert taker.take(sock)[0] == Ack(5)
    assert (taker.folder / "log").read_bytes() == FILE


def test_a_block_is_never_larger_than_what_is_looked_at(taking):
    taker = taking()
    sock = taker.client()
    answer, tid = taker.put(sock, request(b"log", (b"blksize", b"65464")))
    assert answer == OptionAck(((b"blksize", b"%d" % BLKSIZE_MAX),))
    # A client that sends more all the same would leave a file with holes.
    answer, _ = taker.put(sock, Data(1, bytes(4000)), tid)
    assert answer.code == 4
    assert taker.left() == []


def test_msftwindow_means_nothing_here(taking):
    taker = taking(msftwindow=True)
    answer, _ = taker.put(taker.client(), request(b"log", (b"msftwindow", b"31416")))
    assert answer == Ack(0)


def test_rollover_is_honoured(taking):
    taker = taking()
    sock = taker.client()
    options = ((b"blksize", b"8"), (b"rollover", b"1"), (b"windowsize", b"64"))
    answer, tid = taker.put(sock, request(b"log", *options))
    assert answer == OptionAck(options)
    data = random.Random(4).randbytes(8 * 65600 + 3)
    for block in range(1, 65602):
        wire = block if block < 65536 else block - 65535
        sock.sendto(Data(wire, data[block * 8 - 8 : block * 8]).encode(), tid)
        if block % 64 == 0:
            taker.poll()
            assert taker.take(sock)[0] == Ack(wire)
    taker.settle()
    taker.settle()
    assert (taker.folder / "log").read_bytes() == data


def test_netascii_is_converted(taking):
    taker = taking()
    taker.send(taker.client(), b"log", b"one\r\ntwo\r\0\r\n", mode=b"netascii")
    assert (taker.folder / "log").read_bytes() == b"one\ntwo\r\n"
    (event,) = taker.events
    assert event.size == 9


def test_what_is_served_is_served_as_ever(taking):
    taker = taking()
    sock = taker.client()
    sock.sendto(b"\0\1served\0octet\0", ("127.0.0.1", taker.port))
    taker.poll()
    assert taker.take(sock)[0] == Data(1, b"as ever")


def test_F3_a_file_may_take_the_place_of_another_where_that_is_wanted(taking):
    taker = taking(uploads_overwrite=True)
    (taker.folder / "log").write_bytes(b"old")
    assert taker.send(taker.client(), b"log", b"new") == Ack(1)
    assert (taker.folder / "log").read_bytes() == b"new"


# What is not


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (request(b"there"), 6),
        (request(b"../log"), 2),
        (request(b".log"), 2),
        (request(b""), 2),
        (request(b"a\nb"), 2),
        (request(b"x" * 400), 2),
        (request(b"missing/log"), 1),
        (request(b"log", (b"tsize", b"2000000")), 3),
        (request(b"log", (b"TSIZE", b"18446744073709551616")), 3),
        (request(mode=b"mail"), 4),
    ],
)
def test_T14_P1_P5_what_is_not_taken_is_an_error_and_an_event(taking, wanted, code):
    taker = taking(uploads_file_bytes=1_000_000)
    (taker.folder / "there").write_bytes(b"old")
    answer, tid = taker.put(taker.client(), wanted)
    assert answer.code == code
    assert tid[1] != taker.port
    (event,) = taker.events
    assert isinstance(event, events.RequestRefused)
    assert taker.engine.idle
    assert taker.left() == ["there"]
    assert (taker.folder / "there").read_bytes() == b"old"


@pytest.mark.parametrize("tsize", [b"-1", b"+5", b"0x10", b" 5", b"1e9", b"9" * 40])
def test_T2_a_size_that_is_no_number_is_as_good_as_none(taking, tsize):
    taker = taking()
    answer, _ = taker.put(taker.client(), request(b"log", (b"tsize", tsize)))
    assert answer == Ack(0)


def test_a_file_that_grows_too_large_is_error_3_and_leaves_nothing(taking):
    taker = taking(uploads_file_bytes=1000)
    answer = taker.send(taker.client(), b"log", FILE, (b"tsize", b"999"))
    assert answer.code == 3
    assert isinstance(taker.events[-1], events.NotReceived)
    assert taker.left() == []


def test_a_disk_that_is_full_is_error_3_and_leaves_nothing(taking, monkeypatch):
    taker = taking()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    answer = taker.send(taker.client(), b"log", FILE)
    monkeypatch.undo()
    assert answer == Error(3, b"the disk is full")
    (event,) = taker.events
    assert event.reason == "the disk is full"
    assert taker.left() == []


# How it ends otherwise


def begun(taker, sock=None, size=512):
    """An upload whose first block came."""
    sock = sock or taker.client()
    _, tid = taker.put(sock, request())
    taker.put(sock, Data(1, FILE[:size]), tid)
    return sock, tid


def test_an_upload_that_the_client_gives_up_leaves_nothing(taking):
    taker = taking()
    sock, tid = begun(taker)
    assert taker.put(sock, Error(0, b"no more"), tid) == (None, None)
    (event,) = taker.events
    assert isinstance(event, events.NotReceived)
    assert event.reason == "error 0: no more"
    assert taker.left() == []


def test_T10_an_upload_that_stalls_leaves_nothing(taking):
    taker = taking(idle_timeout=60)
    begun(taker)
    for _ in range(100):
        taker.poll(1.0)
    (event,) = taker.events
    assert event.reason == "the client stopped answering"
    assert taker.left() == []


def test_what_lies_on_the_disk_when_an_upload_stalls_is_removed(taking):
    taker = taking()
    sock, tid = begun(taker)
    for block in range(2, CHUNK // 512 + 2):
        taker.put(sock, Data(block, bytes(512)), tid)
    assert len(taker.left()) == 1
    for _ in range(100):
        taker.poll(1.0)
    assert taker.left() == []


def test_T3_T8_forged_requests_cost_the_disk_nothing_and_are_bounded(
    taking, monkeypatch
):
    monkeypatch.setattr(share, "UNCONFIRMED_MAX", 20)
    taker = taking()
    for _ in range(30):
        taker.put(taker.client(), request())
    assert taker.engine.stats()["active"] == 20
    assert taker.left() == []
    for _ in range(10):
        taker.poll(1.0)
    assert taker.engine.idle
    assert taker.send(taker.client(), b"log", FILE) == Ack(10)


def test_T6_a_repeated_request_is_the_same_upload(taking):
    taker = taking()
    sock = taker.client()
    answer, tid = taker.put(sock, request())
    assert taker.put(sock, request()) == (answer, tid)
    taker.put(sock, Data(1, bytes(512)), tid)
    assert taker.put(sock, request()) == (None, None)  # a late duplicate
    assert taker.engine.stats()["active"] == 1
    taker.put(sock, Data(2, b"end"), tid)
    taker.settle()
    assert taker.take(sock)[0] == Ack(2)
    assert taker.left() == ["log"]


def test_a_client_that_begins_anew_may(taking):
    taker = taking()
    sock, _ = begun(taker)
    taker.poll(10.0)
    taker.take(sock)
    assert taker.send(sock, b"log", b"again") == Ack(1)
    assert (taker.folder / "log").read_bytes() == b"again"
    assert taker.left() == ["log"]


def test_T5_a_stranger_disturbs_no_upload(taking):
    taker = taking()
    sock, tid = begun(taker)
    stranger = taker.client()
    answer, _ = taker.put(stranger, Data(2, b"end"), tid)
    assert answer.code == 5
    taker.put(stranger, Error(0, b"stop"), tid)
    taker.put(sock, Data(2, b"end"), tid)
    taker.settle()
    assert taker.take(sock)[0] == Ack(2)


def test_a_last_ack_that_was_lost_is_repeated(taking):
    # RFC 1350, section 6.
    taker = taking()
    sock = taker.client()
    _, tid = taker.put(sock, request())
    taker.put(sock, Data(1, b"all"), tid)
    taker.settle()
    assert taker.take(sock)[0] == Ack(1)
    taker.poll(2 * DALLY_PAUSE)
    assert taker.put(sock, Data(1, b"all"), tid)[0] == Ack(1)
    assert taker.put(sock, Data(1, b"all"), tid)[0] != Ack(1)
    taker.poll(DALLY)
    assert taker.put(sock, Data(1, b"all"), tid)[0].code == 5
    assert (taker.folder / "log").read_bytes() == b"all"


def test_a_last_ack_that_was_lost_is_repeated_on_a_single_port(taking):
    taker = taking(ports="single")
    sock = taker.client()
    taker.put(sock, request())
    taker.put(sock, Data(1, b"all"))
    taker.settle()
    assert taker.take(sock)[0] == Ack(1)
    taker.poll(2 * DALLY_PAUSE)
    assert taker.put(sock, Data(1, b"all"))[0] == Ack(1)
    assert taker.put(taker.client(), Data(1, b"all")) == (None, None)


def test_uploads_count_as_transfers_of_their_client(taking):
    taker = taking(max_per_client=2)
    for _ in range(2):
        begun(taker)
    assert taker.put(taker.client(), request(b"third")) == (None, None)
    assert taker.events[-1].reason == "too many transfers of this client"


def test_uploads_at_once_are_bounded(taking):
    taker = taking(uploads_at_once=1)
    sock, tid = begun(taker)
    for block in range(2, CHUNK // 512 + 2):
        taker.put(sock, Data(block, bytes(512)), tid)
    taker.settle()
    answer, _ = taker.put(taker.client(), request(b"other"))
    assert answer == Error(0, b"too many files are being sent; try again later")


def test_a_server_that_stops_tells_the_client_and_leaves_nothing(taking):
    taker = taking()
    sock, _ = begun(taker)
    taker.engine.close()
    answer, _ = taker.take(sock)
    assert answer.code == 0
    taker.uploads.close()
    assert os.listdir(taker.folder) == []

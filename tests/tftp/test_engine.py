"""TFTP's engine over real sockets on loopback; time is passed in."""

import os
import random
import socket
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from fastboot import events
from fastboot.config.client import TftpClient
from fastboot.errors import ListenError
from fastboot.poller import Poller
from fastboot.seen import Running
from fastboot.tftp import request as request_module
from fastboot.tftp import share as share_module
from fastboot.tftp.carrier import Carrier
from fastboot.tftp.engine import LATE
from fastboot.tftp.packet import Ack, Data, Error, ReadRequest
from fastboot.tftp.ports import POOL
from fastboot.tftp.strangers import STRAY_ERRORS, UNHEARD_FOR
from fastboot.tftp.transfer import UNCONFIRMED_SENDS
from fastboot.tree import Blob, Directory, Function, Memory
from served import OCTET, Served
from wire import Reader

FILE = random.Random(1).randbytes(5000)
TREE = Memory({"file": FILE, "empty": b"", "lines": b"one\ntwo\r\n"})


def test_a_file_is_fetched_and_accounted_for(serve):
    served = serve(TREE)
    assert served.get(served.client(), b"file", (b"blksize", b"1000")) == FILE
    (event,) = served.events
    assert event == events.Finished("tftp", "127.0.0.1", "file", 5000, 0.0, 0)
    assert served.engine.idle


def test_data_comes_from_another_port_than_the_request_went_to(serve):
    served = serve(TREE)
    _, tid = served.ask(served.client(), b"file")
    assert tid[1] != served.port


def test_netascii_is_converted(serve):
    served = serve(TREE)
    got = served.get(served.client(), b"lines", mode=b"netascii")
    assert got == b"one\r\ntwo\r\0\r\n"


def test_what_has_no_end_is_refused_and_closed(serve):
    class Feed:
        closed = 0

        def __call__(self):
            return b""

        def close(self):
            self.closed += 1

    feed = Feed()
    served = serve(Function(lambda name, client: Blob.from_feed(feed, kind="x/y")))
    packet, _ = served.ask(served.client(), b"file")
    assert isinstance(packet, Error)
    assert feed.closed == 1


class Windowed:
    """Fetches a file of `served` in windows of blocks of 8 bytes; see `Reader`."""

    def __init__(self, served, window, wishes=(), rollover=0):
        self.served = served
        self.sock = served.client()
        self.reader = Reader(8, window, wishes=wishes, rollover=rollover)

    def get(self, name, *options):
        packet, tid = self.served.ask(self.sock, name, *options)
        while packet is not None:
            for answer in self.reader.receive(packet.encode(), 0.0):
                self.sock.sendto(answer, tid)
                self.served.poll()
            packet, _ = self.served.take(self.sock)
        return b"".join(self.reader.payload)


@pytest.mark.slow
def test_T9_rollover_to_one_is_served(serve):
    data = FILE * 110  # more than 65535 blocks of 8 bytes
    client = Windowed(serve(Memory({"large": data})), 64, rollover=1)
    options = ((b"blksize", b"8"), (b"windowsize", b"64"), (b"rollover", b"1"))
    assert client.get(b"large", *options) == data


def test_windows_that_change_with_each_ack_are_served_where_they_are_allowed(serve):
    client = Windowed(serve(TREE, msftwindow=True), 4, wishes=(3, 20, 1))
    options = ((b"blksize", b"8"), (b"msftwindow", b"31416"))
    assert client.get(b"file", *options) == FILE


def test_windows_that_change_with_each_ack_are_not_offered_otherwise(serve):
    served = serve(TREE)
    packet, _ = served.ask(served.client(), b"file", (b"msftwindow", b"31416"))
    assert isinstance(packet, Data)


def test_the_size_is_not_told_in_netascii(serve):
    served = serve(TREE)
    packet, _ = served.ask(
        served.client(), b"lines", (b"tsize", b"0"), mode=b"netascii"
    )
    assert isinstance(packet, Data)


@pytest.mark.parametrize(
    "name",
    [
        b"/file",
        b"//file",
        b"\\file",
        b"./file",
        b"file\xff",
        b"file\xff\xff",
        b"file\xff\x42\x04",
        b"file ",
    ],
)
def test_P2_P3_names_are_read_as_clients_mean_them(serve, name):
    served = serve(TREE)
    assert served.get(served.client(), name) == FILE


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"missing", 1),
        (b"", 1),
        (b"../file", 2),
        (b"a/../file", 2),
        (b"..\\file", 2),
        (b"a\nb", 2),
        (b"\xc3\x28", 1),
        (b"x" * 400, 1),
    ],
)
def test_P1_P5_what_cannot_be_given_is_an_error_and_an_event(serve, name, code):
    served = serve(TREE)
    packet, tid = served.ask(served.client(), name)
    assert packet.code == code
    assert tid[1] != served.port  # a TID, as for any answer
    (event,) = served.events
    assert isinstance(event, events.RequestRefused)
    assert served.engine.idle


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\0\2file\0octet\0", 2),  # WRQ
        (b"\0\1file\0mail\0", 4),  # RRQ in a mode that RFC 1350 gave up
    ],
)
def test_T14_what_is_not_served_is_refused(serve, raw, code):
    served = serve(TREE)
    sock = served.client()
    sock.sendto(raw, ("127.0.0.1", served.port))
    served.poll()
    packet, _ = served.take(sock)
    assert packet.code == code


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0",
        b"\0\1",
        b"\0\1file",
        b"\0\1" + b"x" * 2000,
        b"\0\3\0\1data",  # DATA
        b"\0\4\0\1",  # ACK
        b"\0\5\0\0error\0",  # ERROR
        b"\0\6blksize\x008\0",  # OACK
        b"\0\7\0\0",
        b"\xff" * 30,
    ],
)
def test_T1_T4_nothing_but_a_request_is_answered_on_the_well_known_port(serve, raw):
    served = serve(TREE)
    sock = served.client()
    sock.sendto(raw, ("127.0.0.1", served.port))
    served.poll()
    assert served.take(sock) == (None, None)
    (event,) = served.events
    assert isinstance(event, events.Dropped)


def test_T4_a_request_from_a_service_that_answers_anything_is_dropped(
    serve, monkeypatch
):
    served = serve(TREE)
    sock = served.client()
    port = sock.getsockname()[1]
    monkeypatch.setattr(request_module, "REFLECTORS", frozenset({port}))
    assert served.ask(sock, b"file") == (None, None)


def test_T5_a_stranger_gets_error_5_and_the_transfer_goes_on(serve):
    served = serve(TREE)
    sock, stranger = served.client(), served.client()
    packet, tid = served.ask(sock, b"file")
    answer, _ = served.say(stranger, Ack(1), tid)
    assert answer.code == 5
    packet, _ = served.say(sock, Ack(1), tid)
    assert packet.block == 2


@pytest.mark.parametrize("packet", [Error(0, b"x"), Error(5, b"unknown transfer")])
def test_T4_a_strangers_error_is_never_answered(serve, packet):
    served = serve(TREE)
    _, tid = served.ask(served.client(), b"file")
    assert served.say(served.client(), packet, tid) == (None, None)


def test_T4_errors_to_strangers_are_few(serve):
    served = serve(TREE)
    _, tid = served.ask(served.client(), b"file")
    stranger = served.client()
    answers = 0
    for _ in range(200):
        answer, _ = served.say(stranger, Ack(1), tid)
        answers += answer is not None
    assert answers == STRAY_ERRORS
    served.now += 1
    assert served.say(stranger, Ack(1), tid)[0] is not None


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"ports": "single"},
        {"client": (TftpClient(address="127.0.0.0/8", same_port=True),)},
    ],
    ids=["pool", "single", "same port"],
)
@pytest.mark.parametrize("options", [(), ((b"blksize", b"600"),)])
def test_T5_a_client_whose_first_acks_were_all_lost_is_no_stranger(
    serve, options, config
):
    # It repeats its ACK, never its request; ERROR 5 would end its boot.
    served = serve(TREE, **config)
    sock = served.client()
    first, tid = served.ask(sock, b"file", *options)
    ack = Ack(0 if options else 1)
    for _ in range(10):
        served.poll(1.0)
    assert served.engine.idle
    while served.take(sock)[0] is not None:
        pass  # the first packet again
    assert served.say(sock, ack, tid) == (first, tid)
    assert served.say(sock, ack, tid)[0].block == ack.block + 1


def test_T8_who_acknowledges_for_somebody_else_gets_no_more_than_who_asks(serve):
    served = serve(TREE)
    sock = served.client()
    first, tid = served.ask(sock, b"file", (b"windowsize", b"64"))
    packets = [first]
    for forged in range(3):
        for _ in range(10):
            served.poll(1.0)
        while (packet := served.take(sock)[0]) is not None:
            packets.append(packet)
        assert len(packets) == UNCONFIRMED_SENDS * (forged + 1)
        sock.sendto(Ack(0).encode(), tid)
    assert set(packets) == {first}


def test_T8_such_an_ack_counts_as_a_request(serve):
    served = serve(TREE, max_request_rate=0.01)  # each takes its time to be allowed
    sock = served.client()
    _, tid = served.ask(sock, b"file", (b"windowsize", b"64"))
    for _ in range(10):
        served.poll(1.0)
    while served.take(sock)[0] is not None:
        pass
    assert served.say(sock, Ack(0), tid) == (None, None)
    assert served.engine.idle


def test_a_first_ack_of_long_ago_is_a_strangers(serve):
    served = serve(TREE)
    sock = served.client()
    _, tid = served.ask(sock, b"file", (b"blksize", b"600"))
    for _ in range(10):
        served.poll(1.0)
    while served.take(sock)[0] is not None:
        pass
    served.poll(UNHEARD_FOR)
    assert served.say(sock, Ack(0), tid)[0].code == 5


def test_T6_a_repeated_request_is_one_transfer(serve):
    served = serve(TREE)
    sock = served.client()
    first = served.ask(sock, b"file", (b"tsize", b"0"))
    answers = [served.ask(sock, b"file", (b"tsize", b"0")) for _ in range(100)]
    assert answers[:2] == [first, first]
    assert answers[2:] == [(None, None)] * 98  # three times at most
    assert served.engine.stats()["active"] == 1


def test_a_late_duplicate_of_the_request_does_not_disturb_the_transfer(serve):
    served = serve(TREE)
    sock = served.client()
    _, tid = served.ask(sock, b"file")
    served.say(sock, Ack(1), tid)
    assert served.ask(sock, b"file") == (None, None)
    assert served.say(sock, Ack(2), tid)[0].block == 3


def test_a_client_that_begins_anew_on_its_port_is_served_anew(serve):
    # GRUB counts its ports from 25300 at each boot.
    served = serve(TREE)
    sock = served.client()
    _, tid = served.ask(sock, b"file")
    served.say(sock, Ack(1), tid)
    served.poll(LATE)
    assert served.take(sock)[0].block == 2  # sent again in vain
    packet, _ = served.ask(sock, b"file")
    assert packet.block == 1
    assert served.engine.stats()["active"] == 1


@pytest.mark.parametrize("ask_first", [False, True])
@pytest.mark.parametrize("name", [b"empty", b"file"])
def test_a_client_may_ask_for_the_next_file_with_its_last_ack(serve, name, ask_first):
    # Both arrive in one turn: whichever is read first, none of the two is lost.
    served = serve(TREE)
    sock = served.client()
    _, tid = served.ask(sock, b"empty")
    datagrams = [
        (Ack(1).encode(), tid),
        (ReadRequest(name, OCTET).encode(), ("127.0.0.1", served.port)),
    ]
    for raw, to in datagrams[:: -1 if ask_first else 1]:
        sock.sendto(raw, to)
    served.poll()
    packet, _ = served.take(sock)
    assert packet.block == 1
    assert [type(event) for event in served.events] == [events.Finished]
    assert served.engine.stats()["active"] == 1


def test_another_name_from_the_same_port_ends_the_old_transfer(serve):
    served = serve(TREE)
    sock = served.client()
    _, tid = served.ask(sock, b"file")
    served.say(sock, Ack(1), tid)
    packet, _ = served.ask(sock, b"lines")
    assert packet.payload == b"one\ntwo\r\n"
    assert isinstance(served.events[0], events.Failed)


def test_the_size_probe_of_a_boot_rom_is_no_failure(serve):
    served = serve(TREE)
    sock = served.client()
    _, tid = served.ask(sock, b"file", (b"tsize", b"0"))
    served.say(sock, Error(8, b"User aborted the transfer"), tid)
    assert served.events == [events.Probed("tftp", "127.0.0.1", "file", 5000)]
    assert served.engine.idle


def test_an_unanswered_packet_is_sent_again_by_the_timer(serve):
    served = serve(TREE)
    sock = served.client()
    first, _ = served.ask(sock, b"file")
    served.poll(0.9)
    assert served.take(sock) == (None, None)
    served.poll(0.2)  # timers are kept to a sixty-fourth of a second
    assert served.take(sock)[0] == first


def test_T8_requests_without_a_reply_are_bounded_and_short_lived(serve, monkeypatch):
    monkeypatch.setattr(share_module, "UNCONFIRMED_MAX", 20)
    served = serve(TREE)
    for _ in range(30):
        assert served.ask(served.client(), b"file")[0] is not None
    assert served.engine.stats()["active"] == 20
    assert [type(event) for event in served.events] == [events.Failed] * 10
    for _ in range(6):
        served.poll(1.1)
    assert served.engine.idle
    assert served.ask(served.clients[-1], b"file")[0] is not None


def test_T8_who_answers_is_served_whatever_flood_there_is(serve, monkeypatch):
    monkeypatch.setattr(share_module, "UNCONFIRMED_MAX", 20)
    served = serve(TREE)
    sock = served.client()
    packet, tid = served.ask(sock, b"file")
    whole = packet.payload
    while len(packet.payload) == 512:
        for _ in range(15):  # forged, and never answered
            served.ask(served.client(), b"file")
        packet, _ = served.say(sock, Ack(packet.block), tid)
        whole += packet.payload
    assert whole == FILE
    assert served.engine.stats()["active"] <= 21


def test_T8_confirmed_transfers_leave_the_table_of_the_unconfirmed(serve, monkeypatch):
    monkeypatch.setattr(share_module, "UNCONFIRMED_MAX", 3)
    served = serve(TREE)
    for _ in range(5):
        _, tid = served.ask(served.client(), b"file")
        assert tid is not None
        served.say(served.clients[-1], Ack(1), tid)
    for _ in range(5):  # nor do those stay in it that are refused, aborted or done
        assert served.get(served.client(), b"file") == FILE
        served.ask(served.client(), b"missing")
        _, tid = served.ask(served.client(), b"file", (b"tsize", b"0"))
        served.say(served.clients[-1], Error(0, b""), tid)


def test_T3_a_guessed_ack_ends_what_it_was_meant_for(serve):
    served = serve(TREE)
    sock = served.client()
    _, tid = served.ask(sock, b"file", (b"windowsize", b"64"))
    others = ports_of_the_pool(served) - {tid[1]}
    assert len(others) == POOL - 1
    assert served.say(sock, Ack(0), ("127.0.0.1", others.pop())) == (None, None)
    assert served.engine.idle
    assert "wrong port" in served.events[-1].reason


def ports_of_the_pool(served):
    """The data ports, as many clients learn them."""
    found = set()
    for _ in range(40 * POOL):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            _, tid = served.ask(sock, b"missing")
            found.add(tid[1])
    return found


def test_T3_a_request_and_one_forged_ack_cost_three_windows_at_the_most(serve):
    served = serve(Memory({"large": FILE * 40}))
    sock = served.client()
    options = ((b"windowsize", b"64"), (b"timeout", b"1"))
    _, tid = served.ask(sock, b"large", *options)
    served.say(sock, Ack(0), tid)
    blocks = 1
    for _ in range(100):
        served.poll(1.0)
        while served.take(sock)[0] is not None:
            blocks += 1
    assert served.engine.idle
    assert blocks <= 3 * 64 + 60  # and then a block for each of 60 seconds


def test_transfers_of_one_address_are_bounded(serve):
    served = serve(TREE, max_per_client=2)
    first = [served.ask(served.client(), b"file") for _ in range(3)]
    assert [tid is not None for _, tid in first] == [True, True, False]
    assert served.ask(served.client("127.0.0.2"), b"file")[0] is not None
    served.say(served.clients[0], Error(0, b""), first[0][1])
    assert served.ask(served.client(), b"file")[0] is not None


def test_transfers_are_bounded(serve):
    served = serve(TREE, max_transfers=2)
    answers = [served.ask(served.client(), b"file")[0] for _ in range(3)]
    assert [answer is not None for answer in answers] == [True, True, False]


def test_T10_a_client_that_vanishes_is_given_up_when_patience_ends(serve):
    served = serve(TREE, idle_timeout=60)
    sock = served.client()
    _, tid = served.ask(sock, b"file")
    served.say(sock, Ack(1), tid)
    sock.close()
    for _ in range(70):
        served.poll(1.0)
    (event,) = served.events
    assert event.reason == "the client stopped answering"
    assert 60 <= event.seconds <= 69
    assert served.engine.idle


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_an_engine_that_is_closed_again_leaves_alone_what_others_opened(serve):
    served = serve(TREE)
    served.ask(served.client(), b"file")  # so that a timer is set
    served.engine.close()
    with ExitStack() as others:
        pollers = [others.enter_context(closing(Poller())) for _ in range(20)]
        for poller in pollers:  # which have the descriptors now that were the engine's
            poller.set_deadline(time.monotonic() + 1000)
        served.engine.close()
        timers = [Path(f"/proc/self/fdinfo/{p.own[1]}").read_text() for p in pollers]
        assert not [timer for timer in timers if "it_value: (0, 0)" in timer]


def test_a_block_fits_the_mtu_of_the_interface(serve):
    served = serve(TREE, mtu=1500)
    packet, _ = served.ask(served.client(), b"file", (b"blksize", b"8192"))
    assert packet.options == ((b"blksize", b"1468"),)


def test_T13_the_answer_comes_from_the_address_that_was_asked(serve):
    served = serve(TREE, address="0.0.0.0")
    sock = served.client()
    _, tid = served.ask(sock, b"file", to="127.0.0.9")
    assert tid[0] == "127.0.0.9"
    _, tid = served.ask(sock, b"missing", to="127.0.0.8")
    assert tid[0] == "127.0.0.8"


def test_ipv6_clients_are_served(serve):
    served = serve(TREE, address="::1")
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("::1", 0))
    sock.setblocking(False)
    served.clients.append(sock)
    packet, _ = served.ask(sock, b"file", to="::1")
    assert packet == Data(1, FILE[:512])


def test_F3_a_replaced_file_is_finished_as_it_was(serve, tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    served = serve(Directory(tmp_path))
    sock = served.client()
    packet, tid = served.ask(sock, b"file")
    (tmp_path / "new").write_bytes(b"other" * 1000)
    os.replace(tmp_path / "new", tmp_path / "file")
    whole = packet.payload
    while len(packet.payload) == 512:
        packet, _ = served.say(sock, Ack(packet.block), tid)
        whole += packet.payload
    assert whole == FILE
    assert served.get(served.client(), b"file") == b"other" * 1000


def test_F1_a_file_cut_short_ends_its_transfer_and_nothing_else(serve, tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    (tmp_path / "other").write_bytes(FILE)
    served = serve(Directory(tmp_path))
    sock, neighbour = served.client(), served.client()
    _, tid = served.ask(sock, b"file")
    _, other_tid = served.ask(neighbour, b"other")
    os.truncate(tmp_path / "file", 600)
    answer, block = Data(1, b""), 1
    while isinstance(answer, Data):  # what was read before the cut may still come
        assert len(answer.payload) in (0, 512), "the end of the file, though it is cut"
        answer, _ = served.say(sock, Ack(block), tid)
        block += 1
    assert answer.code == 0
    assert isinstance(served.events[-1], events.Failed)
    assert served.say(neighbour, Ack(1), other_tid)[0].block == 2


def test_T14_no_file_appears_when_one_is_offered(serve, tmp_path):
    served = serve(Directory(tmp_path))
    sock = served.client()
    sock.sendto(b"\0\2new\0octet\0", ("127.0.0.1", served.port))
    served.poll()
    assert list(tmp_path.iterdir()) == []


def test_closing_tells_the_clients_and_frees_everything(carrier, tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    tree = Directory(tmp_path)
    before = set(os.listdir("/proc/self/fd"))
    served = Served(tree, carrier)
    sock = served.client()
    served.ask(sock, b"file")
    served.engine.close()
    answer, _ = served.take(sock)
    assert answer == Error(0, b"the server was stopped")
    sock.close()
    assert set(os.listdir("/proc/self/fd")) == before
    tree.close()


def test_draining_finishes_what_runs_and_takes_nothing_new(serve):
    served = serve(TREE)
    sock = served.client()
    _, tid = served.ask(sock, b"lines")
    served.engine.drain()
    assert served.ask(served.client(), b"file") == (None, None)
    assert not served.engine.idle
    served.say(sock, Ack(1), tid)
    assert served.engine.idle


class FullSocket:
    """Stands before a socket and has no room for a while (R4).

    The compiled twin needs a real one: tests/faults.
    """

    def __init__(self, sock, refusals):
        self.sock = sock
        self.refusals = refusals

    def sendmsg(self, *args):
        if self.refusals:
            self.refusals -= 1
            raise BlockingIOError
        return self.sock.sendmsg(*args)

    def __getattr__(self, name):
        return getattr(self.sock, name)


@pytest.mark.parametrize("carrier", ["py"], indirect=True)
def test_R4_blocks_wait_for_room_in_their_order(serve):
    served = serve(Memory({"file": FILE}))
    sock = served.client()
    _, tid = served.ask(sock, b"file", (b"windowsize", b"8"))
    ports = served.engine._carrier._ports
    (fd,) = (s for s in ports._outbox if ports._sockets[s].getsockname() == tid)
    ports._sockets[fd] = FullSocket(ports._sockets[fd], 3)
    sock.sendto(Ack(0).encode(), tid)
    got = []
    for _ in range(15):
        served.poll()
        packet, _ = served.take(sock)
        if packet is not None:
            got.append(packet.block)
    assert got == list(range(1, 9))
    assert served.engine._carrier._poller.wait(0) == []  # looks for room no more


def test_a_mistake_inside_one_request_leaves_the_rest_alone(carrier):
    class Broken:
        def open(self, name, client):
            if name == "bad":
                raise ZeroDivisionError
            return TREE.open(name, client)

    served = Served(Broken(), carrier)
    served.ask(served.client(), b"bad")
    assert isinstance(served.events[0], events.Fault)
    assert served.get(served.client(), b"file") == FILE
    served.close()


class Exploding(Blob):
    """Content that nobody can read, for a reason nobody thought of."""

    __slots__ = ()

    def read(self, offset, length):
        if offset:
            raise RuntimeError("no reason")
        return b"x" * length


@pytest.mark.parametrize("mode", [b"octet", b"netascii"])
def test_a_mistake_inside_one_transfer_ends_it_and_frees_its_place(carrier, mode):
    blob = Exploding(size=100_000, etag='"x"')
    tree = SimpleNamespace(open=lambda name, client: blob)
    served = Served(tree, carrier, max_transfers=1)
    sock = served.client()
    packet, tid = served.ask(sock, b"file", mode=mode)
    for block in range(1, 200):
        if not isinstance(packet, Data) or served.engine.idle:
            break
        packet, _ = served.say(sock, Ack(block), tid)
    assert served.engine.idle
    assert any(isinstance(event, events.Fault) for event in served.events) or (
        carrier is not Carrier and mode == b"octet"  # it reads the bytes at the start
    )
    served.close()


def test_content_that_cannot_be_begun_with_frees_its_place(carrier):
    class Unbegun(Blob):
        __slots__ = ()

        def read(self, offset, length):
            raise RuntimeError("no reason")

    tree = SimpleNamespace(open=lambda name, client: Unbegun(size=100_000, etag='"x"'))
    served = Served(tree, carrier, max_transfers=1)
    served.ask(served.client(), b"file")
    assert served.engine.idle
    assert any(isinstance(event, events.Fault) for event in served.events)
    served.close()


def test_blocks_that_leave_together_are_not_mixed_up(serve):
    files = {f"file{n}": random.Random(n).randbytes(4000) for n in range(40)}
    served = serve(Memory(files))
    clients = []
    for name in files:
        sock = served.client()
        _, tid = served.ask(sock, name.encode(), (b"windowsize", b"8"))
        clients.append((sock, tid, files[name]))
    for sock, tid, _ in clients:
        sock.sendto(Ack(0).encode(), tid)
    served.poll()
    for sock, _, content in clients:
        blocks = [served.take(sock)[0] for _ in range(8)]
        assert b"".join(block.payload for block in blocks) == content
        assert [block.block for block in blocks] == list(range(1, 9))


@pytest.mark.parametrize("mode", [b"octet", b"netascii"])
def test_a_window_without_an_ack_is_followed_by_its_last_block_and_then_whole(
    serve, mode
):
    text = b"x" * (512 * 10 + 7)
    served = serve(Memory({"text": text}))
    sock = served.client()
    _, tid = served.ask(sock, b"text", (b"windowsize", b"8"), mode=mode)

    def arrived():
        packets = iter(lambda: served.take(sock)[0], None)
        return [(packet.block, len(packet.payload)) for packet in packets]

    def after(block):
        sock.sendto(Ack(block).encode(), tid)
        served.poll()
        return arrived()

    def in_time():
        served.poll(2.1)
        return arrived()

    assert after(0) == [(n, 512) for n in range(1, 9)]
    assert in_time() == [(8, 512)]
    assert in_time() == [(n, 512) for n in range(1, 9)]
    assert in_time() == [(n, 512) for n in range(1, 5)]
    assert after(8) == [(9, 512), (10, 512), (11, 7)]
    assert in_time() == [(11, 7)]
    assert after(11) == []
    (event,) = served.events
    assert (event.size, event.retransmissions) == (len(text), 1 + 8 + 4 + 1)


@pytest.mark.parametrize("mode", [b"octet", b"netascii"])
def test_a_single_port_serves_all(serve, mode):
    served = serve(TREE, ports="single")
    one, other = served.client(), served.client()
    _, tid = served.ask(one, b"file", (b"tsize", b"0"))
    assert tid[1] == served.port
    assert served.get(other, b"empty", mode=mode) == b""
    assert served.get(other, b"file", (b"blksize", b"1000")) == FILE
    assert served.say(one, Ack(0), tid)[0] == Data(1, FILE[:512])
    served.say(one, Error(0, b"enough"), tid)
    assert served.engine.idle


def test_T4_on_a_single_port_nobody_else_is_answered(serve):
    served = serve(TREE, ports="single")
    _, tid = served.ask(served.client(), b"file")
    for packet in (Ack(1), Data(1, b""), Error(5, b"unknown transfer")):
        assert served.say(served.client(), packet, tid) == (None, None)


def test_on_a_single_port_a_client_may_ask_anew(serve):
    served = serve(TREE, ports="single")
    sock = served.client()
    _, tid = served.ask(sock, b"file")
    served.say(sock, Ack(1), tid)
    assert served.ask(sock, b"lines")[0] == Data(1, b"one\ntwo\r\n")


def test_draining_a_single_port_finishes_what_runs_and_takes_nothing_new(serve):
    served = serve(TREE, ports="single")
    sock = served.client()
    _, tid = served.ask(sock, b"lines")
    served.engine.drain()
    assert served.ask(served.client(), b"file") == (None, None)
    served.say(sock, Ack(1), tid)
    assert served.engine.idle


def test_files_leave_from_the_ports_that_were_named(serve):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        served = serve(TREE, ports=f"{max(1, port - 30)}-{min(65535, port + 30)}")
        for _ in range(20):
            _, tid = served.ask(served.client(), b"missing")
            assert abs(tid[1] - port) in range(1, 31)


def test_named_ports_that_are_all_taken_are_one_line(carrier):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"port {port}: .* has it"):
            Served(TREE, carrier, ports=f"{port}-{port}")


def test_closing_twice_does_nothing_more(carrier):
    served = Served(TREE, carrier)
    served.close()
    served.close()


def test_the_tree_is_told_who_asks(serve):
    asked = []
    tree = SimpleNamespace(
        open=lambda name, client: asked.append(client) or TREE.open(name, client)
    )
    served = serve(tree)
    served.ask(served.client(), b"file")
    assert (asked[0].address, asked[0].protocol, asked[0].server) == (
        "127.0.0.1",
        "tftp",
        "127.0.0.1",
    )


def test_F7_many_clients_share_a_file_without_mixing_their_places(serve, tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    served = serve(Directory(tmp_path))
    rng = random.Random(7)
    open_transfers = []
    for _ in range(100):
        sock = served.client()
        packet, tid = served.ask(sock, b"file")
        open_transfers.append((sock, tid, [packet]))
    done = 0
    while open_transfers:
        item = rng.choice(open_transfers)
        sock, tid, packets = item
        packet, _ = served.say(sock, Ack(packets[-1].block), tid)
        if packet is None:
            assert b"".join(p.payload for p in packets) == FILE
            open_transfers.remove(item)
            done += 1
        else:
            packets.append(packet)
    assert done == 100


def test_each_transfer_has_a_port_of_its_own_and_gives_it_back(serve):
    served = serve(TREE, ports="each")
    before = len(os.listdir("/proc/self/fd"))
    one, other = served.client(), served.client()
    _, first = served.ask(one, b"file")
    _, second = served.ask(other, b"file")
    assert len({first[1], second[1], served.port}) == 3
    assert served.ask(one, b"file")[1] == first  # asked again, it is the same
    for sock, tid in ((one, first), (other, second)):
        served.say(sock, Error(0, b"enough"), tid)
    one.close()
    other.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_refusal_leaves_no_port_open(serve):
    served = serve(TREE, ports="each")
    with served.client() as sock:
        before = len(os.listdir("/proc/self/fd"))
        for name in (b"missing", b"../etc/passwd", b"missing"):
            assert isinstance(served.ask(sock, name)[0], Error)
        assert len(os.listdir("/proc/self/fd")) == before


def test_each_port_serves_a_whole_file(serve):
    served = serve(TREE, ports="each")
    for options in ((), ((b"blksize", b"1000"),)):
        assert served.get(served.client(), b"file", *options) == FILE


def test_a_client_with_a_rule_is_answered_from_the_port_that_it_asked(serve):
    rule = TftpClient(options=("tsize",), same_port=True)
    served = serve(TREE, client=(rule,))
    one, other = served.client(), served.client()
    _, tid = served.ask(one, b"file", (b"tsize", b"0"))
    assert tid[1] == served.port
    assert served.ask(one, b"file", (b"tsize", b"0"))[1] == tid  # asked again
    assert served.ask(other, b"file")[1][1] != served.port
    assert served.say(one, Ack(0), tid)[0] == Data(1, FILE[:512])


def test_draining_finishes_what_runs_on_the_port_for_requests(serve):
    rule = TftpClient(options=("tsize",), same_port=True)
    served = serve(TREE, client=(rule,))
    sock = served.client()
    _, tid = served.ask(sock, b"lines", (b"tsize", b"0"))
    served.engine.drain()
    assert served.say(sock, Ack(0), tid)[0] == Data(1, b"one\ntwo\r\n")
    served.say(sock, Ack(1), tid)
    assert served.engine.idle


def test_who_looks_is_told_what_is_under_way_once(serve):
    served, seen = serve(TREE), []
    client = served.client()
    _, tid = served.ask(client, b"file", (b"blksize", b"1000"))
    served.say(client, Ack(0), tid)
    served.say(client, Ack(1), tid)
    served.engine.look(seen.append)
    served.poll(2.0)
    served.poll()
    assert seen == [[Running("127.0.0.1", "file", len(FILE), 1000, 2.0)]]

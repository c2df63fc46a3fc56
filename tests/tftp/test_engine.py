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
from fastboot.poller import Poller
from fastboot.seen import Running
from fastboot.tftp.engine import LATE
from fastboot.tftp.packet import Ack, Data, Error, ReadRequest
from fastboot.tree import Blob, Directory, Function, Memory
from served import OCTET, Served
from wire import Reader

from .files import FILE, TREE


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


def test_T14_no_file_appears_when_one_is_offered(serve, tmp_path):
    served = serve(Directory(tmp_path))
    sock = served.client()
    sock.sendto(b"\0\2new\0octet\0", ("127.0.0.1", served.port))
    served.poll()
    assert list(tmp_path.iterdir()) == []


def test_closing_tells_the_clients_and_frees_everything(carrier, tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    tree = Directory(tmp_path)
    tree.open("file", None).close()  # the list of mounts stays open, for all
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

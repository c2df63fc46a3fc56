"""TFTP's engine among strangers, floods and clients that vanish: bounded, and no louder than they."""

import socket

import pytest

from fastboot import events
from fastboot.config.client import TftpClient
from fastboot.tftp import request as request_module
from fastboot.tftp import share as share_module
from fastboot.tftp.packet import Ack, Error
from fastboot.tftp.ports import POOL
from fastboot.tftp.strangers import STRAY_ERRORS, UNHEARD_FOR
from fastboot.tftp.transfer import UNCONFIRMED_SENDS
from fastboot.tree import Memory

from .files import FILE, TREE


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

"""A client's conversation: RFC 1350, 1123 (4.2.3), 2347, in simulated time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges import ASKED, TID, fetching, noise, sending
from fastboot.errors import (
    NoAnswer,
    NotKept,
    ServerRefused,
    WrongAnswer,
    WrongContent,
)
from fastboot.tftp.exchange import LINGER
from fastboot.tftp.landing import Memory
from fastboot.tftp.packet import (
    Ack,
    Data,
    Error,
    OptionAck,
    ReadRequest,
    decode,
)
from fastboot.tftp.strangers import STRAY_ERRORS
from fastboot.tftp.transfer import RTO_MAX
from fastboot.tftp.wishes import NOTHING


def packets(parcels):
    return [decode(raw) for raw, _ in parcels]


def answered(exchange, *options):
    """The same, once the server has granted these options."""
    exchange.start(0.0)
    exchange.receive(OptionAck(options).encode(), TID, 0.1)
    return exchange


# The request


def test_the_request_goes_to_the_well_known_port_with_its_options():
    ((raw, to),) = fetching().start(0.0)
    options = ((b"tsize", b"0"), (b"blksize", b"8"), (b"windowsize", b"4"))
    assert decode(raw) == ReadRequest(b"file", b"octet", options)
    assert to == ASKED


def test_who_sends_tells_the_size():
    ((raw, _),) = sending(b"x" * 99).start(0.0)
    assert (b"tsize", b"99") in decode(raw).options


def test_of_a_text_nobody_tells_the_size():
    ((raw, _),) = sending(b"x" * 99, netascii=True).start(0.0)
    assert [name for name, _ in decode(raw).options] == [b"blksize", b"windowsize"]


def test_the_request_is_repeated_ever_more_slowly_and_given_up():
    # RFC 1123, section 4.2.3.2.
    exchange = fetching(patience=9.0)
    first = exchange.start(0.0)
    times = []
    while not exchange.finished:
        now = exchange.deadline
        if exchange.tick(now) == first:
            times.append(now)
    assert times == [1.0, 3.0, 5.0, 7.0]
    assert isinstance(exchange.failure, NoAnswer)
    assert "no answer within 9 s" in str(exchange.failure)


def test_nothing_is_repeated_before_its_time():
    exchange = fetching()
    exchange.start(0.0)
    assert exchange.tick(0.9) == []


def test_a_server_that_does_not_listen_is_said_at_once():
    exchange = fetching()
    exchange.start(0.0)
    exchange.unreachable("Connection refused")
    assert isinstance(exchange.failure, NoAnswer)
    assert exchange.deadline is None


def test_what_the_network_says_of_a_running_transfer_means_nothing():
    exchange = answered(fetching(), (b"blksize", b"8"))
    exchange.unreachable("Connection refused")
    assert not exchange.finished


# The answer


def test_an_oack_is_acknowledged_where_it_came_from():
    exchange = fetching()
    exchange.start(0.0)
    parcels = exchange.receive(OptionAck(((b"blksize", b"8"),)).encode(), TID, 0.1)
    assert parcels == [(Ack(0).encode(), TID)]


def test_an_oack_that_comes_again_is_acknowledged_again():
    exchange = answered(fetching(), (b"blksize", b"8"))
    oack = OptionAck(((b"blksize", b"8"),)).encode()
    assert exchange.receive(oack, TID, 1.0) == [(Ack(0).encode(), TID)]


def test_an_oack_that_comes_late_means_nothing():
    exchange = answered(fetching(), (b"blksize", b"8"))
    exchange.receive(Data(1, b"x" * 8).encode(), TID, 0.2)
    assert exchange.receive(OptionAck(((b"blksize", b"8"),)).encode(), TID, 1.0) == []


def test_to_who_sends_an_oack_says_begin():
    exchange = sending(b"12345678" * 9)
    exchange.start(0.0)
    oack = OptionAck(((b"blksize", b"8"), (b"windowsize", b"2"))).encode()
    first = [Data(1, b"12345678"), Data(2, b"12345678")]
    assert packets(exchange.receive(oack, TID, 0.1)) == first


def test_a_server_without_options_begins_with_block_1():
    # RFC 2347: what is not acknowledged does not hold.
    landing = Memory()
    exchange = fetching(landing)
    exchange.start(0.0)
    parcels = exchange.receive(Data(1, b"x" * 512).encode(), TID, 0.1)
    assert packets(parcels) == [Ack(1)]
    assert packets(exchange.receive(Data(2, b"end").encode(), TID, 0.2)) == [Ack(2)]
    assert exchange.complete
    assert landing.data == b"x" * 512 + b"end"


def test_a_server_without_options_takes_a_file_with_ack_0():
    exchange = sending(b"x" * 600)
    exchange.start(0.0)
    assert packets(exchange.receive(Ack(0).encode(), TID, 0.1)) == [Data(1, b"x" * 512)]
    assert packets(exchange.receive(Ack(1).encode(), TID, 0.2)) == [Data(2, b"x" * 88)]
    exchange.receive(Ack(2).encode(), TID, 0.3)
    assert exchange.complete


@pytest.mark.parametrize(
    "begin",
    [Data(0, b"x"), Data(2, b"x"), Ack(0), ReadRequest(b"a", b"octet")],
)
def test_no_transfer_begins_with_anything_else(begin):
    exchange = fetching()
    exchange.start(0.0)
    assert exchange.receive(begin.encode(), TID, 0.1) == []
    assert exchange.machine is None


@pytest.mark.parametrize(
    "option",
    [
        (b"blksize", b"9"),  # larger than asked for
        (b"blksize", b"7"),
        (b"blksize", b" 8"),
        (b"windowsize", b"5"),
        (b"windowsize", b"0"),
        (b"timeout", b"1"),  # not asked for
        (b"tsize", b"-1"),
        (b"multicast", b"224.0.0.1,1758,1"),
    ],
)
def test_an_oack_that_grants_what_was_not_asked_for_ends_it(option):
    exchange = fetching()
    exchange.start(0.0)
    parcels = exchange.receive(OptionAck((option,)).encode(), TID, 0.1)
    assert packets(parcels)[0].code == 8
    assert parcels[0][1] == TID
    assert isinstance(exchange.failure, WrongAnswer)


def test_an_option_that_is_granted_twice_ends_it():
    exchange = fetching()
    exchange.start(0.0)
    twice = OptionAck(((b"blksize", b"8"), (b"BLKSIZE", b"8")))
    assert packets(exchange.receive(twice.encode(), TID, 0.1))[0].code == 8


def test_options_may_be_spelled_as_the_server_likes():
    exchange = answered(fetching(), (b"BlkSize", b"8"), (b"WINDOWSIZE", b"2"))
    assert exchange.agreed.negotiated.windowsize == 2


@pytest.mark.parametrize("code", [8, 4])
def test_where_options_are_refused_the_file_is_asked_for_without(code):
    exchange = fetching()
    exchange.start(0.0)
    ((raw, to),) = exchange.receive(Error(code, b"no").encode(), TID, 0.1)
    assert decode(raw) == ReadRequest(b"file", b"octet")
    assert to == ASKED


def test_who_refuses_a_request_without_options_is_believed():
    exchange = fetching(wishes=NOTHING)
    exchange.start(0.0)
    assert exchange.receive(Error(8, b"no").encode(), TID, 0.1) == []
    assert exchange.failure.code == 8


@pytest.mark.parametrize("when", ["first", "later"])
def test_an_error_ends_it_and_is_not_answered(when):
    exchange = fetching()
    exchange.start(0.0)
    if when == "later":
        exchange.receive(OptionAck(((b"blksize", b"8"),)).encode(), TID, 0.1)
    assert exchange.receive(Error(1, b"File not found").encode(), TID, 0.2) == []
    assert isinstance(exchange.failure, ServerRefused)
    assert exchange.failure.code == 1
    assert "the server says: File not found" in str(exchange.failure)


def test_a_file_that_is_not_taken_is_told_to_the_server():
    exchange = fetching(Memory(limit=100))
    exchange.start(0.0)
    parcels = exchange.receive(OptionAck(((b"tsize", b"101"),)).encode(), TID, 0.1)
    assert packets(parcels)[0].code == 3
    assert isinstance(exchange.failure, NotKept)


def test_a_file_that_never_ends_is_ended_by_us():
    exchange = answered(fetching(Memory(limit=20)), (b"blksize", b"8"))
    exchange.receive(Data(1, b"x" * 8).encode(), TID, 0.2)
    exchange.receive(Data(2, b"x" * 8).encode(), TID, 0.2)
    parcels = exchange.receive(Data(3, b"x" * 8).encode(), TID, 0.2)
    assert packets(parcels)[0].code == 3
    assert isinstance(exchange.failure, NotKept)


@pytest.mark.parametrize(
    ("told", "good"), [(b"3", True), (b"0", True), (b"4", False), (b"2", False)]
)
def test_a_file_of_another_size_than_announced_is_not_whole(told, good):
    # Nothing else in TFTP tells that a file was cut short.
    exchange = answered(fetching(), (b"tsize", told), (b"blksize", b"8"))
    exchange.receive(Data(1, b"end").encode(), TID, 0.2)
    assert exchange.complete is good
    assert good or isinstance(exchange.failure, WrongContent)


def test_a_block_that_is_longer_than_agreed_ends_it():
    exchange = answered(fetching(), (b"blksize", b"8"))
    parcels = exchange.receive(Data(1, b"x" * 9).encode(), TID, 0.2)
    assert packets(parcels)[0].code == 4
    assert isinstance(exchange.failure, WrongAnswer)


# Who may speak


def test_T5_strangers_are_told_so_and_change_nothing():
    # RFC 1350, section 4.
    exchange = answered(fetching(), (b"blksize", b"8"))
    stranger = ("192.0.2.1", 50002)
    ((raw, to),) = exchange.receive(Data(1, b"evil").encode(), stranger, 0.2)
    assert (decode(raw).code, to) == (5, stranger)
    assert not exchange.finished
    assert exchange.carried == 0


def test_T5_another_host_cannot_answer_for_the_server():
    exchange = fetching()
    exchange.start(0.0)
    oack = OptionAck(((b"blksize", b"8"),)).encode()
    exchange.receive(oack, ("198.51.100.1", 50001), 0.1)
    assert exchange.machine is None
    assert exchange.receive(Error(0, b"no").encode(), ("198.51.100.1", 69), 0.1) == []
    assert not exchange.finished


def test_T4_strangers_errors_are_not_answered():
    exchange = answered(fetching(), (b"blksize", b"8"))
    assert exchange.receive(Error(5).encode(), ("192.0.2.1", 50002), 0.2) == []


def test_T4_strangers_are_answered_so_often_and_no_more():
    exchange = answered(fetching(), (b"blksize", b"8"))
    raw = Data(1, b"evil").encode()
    said = [exchange.receive(raw, ("192.0.2.1", 2000 + n), 0.2) for n in range(200)]
    assert sum(map(len, said)) == STRAY_ERRORS


def test_a_server_may_answer_from_the_port_that_was_asked():
    exchange = fetching()
    exchange.start(0.0)
    exchange.receive(OptionAck(((b"blksize", b"8"),)).encode(), ASKED, 0.1)
    assert exchange.peer == ASKED


@given(st.lists(st.tuples(st.binary(max_size=20), st.booleans()), max_size=8))
def test_T1_whatever_comes_nothing_is_raised(datagrams):
    for exchange in (fetching(), sending(b"x" * 20)):
        exchange.start(0.0)
        for data, ours in datagrams:
            exchange.receive(data, TID if ours else ("192.0.2.9", 9999), 0.1)


@given(
    st.lists(
        st.one_of(
            st.builds(Data, st.integers(0, 6), st.binary(max_size=9)),
            st.builds(Ack, st.integers(0, 6)),
        ),
        max_size=30,
    )
)
def test_whatever_blocks_come_what_is_kept_is_a_beginning_of_them(blocks):
    landing = Memory()
    exchange = answered(fetching(landing), (b"blksize", b"8"), (b"windowsize", b"4"))
    for block in blocks:
        exchange.receive(block.encode(), TID, 0.2)
    assert exchange.carried <= 9 * len(blocks)


# Ends


def test_who_has_lost_nothing_leaves_at_once():
    exchange = answered(fetching(), (b"blksize", b"8"))
    exchange.receive(Data(1, b"end").encode(), TID, 0.2)
    assert exchange.finished


def test_where_something_was_lost_the_last_ack_is_repeated_for_a_while():
    # RFC 1350, section 6.
    exchange = answered(fetching(), (b"blksize", b"8"))
    exchange.receive(Data(1, b"x" * 8).encode(), TID, 0.2)
    exchange.receive(Data(1, b"x" * 8).encode(), TID, 0.3)
    last = Data(2, b"end").encode()
    exchange.receive(last, TID, 0.4)
    assert exchange.complete
    assert not exchange.finished
    assert packets(exchange.receive(last, TID, 0.9)) == [Ack(2)]
    assert exchange.tick(0.4 + LINGER) == []
    assert exchange.finished
    assert exchange.failure is None


def test_a_server_that_falls_silent_is_given_up():
    exchange = answered(fetching(patience=10.0), (b"blksize", b"8"))
    now = 0.0
    parcels = []
    while not exchange.finished:
        now = exchange.deadline
        parcels = exchange.tick(now)
    assert packets(parcels) == [Error(0, b"nothing came any more")]
    assert 10 <= now <= 10.1 + RTO_MAX
    assert "stopped answering after 0 bytes" in str(exchange.failure)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (100, "stopped answering after 32 bytes; try again"),
        (40, "did not acknowledge the last 8 bytes, and may have the whole file"),
    ],
)
def test_who_sent_everything_is_told_that_the_server_may_have_it(size, words):
    exchange = answered(sending(noise(size)), (b"blksize", b"8"), (b"windowsize", b"4"))
    exchange.receive(Ack(4).encode(), TID, 0.2)
    while not exchange.finished:
        exchange.tick(exchange.deadline)
    assert words in str(exchange.failure)


def test_who_leaves_early_says_so():
    exchange = answered(fetching(), (b"blksize", b"8"))
    ((raw, to),) = exchange.close()
    assert (decode(raw).code, to) == (0, TID)
    assert exchange.close() == []


def test_who_leaves_before_an_answer_has_nobody_to_tell():
    exchange = fetching()
    exchange.start(0.0)
    assert exchange.close() == []

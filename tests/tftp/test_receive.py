"""The receiver's machine: RFC 1350, 1123 (4.2.3.1), 7440, in simulated time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.errors import Exists, Full, NotFound, Refused, Unavailable
from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Ack, Error, OptionAck, decode, refusal
from fastboot.tftp.receive import (
    DALLY,
    DALLY_PAUSE,
    FAREWELLS_MAX,
    LOOK_MAX,
    Farewells,
    Receiver,
)
from fastboot.tftp.transfer import RTO_MAX, UNCONFIRMED_SENDS, Outcome

from .receiving import Kept, ack, data, receiver_of

# One step at a time


def test_granted_options_are_told_first():
    answer = ((b"blksize", b"1024"),)
    receiver = Receiver(Kept(), Negotiated(1024, answer=answer))
    assert receiver.start(0.0) == [OptionAck(answer).encode()]


def test_without_options_block_0_is_acknowledged():
    assert Receiver(Kept(), Negotiated()).start(0.0) == ack(0)


def test_each_block_is_acknowledged_and_the_last_one_ends_it():
    content = Kept()
    receiver = receiver_of(content)
    assert receiver.receive(data(1), 0.1) == ack(1)
    assert receiver.receive(data(2, b"end"), 0.2) == ack(2)
    assert content.data == b"x" * 512 + b"end"
    assert receiver.outcome is Outcome.DONE
    assert receiver.acknowledged == 515
    assert receiver.deadline is None


def test_a_file_of_whole_blocks_ends_with_an_empty_one():
    receiver = receiver_of(Kept())
    receiver.receive(data(1), 0.1)
    assert not receiver.finished
    assert receiver.receive(data(2, b""), 0.2) == ack(2)
    assert receiver.outcome is Outcome.DONE


def test_a_window_is_acknowledged_by_its_last_block():
    # RFC 7440, section 4.
    receiver = receiver_of(Kept(), window=3)
    sent = [receiver.receive(data(n), 0.1) for n in range(1, 7)]
    assert sent == [[], [], ack(3), [], [], ack(6)]


def test_the_last_block_ends_a_window_early():
    receiver = receiver_of(Kept(), window=16)
    assert receiver.receive(data(1), 0.1) == []
    assert receiver.receive(data(2, b"end"), 0.1) == ack(2)


def test_a_gap_is_reported_once_and_the_window_counts_from_there():
    # RFC 7440, section 4: an ACK of the last block in order, at once.
    receiver = receiver_of(Kept(), window=4)
    sent = [receiver.receive(data(n), 0.1) for n in (1, 3, 4)]
    assert sent == [[], ack(1), []]
    sent = [receiver.receive(data(n), 0.2) for n in (2, 3, 4, 5)]
    assert sent == [[], [], [], ack(5)]


def test_a_block_that_is_repeated_is_acknowledged_again_and_not_written_again():
    # Its acknowledgement was lost; a client that stops and waits depends on it.
    content = Kept()
    receiver = receiver_of(content)
    receiver.receive(data(1), 0.1)
    assert receiver.receive(data(1), 0.2) == ack(1)
    assert receiver.receive(data(1), 0.3) == ack(1)
    assert content.data == b"x" * 512
    assert receiver.retransmissions == 2


def test_T7_a_window_that_is_repeated_gets_one_ack():
    receiver = receiver_of(Kept(), window=4)
    for n in (1, 2, 3, 4):
        receiver.receive(data(n), 0.1)
    sent = [receiver.receive(data(n), 0.5) for n in (1, 2, 3, 4, 1, 2, 3, 4)]
    assert [raws for raws in sent if raws] == [ack(4)]


def test_T7_a_late_block_within_a_window_gets_no_ack():
    # It would make the client send a second window with the same blocks.
    receiver = receiver_of(Kept(), window=4)
    for n in (1, 2):
        receiver.receive(data(n), 0.1)
    assert receiver.receive(data(1), 0.2) == []
    assert receiver.receive(data(2), 0.2) == []


@pytest.mark.parametrize("block", [5, 100, 0x7FFF])
def test_a_block_beyond_the_window_is_ignored(block):
    content = Kept()
    receiver = receiver_of(content, window=4)
    assert receiver.receive(data(block), 0.1) == []
    assert content.data == b""


def test_a_block_longer_than_agreed_ends_it():
    # A server that took less than was sent would keep a file with holes.
    receiver = receiver_of(Kept(), blksize=512)
    (answer,) = receiver.receive(data(1, b"x" * 513), 0.1)
    assert decode(answer).code == 4
    assert receiver.outcome is Outcome.ABORTED


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_datagrams_from_the_client_are_survived(raws):
    receiver = receiver_of(Kept(), window=2, blksize=8)
    for raw in raws:
        receiver.receive(raw, 0.1)


def test_T4_an_error_is_never_answered_and_ends_everything():
    receiver = receiver_of(Kept())
    assert receiver.receive(Error(3, b"no\x1b more").encode(), 0.1) == []
    assert receiver.receive(data(1), 0.2) == []
    assert receiver.outcome is Outcome.ABORTED
    assert receiver.reason == "error 3: no\x1b more"


def test_closing_tells_the_client_once():
    receiver = receiver_of(Kept())
    assert receiver.close("going down") == [Error(0, b"going down").encode()]
    assert receiver.close("going down") == []
    assert receiver.outcome is Outcome.CLOSED


# Time


def test_T3_an_address_that_never_answered_gets_one_packet_a_few_times():
    receiver = Receiver(Kept(), Negotiated(timeout=255))
    sent = receiver.start(0.0)
    times = []
    while not receiver.finished:
        times.append(receiver.deadline)
        sent += receiver.tick(receiver.deadline)
    assert (sent, times) == (ack(0) * UNCONFIRMED_SENDS, [1.0, 3.0, 5.0])
    assert receiver.outcome is Outcome.UNANSWERED


def test_a_repeated_request_is_answered_with_the_first_packet():
    receiver = Receiver(Kept(), Negotiated())
    assert receiver.start(0.0) == receiver.repeat(0.2) == ack(0)
    receiver.receive(data(1), 0.3)
    assert receiver.repeat(0.4) == []


def test_the_last_ack_is_repeated_when_nothing_comes_until_patience_ends():
    receiver = receiver_of(Kept(), patience=60)
    receiver.receive(data(1), 0.0)
    gaps, last, sent = [], 0.0, []
    while not receiver.finished:
        gaps.append(receiver.deadline - last)
        last = receiver.deadline
        sent += receiver.tick(last)
    assert gaps[0] == 1.0
    assert max(gaps) == RTO_MAX
    assert set(sent) == set(ack(1))
    assert len(sent) <= 31
    assert receiver.outcome is Outcome.STALLED
    assert 60 <= last <= 60 + RTO_MAX


def test_T10_progress_renews_patience():
    receiver = receiver_of(Kept(), patience=10)
    for n in range(1, 100):
        receiver.receive(data(n), n * 9.0)
    assert not receiver.finished


def test_what_brings_nothing_new_renews_no_patience():
    receiver = receiver_of(Kept(), patience=10)
    receiver.receive(data(1), 0.0)
    now = 0.0
    while not receiver.finished and now < 100:
        now += 0.5
        receiver.receive(data(1), now)
        receiver.tick(now)
    assert now <= 10 + RTO_MAX


def test_a_tick_before_the_deadline_does_nothing():
    receiver = receiver_of(Kept())
    receiver.receive(data(1), 0.0)
    assert receiver.tick(0.999) == []


# The disk


def test_the_last_ack_waits_until_the_file_is_kept():
    content = Kept(quick=False)
    receiver = receiver_of(content)
    assert receiver.receive(data(1, b"end"), 0.1) == []
    assert receiver.receive(data(1, b"end"), 0.2) == []  # the client is impatient
    while receiver.deadline < 1.0:
        assert receiver.tick(receiver.deadline) == []
    content.kept = True
    due = receiver.deadline
    assert due <= 1.0 + LOOK_MAX
    assert receiver.tick(due) == ack(1)
    assert receiver.outcome is Outcome.DONE


def test_a_file_that_is_being_kept_is_kept_though_the_client_leaves():
    content = Kept(quick=False)
    receiver = receiver_of(content)
    receiver.receive(data(1, b"end"), 0.1)
    receiver.receive(Error(0, b"tired of waiting").encode(), 0.2)
    content.kept = True
    receiver.tick(receiver.deadline)
    assert receiver.outcome is Outcome.DONE


def test_a_client_is_held_back_while_the_disk_does_not_keep_up():
    content = Kept()
    receiver = receiver_of(content, window=2)
    content.ready = False
    assert receiver.receive(data(1), 0.1) == []
    assert receiver.receive(data(2), 0.1) == []
    assert receiver.receive(data(3), 0.2) == []  # against the rules, and not taken
    assert receiver.tick(receiver.deadline) == []
    content.ready = True
    assert receiver.tick(receiver.deadline) == ack(2)
    assert content.data == b"x" * 1024


@pytest.mark.parametrize("last", [False, True])
def test_a_full_disk_is_error_3(last):
    content = Kept()
    receiver = receiver_of(content)
    content.problem = Full("the disk is full")
    payload = b"end" if last else b"x" * 512
    (answer,) = receiver.receive(data(1, payload), 0.1)
    assert decode(answer) == Error(3, b"the disk is full")
    assert (receiver.outcome, receiver.reason) == (
        Outcome.UNWRITABLE,
        "the disk is full",
    )


@pytest.mark.parametrize("last", [False, True])
def test_a_disk_that_hangs_ends_it_after_a_while(last):
    content = Kept(quick=False)
    receiver = receiver_of(content, patience=60)
    content.ready = False
    receiver.receive(data(1, b"end" if last else b"x" * 512), 0.0)
    sent = []
    while not receiver.finished:
        due = receiver.deadline
        sent += receiver.tick(due)
    assert due <= 60 + LOOK_MAX
    assert [decode(raw).message for raw in sent] == [b"the disk does not answer"]


@pytest.mark.parametrize(
    ("problem", "code"),
    [(Full, 3), (Exists, 6), (NotFound, 1), (Refused, 2), (Unavailable, 0)],
)
def test_each_problem_has_its_code(problem, code):
    assert refusal(problem("words")) == Error(code, b"words")


# The last ACK, remembered


def test_a_last_ack_is_repeated_for_a_while_and_not_too_often():
    farewells = Farewells()
    farewells.remember("one", Ack(9), 0.0)
    assert farewells.answer("one", data(9, b""), DALLY_PAUSE) == Ack(9)
    assert farewells.answer("one", data(9, b""), 1.5 * DALLY_PAUSE) is None
    assert farewells.answer("one", data(9, b""), DALLY - 0.01) == Ack(9)
    assert farewells.answer("one", data(9, b""), DALLY) is None


@pytest.mark.parametrize(
    "raw", [b"", b"\0", b"\0\4\0\1", b"\0\5\0\0\0", b"\0\6a\x001\0"]
)
def test_nothing_but_data_brings_a_last_ack(raw):
    farewells = Farewells()
    farewells.remember("one", Ack(9), 0.0)
    assert farewells.answer("one", raw, 1.0) is None


def test_a_stranger_gets_no_last_ack():
    farewells = Farewells()
    farewells.remember("one", Ack(9), 0.0)
    assert farewells.answer("other", data(9, b""), 1.0) is None


def test_last_acks_are_bounded():
    farewells = Farewells()
    for n in range(FAREWELLS_MAX + 10):
        farewells.remember(n, Ack(9), 0.0)
    answered = [
        n for n in range(FAREWELLS_MAX + 10) if farewells.answer(n, data(9), 1.0)
    ]
    assert answered == list(range(10, FAREWELLS_MAX + 10))

"""The sender's machine: RFC 1350, 1123 (4.2.3), 2349, 7440, in simulated time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.errors import ContentChanged
from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Data, Error, OptionAck, decode
from fastboot.tftp.transfer import (
    RTO_FIRST,
    RTO_MAX,
    RTO_MIN,
    UNCONFIRMED_SENDS,
    Outcome,
    Sender,
    Terms,
)
from wire import LATENCY, Reader, Wire

from .sending import ack, blocks_in, content, sender_of

# One step at a time


def test_options_are_acknowledged_before_any_data():
    sender = sender_of(b"x" * 1000)
    assert sender.start(0.0) == [OptionAck(((b"blksize", b"512"),)).encode()]
    assert sender.receive(ack(0), 0.1) == [Data(1, b"x" * 512).encode()]
    assert sender.receive(ack(1), 0.2) == [Data(2, b"x" * 488).encode()]
    assert sender.receive(ack(2), 0.3) == []
    assert sender.outcome is Outcome.DONE
    assert sender.acknowledged == 1000
    assert sender.deadline is None


def test_without_options_the_first_block_goes_out_at_once():
    sender = sender_of(b"", oack=False)
    assert sender.start(0.0) == [Data(1, b"").encode()]
    sender.receive(ack(1), 0.1)
    assert sender.outcome is Outcome.DONE


def test_a_window_is_sent_whole_and_then_nothing():
    sender = sender_of(content(512 * 10), window=4)
    sender.start(0.0)
    assert blocks_in(sender.receive(ack(0), 0.1)) == [1, 2, 3, 4]
    assert blocks_in(sender.receive(ack(4), 0.2)) == [5, 6, 7, 8]
    assert blocks_in(sender.receive(ack(8), 0.3)) == [9, 10, 11]


def test_an_ack_within_a_window_starts_a_full_new_one_there():
    # RFC 7440, section 4: both sides count anew from the block acknowledged.
    sender = sender_of(content(512 * 20), window=4)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    assert blocks_in(sender.receive(ack(2), 0.2)) == [3, 4, 5, 6]
    assert sender.retransmissions == 2


def test_T7_a_repeated_ack_never_repeats_a_window_of_one():
    sender = sender_of(content(5000))
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    sender.receive(ack(1), 0.2)
    for step in range(50):
        assert sender.receive(ack(1), 0.3 + step) == []


def test_T7_a_repeated_ack_repeats_a_larger_window_once_and_after_a_round_trip():
    sender = sender_of(content(512 * 20), window=4)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)  # the round trip takes 0.1 s
    assert sender.receive(ack(0), 0.11) == []  # a duplicate on the way
    assert blocks_in(sender.receive(ack(0), 0.3)) == [1, 2, 3, 4]  # block 1 was lost
    assert sender.receive(ack(0), 0.31) == []
    assert sender.receive(ack(0), 0.9) == []


@pytest.mark.parametrize("wire", [5, 6, 100, 0xFFFF, 0x8000])
def test_an_ack_of_what_was_never_sent_is_ignored(wire):
    sender = sender_of(content(512 * 20), window=4)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    before = sender.deadline
    assert sender.receive(ack(wire), 0.2) == []
    assert sender.deadline == before


def test_an_ack_from_an_older_window_is_ignored_and_puts_no_timer_off():
    sender = sender_of(content(512 * 20), window=4)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    sender.receive(ack(4), 0.2)
    before = sender.deadline
    assert sender.receive(ack(2), 0.25) == []
    assert sender.receive(ack(4), 0.25) == []
    assert sender.deadline == before


@given(st.binary(max_size=40))
def test_any_datagram_from_the_client_is_survived(raw):
    sender = sender_of(content(2000), window=2)
    sender.start(0.0)
    sender.receive(raw, 0.1)
    sender.receive(ack(0), 0.2)
    sender.receive(raw, 0.3)


# Time


def test_the_oack_is_sent_again_after_a_second_then_two_and_then_given_up():
    sender = sender_of(b"x")
    sender.start(0.0)
    times = []
    while not sender.finished:
        times.append(sender.deadline)
        sender.tick(sender.deadline)
    assert times == [1.0, 3.0, 5.0]
    assert sender.outcome is Outcome.UNANSWERED


@pytest.mark.parametrize("oack", [True, False])
def test_T3_an_address_that_never_answered_gets_one_packet_a_few_times(oack):
    sender = sender_of(content(10**6), window=64, oack=oack, timeout=255)
    packets = sender.start(0.0)
    while not sender.finished:
        packets += sender.tick(sender.deadline)
    assert len(packets) == UNCONFIRMED_SENDS
    assert sum(map(len, packets)) <= UNCONFIRMED_SENDS * 516


def test_a_repeated_request_is_answered_with_the_first_packet():
    sender = sender_of(b"x")
    first = sender.start(0.0)
    assert sender.repeat(0.2) == first
    sender.receive(ack(0), 0.3)
    assert sender.repeat(0.4) == []


def test_a_tick_before_the_deadline_does_nothing():
    sender = sender_of(b"x")
    sender.start(0.0)
    assert sender.tick(0.999) == []


def test_the_time_out_doubles_up_to_its_bound_until_patience_ends():
    sender = sender_of(content(5000), patience=60)
    sender.start(0.0)
    sender.receive(ack(0), 0.05)
    gaps, last = [], 0.05
    while not sender.finished:
        gaps.append(sender.deadline - last)
        last = sender.deadline
        sender.tick(last)
    assert gaps[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6])  # 50 ms round trip, RTO_MIN
    assert max(gaps) == pytest.approx(RTO_MAX)
    assert sender.outcome is Outcome.STALLED
    assert 60 <= last <= 60.05 + RTO_MAX


def test_progress_renews_patience():
    # An absolute limit would end slow transfers that do go on.
    sender = sender_of(content(512 * 100), patience=10)
    now = 0.0
    sender.start(now)
    for block in range(100):
        now += 9.0
        sender.receive(ack(block), now)
        assert not sender.finished
    sender.receive(ack(100), now + 9)
    sender.receive(ack(101), now + 18)
    assert sender.outcome is Outcome.DONE


def test_T3_a_window_in_vain_is_followed_by_its_last_block_then_by_less_and_less():
    sender = sender_of(content(512 * 50), window=8)
    sender.start(0.0)
    assert blocks_in(sender.receive(ack(0), 0.1)) == [1, 2, 3, 4, 5, 6, 7, 8]
    again = [blocks_in(sender.tick(sender.deadline)) for _ in range(7)]
    counts = (8, 4, 2, 1, 1, 1)
    assert again == [[8], *(list(range(1, n + 1)) for n in counts)]
    assert sender.retransmissions == sum(map(len, again))
    # Progress means that whole windows get through once more.
    assert blocks_in(sender.receive(ack(1), 9.0)) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert blocks_in(sender.tick(sender.deadline)) == [9]


@pytest.mark.parametrize("blocks", [1, 2, 8, 16])
def test_the_last_block_of_a_window_is_that_of_a_file_that_is_shorter(blocks):
    sender = sender_of(content(512 * blocks - 1), window=16)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    assert blocks_in(sender.tick(sender.deadline)) == [blocks]


def test_what_comes_for_the_last_block_of_a_lost_window_is_acted_on_at_once():
    # One block takes less time than the windows did that were measured.
    sender = sender_of(content(512 * 50), window=8)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    now = sender.deadline
    assert blocks_in(sender.tick(now)) == [8]
    assert blocks_in(sender.receive(ack(0), now + 0.001)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_last_block_sent_alone_is_not_measured():
    # Karn: nobody knows whether it was acknowledged or the window was.
    sender = sender_of(content(512 * 50), window=8)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    sender.tick(sender.deadline)
    sender.receive(ack(8), 30.0)
    assert sender.deadline - 30.0 <= 0.4


@pytest.mark.parametrize("style", ["once", "every"])
@pytest.mark.parametrize("window", [4, 16])
def test_a_window_whose_tail_was_lost_costs_no_second_time_out(window, style):
    data = content(512 * 40)
    quiet = Wire(sender_of(data, window=window), Reader(window=window)).run()
    for lost in range(1, window + 1):  # this many of the first window, from its end
        reader = Reader(window=window, style=style)
        fates = {2 + window - n: "lose" for n in range(1, lost + 1)}
        wire = Wire(sender_of(data, window=window), reader, fates)
        assert wire.run() <= quiet + RTO_MIN + 8 * LATENCY, f"{lost} lost"
        assert b"".join(reader.payload) == data


@pytest.mark.parametrize("style", ["once", "every"])
@pytest.mark.parametrize("window", [4, 16])
def test_T7_a_lost_ack_costs_one_block(window, style):
    data = content(512 * 40)
    plain = Wire(sender_of(data, window=window), Reader(window=window))
    plain.run()
    lost = 2 + window  # the ACK of the first window
    reader = Reader(window=window, style=style)
    wire = Wire(sender_of(data, window=window), reader, {lost: "lose"})
    wire.run()
    assert b"".join(reader.payload) == data
    assert len(wire.sent) == len(plain.sent) + 1


def test_a_retransmitted_window_is_not_measured():
    # Karn: nobody knows which of the two was acknowledged.
    sender = sender_of(content(5000))
    sender.start(0.0)
    sender.tick(1.0)
    sender.receive(ack(0), 1.0001)
    assert sender.deadline == pytest.approx(1.0001 + RTO_FIRST)


def test_a_timeout_that_was_asked_for_is_the_longest():
    sender = sender_of(content(5000), timeout=3)
    sender.start(0.0)
    sender.receive(ack(0), 1.0)
    gaps, last = [], 1.0
    while not sender.finished:
        gaps.append(sender.deadline - last)
        last = sender.deadline
        sender.tick(last)
    assert max(gaps) == 3


def test_T3_a_timeout_below_a_second_makes_no_more_packets_than_one_of_a_second():
    sender = sender_of(content(5000), timeout=0.01)
    sender.start(0.0)
    sender.receive(ack(0), 0.001)
    sent = 0
    while not sender.finished:
        sent += len(sender.tick(sender.deadline))
    assert sent <= 60 + 3


# The end


@pytest.mark.parametrize("code", [0, 8])
def test_a_client_that_leaves_with_the_size_was_no_failure(code):
    # edk2 leaves with 8, iPXE and PXE ROMs with 0, and come back for the file.
    sender = sender_of(b"x" * 1000, probe=True)
    sender.start(0.0)
    assert sender.receive(Error(code, b"User aborted").encode(), 0.1) == []
    assert sender.outcome is Outcome.PROBED


def test_a_client_may_also_leave_with_the_size_after_the_first_block():
    sender = sender_of(b"x" * 1000, probe=True)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    sender.receive(Error(0, b"").encode(), 0.2)
    assert sender.outcome is Outcome.PROBED


def test_an_error_in_the_middle_is_an_abort():
    sender = sender_of(b"x" * 1000, probe=True)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    sender.receive(ack(1), 0.2)
    assert sender.receive(Error(3, b"disk full").encode(), 0.3) == []
    assert (sender.outcome, sender.reason) == (Outcome.ABORTED, "error 3: disk full")


def test_T4_an_error_is_never_answered_and_ends_everything():
    sender = sender_of(b"x" * 1000)
    sender.start(0.0)
    assert sender.receive(Error(0, b"").encode(), 0.1) == []
    assert sender.receive(Error(0, b"").encode(), 0.2) == []
    assert sender.receive(ack(0), 0.3) == []
    assert sender.deadline is None


def test_closing_tells_the_client_once():
    sender = sender_of(b"x" * 1000)
    sender.start(0.0)
    assert sender.close("going down") == [Error(0, b"going down").encode()]
    assert sender.close("going down") == []
    assert sender.reason == "going down"


class ShrinkingBlocks:
    def __init__(self, good):
        self.good = good

    def window(self, first, count):
        if first > self.good:
            raise ContentChanged("cut short")
        return [b"x" * 512] * count


def test_F1_a_file_that_shrinks_ends_its_transfer_with_an_error():
    negotiated = Negotiated(answer=((b"blksize", b"512"),))
    sender = Sender(ShrinkingBlocks(2), Terms(negotiated, 5000))
    sender.start(0.0)
    for block in (0, 1):
        sender.receive(ack(block), 0.1)
    (answer,) = sender.receive(ack(2), 0.2)
    assert isinstance(decode(answer), Error)
    assert (sender.outcome, sender.reason) == (Outcome.UNREADABLE, "cut short")

"""Whole transfers of the sender's machine, over a wire that loses, doubles and delays."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Ack, decode
from fastboot.tftp.transfer import Outcome, Sender, Terms
from wire import LATENCY, Reader, Wire

from .sending import ack, blocks_in, content, sender_of


@pytest.mark.parametrize("oack", [True, False])
@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 5000, 512 * 9])
def test_a_file_of_any_size_arrives_whole(size, oack):
    reader = Reader(oack=oack)
    wire = Wire(sender_of(content(size), oack=oack), reader)
    wire.run()
    assert b"".join(reader.payload) == content(size)
    assert wire.sender.outcome is Outcome.DONE


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 7, 64])
def test_T9_block_numbers_go_on_at_zero_after_65535(window):
    size = 8 * 65536 * 2 + 5
    reader = Reader(8, window)
    wire = Wire(sender_of(content(size), blksize=8, window=window), reader)
    wire.run(until=10_000)
    assert b"".join(reader.payload) == content(size)
    assert wire.sender.outcome is Outcome.DONE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("window", "loss"), [(1, 0.001), (7, 0.001), (64, 0.001), (32767, 0.0)]
)
def test_T9_block_numbers_go_on_at_one_where_that_was_negotiated(window, loss):
    rng = random.Random(window)
    data = content(8 * 65536 * 2 + 5)
    reader = Reader(8, window, rollover=1)
    sender = sender_of(data, blksize=8, window=window, rollover=1)
    wire = Wire(sender, reader, fate=lambda n: rng.random() < loss and n > 1 and "lose")
    wire.run(until=10_000)
    assert b"".join(reader.payload) == data
    numbers = [decode(packet).block for packet in wire.sent[1:]]
    assert set(numbers) == set(range(1, 65536))


@pytest.mark.parametrize("rollover", [0, 1])
def test_T9_what_follows_65535_is_what_was_negotiated(rollover):
    sender = sender_of(content(8 * 70_000), blksize=8, window=8, rollover=rollover)
    sender.start(0.0)
    for block in range(0, 65529, 8):
        packets = sender.receive(ack(block), 0.001 * block)
    after = [rollover, rollover + 1, rollover + 2]
    assert blocks_in(packets) == [65529, *range(65530, 65536), rollover]
    assert blocks_in(sender.receive(ack(rollover), 98.0))[:2] == after[1:]
    assert sender.receive(ack(65535), 99.0) == []  # late
    assert (
        sender.receive(ack(0 if rollover else 0x8000), 99.0) == []
    )  # no block of ours


def test_with_msftwindow_each_ack_says_how_many_blocks_follow():
    sender = sender_of(content(512 * 50), window=4, msftwindow=True)
    sender.start(0.0)
    assert blocks_in(sender.receive(ack(0), 0.1)) == [1, 2, 3, 4]
    assert blocks_in(sender.receive(Ack(4, 2).encode(), 0.2)) == [5, 6]
    assert blocks_in(sender.receive(Ack(6, 5).encode(), 0.3)) == [7, 8, 9, 10, 11]
    assert len(sender.receive(Ack(11).encode(), 0.4)) == 5  # it does not say: as before


def test_a_longer_ack_means_nothing_where_msftwindow_was_not_negotiated():
    sender = sender_of(content(512 * 50), window=4)
    sender.start(0.0)
    sender.receive(ack(0), 0.1)
    assert blocks_in(sender.receive(Ack(4, 2).encode(), 0.2)) == [5, 6, 7, 8]


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_file_arrives_through_windows_of_changing_size(loss):
    rng = random.Random(9)
    data = content(512 * 300 + 7)
    reader = Reader(window=4, wishes=(1, 9, 3, 255, 30))
    sender = sender_of(data, window=4, msftwindow=True)
    wire = Wire(sender, reader, fate=lambda n: rng.random() < loss and n > 1 and "lose")
    wire.run(until=1000)
    assert b"".join(reader.payload) == data
    assert sender.outcome is Outcome.DONE or loss


def test_T9_blocks_count_past_four_gibibytes():
    # 64-bit block numbers inside, 16 on the wire: no file is too large.
    size = 5 << 30

    class Sparse:
        def window(self, first, count):
            left = size - (first - 1) * 65464
            return [bytes(min(65464, max(0, left - n * 65464))) for n in range(count)]

    negotiated = Negotiated(65464, answer=((b"blksize", b"65464"),))
    sender = Sender(Sparse(), Terms(negotiated, size))
    sender.start(0.0)
    block = 0
    while not sender.finished:
        sender.receive(ack(block), 0.001 * block)
        block += 1
    assert sender.outcome is Outcome.DONE
    assert block == size // 65464 + 2


FAULTS = ("lose", "duplicate", "delay")
SIZE = 512 * 6 + 100


def count_datagrams(window, style):
    reader = Reader(window=window, style=style)
    wire = Wire(sender_of(content(SIZE), window=window), reader)
    seen = []
    wire.fate = seen.append
    wire.run()
    return len(seen)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("style", ["once", "every", "silent"])
@pytest.mark.parametrize("window", [1, 3, 4, 16])
def test_the_file_arrives_whichever_datagram_is_lost_doubled_or_late(
    window, style, fault
):
    for n in range(count_datagrams(window, style)):
        reader = Reader(window=window, style=style)
        wire = Wire(sender_of(content(SIZE), window=window), reader, {n: fault})
        wire.run()
        assert b"".join(reader.payload) == content(SIZE), f"datagram {n}"
        assert reader.error is None, f"datagram {n}"
        last_ack_lost = wire.sender.outcome is None
        assert last_ack_lost or wire.sender.outcome is Outcome.DONE, f"datagram {n}"


def test_a_lost_last_ack_is_made_good_by_the_reader_that_dallies():
    reader = Reader()
    lost = count_datagrams(1, "once") - 1
    wire = Wire(sender_of(content(SIZE)), reader, {lost: "lose"})
    wire.run()
    while not wire.sender.finished:
        (data,) = wire.sender.tick(wire.sender.deadline)
        (answer,) = reader.receive(data, 0.0)
        wire.sender.receive(answer, 100.0)
    assert wire.sender.outcome is Outcome.DONE


@pytest.mark.parametrize("window", [2, 4, 16])
def test_a_reported_gap_is_made_good_without_waiting_for_a_timer(window):
    data = content(512 * 40)
    quiet = Wire(sender_of(data, window=window), Reader(window=window)).run()
    for n in range(2, 2 + window - 1):  # after OACK and ACK; not the window's last
        reader = Reader(window=window)
        wire = Wire(sender_of(data, window=window), reader, {n: "lose"})
        assert wire.run() <= quiet + 4 * LATENCY, f"datagram {n}"


def test_T7_doubled_acks_make_no_more_data():
    for window in (1, 4, 16):
        data = content(512 * 200)
        plain = Wire(sender_of(data, window=window), Reader(window=window))
        plain.run()

        class Doubling(Reader):
            def receive(self, raw, now):
                return [a for a in super().receive(raw, now) for _ in range(2)]

        doubled = Wire(sender_of(data, window=window), Doubling(window=window))
        doubled.run()
        assert len(doubled.sent) <= 1.05 * len(plain.sent), window


@pytest.mark.parametrize("style", ["once", "every", "silent"])
@pytest.mark.parametrize("window", [1, 4, 16])
@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2])
def test_a_lossy_wire_only_takes_longer(window, style, loss):
    rng = random.Random(f"{window} {style} {loss}")

    def fate(n):
        return "lose" if n > 1 and rng.random() < loss else None

    data = content(512 * 200)
    reader = Reader(window=window, style=style)
    wire = Wire(sender_of(data, window=window), reader, fate=fate)
    wire.run(until=3600)
    assert b"".join(reader.payload) == data


@given(st.data())
def test_whatever_the_wire_does_the_reader_never_gets_wrong_bytes(data):
    window = data.draw(st.sampled_from([1, 2, 5]))
    fates = data.draw(
        st.dictionaries(st.integers(0, 40), st.sampled_from(FAULTS), max_size=12)
    )
    expected = content(512 * 8 + 7)
    reader = Reader(window=window, style=data.draw(st.sampled_from(["once", "every"])))
    wire = Wire(sender_of(expected, window=window), reader, fates)
    wire.run(until=300)
    got = b"".join(reader.payload)
    assert expected.startswith(got)
    if reader.done:
        assert got == expected

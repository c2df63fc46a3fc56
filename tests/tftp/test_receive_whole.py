"""Whole transfers to the receiver's machine, over a wire that loses, doubles and delays."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.tftp.options import Negotiated
from fastboot.tftp.receive import Farewells, Receiver
from fastboot.tftp.transfer import Outcome
from wire import LATENCY, Wire, Writer

from .receiving import Kept, data, noise, receiver_of

# Whole transfers


class Dallying:
    """A receiver, and what remembers its last ACK, as the engine joins them."""

    def __init__(self, receiver, writer):
        self.receiver = receiver
        self.writer = writer
        self.farewells = Farewells()
        self.until = None

    @property
    def finished(self):
        over = self.receiver.outcome not in (None, Outcome.DONE)
        return over or (self.receiver.finished and self.writer.done)

    @property
    def deadline(self):
        return self.receiver.deadline

    def start(self, now):
        return self.receiver.start(now)

    def receive(self, raw, now):
        if self.receiver.finished:
            answer = self.farewells.answer("line", raw, now)
            return [answer.encode()] if answer else []
        return self._after(self.receiver.receive(raw, now), now)

    def tick(self, now):
        return self._after(self.receiver.tick(now), now)

    def _after(self, packets, now):
        if self.receiver.outcome is Outcome.DONE:
            self.farewells.remember("line", self.receiver.last_ack, now)
        return packets


def transfer(
    data, faults=None, *, blksize=512, window=1, oack=True, fate=None, **kinds
):
    """A file sent over a wire with faults: the writer, the content, the wire."""
    content = Kept()
    answer = ((b"blksize", b"%d" % blksize),) if oack else ()
    receiver = Receiver(content, Negotiated(blksize, window, None, answer))
    writer = Writer(data, blksize, window, **kinds)
    wire = Wire(Dallying(receiver, writer), writer, faults, fate=fate)
    return content, writer, wire


@pytest.mark.parametrize("oack", [True, False])
@pytest.mark.parametrize("window", [1, 2, 64])
@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 5000, 512 * 9])
def test_a_file_of_any_size_arrives_whole(size, window, oack):
    content, writer, wire = transfer(noise(size), window=window, oack=oack)
    wire.run()
    assert content.data == noise(size)
    assert content.kept
    assert writer.done


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 7, 64])
def test_T9_block_numbers_go_on_at_zero_after_65535(window):
    size = 8 * 65536 * 2 + 5
    content = Kept()
    pieces = []
    content.write = pieces.append
    receiver = Receiver(content, Negotiated(8, window))
    writer = Writer(noise(size), 8, window)
    Wire(Dallying(receiver, writer), writer).run(until=10_000)
    assert b"".join(pieces) == noise(size)
    assert writer.done


FAULTS = ("lose", "duplicate", "delay")
SIZE = 512 * 6 + 100


def count_datagrams(**kinds):
    seen = []
    _, _, wire = transfer(noise(SIZE), fate=seen.append, **kinds)
    wire.run()
    return len(seen)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("oack", [True, False])
@pytest.mark.parametrize(
    ("window", "style"),
    [(1, "strict"), (1, "eager"), (3, "strict"), (4, "strict"), (16, "strict")],
)
def test_the_file_arrives_whichever_datagram_is_lost_doubled_or_late(
    window, style, oack, fault
):
    kinds = {"window": window, "style": style, "oack": oack}
    for n in range(count_datagrams(**kinds)):
        content, writer, wire = transfer(noise(SIZE), {n: fault}, **kinds)
        wire.run()
        assert content.data == noise(SIZE), f"datagram {n}"
        assert writer.done, f"datagram {n}"
        assert writer.error is None, f"datagram {n}"


def test_a_lost_last_ack_is_made_good_by_dallying():
    # RFC 1350, section 6.
    lost = count_datagrams() - 1
    content, writer, wire = transfer(noise(SIZE), {lost: "lose"})
    wire.run()
    assert content.kept
    assert writer.done


@pytest.mark.parametrize("window", [3, 4, 16])
def test_a_gap_is_made_good_without_waiting_for_a_timer(window):
    _, _, wire = transfer(noise(512 * 40), window=window)
    quiet = wire.run()
    for n in range(2, window):  # the first window's blocks but its first and last
        content, _, wire = transfer(noise(512 * 40), {n: "lose"}, window=window)
        assert wire.run() <= quiet + 4 * LATENCY, f"datagram {n}"
        assert content.kept


@pytest.mark.parametrize("window", [1, 4, 16])
def test_T7_doubled_blocks_make_no_storm(window):
    plain = transfer(noise(512 * 200), window=window)
    plain[2].run()

    class Doubling(Writer):
        def receive(self, raw, now):
            return [b for b in super().receive(raw, now) for _ in range(2)]

    content = Kept()
    writer = Doubling(noise(512 * 200), 512, window)
    receiver = Receiver(content, Negotiated(512, window))
    wire = Wire(Dallying(receiver, writer), writer)
    wire.run()
    assert content.data == noise(512 * 200)
    assert len(writer.sent) <= 1.05 * len(plain[1].sent)
    # Stop and wait owes each block an answer; a window gets one and its repetition.
    assert len(wire.sent) <= 2 * len(plain[2].sent) + 2


@pytest.mark.parametrize("window", [1, 4, 16])
@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2])
def test_a_lossy_wire_only_takes_longer(window, loss):
    rng = random.Random(f"{window} {loss}")

    def fate(n):
        return "lose" if n > 1 and rng.random() < loss else None

    content, writer, wire = transfer(noise(512 * 200), window=window, fate=fate)
    wire.run(until=3600)
    assert content.data == noise(512 * 200)
    assert writer.done or content.kept


@given(st.data())
def test_whatever_the_wire_does_no_wrong_byte_is_kept(data):
    window = data.draw(st.sampled_from([1, 2, 5]))
    style = data.draw(st.sampled_from(["strict", "eager"]))
    fates = data.draw(
        st.dictionaries(st.integers(0, 40), st.sampled_from(FAULTS), max_size=12)
    )
    expected = noise(512 * 8 + 7)
    content, _, wire = transfer(expected, fates, window=window, style=style)
    wire.run(until=300)
    assert expected.startswith(content.data)
    if content.kept:
        assert content.data == expected


# Netascii


@pytest.mark.parametrize("blksize", [8, 9, 10, 11, 12, 13])
def test_T11_line_ends_are_converted_across_the_borders_of_blocks(blksize):
    content = Kept()
    wired = b"one\r\ntwo\r\0three\r\n\r\n\r\0\r\0\r"
    receiver = receiver_of(content, blksize=blksize, netascii=True)
    for n in range(len(wired) // blksize + 1):
        receiver.receive(data(n + 1, wired[n * blksize : (n + 1) * blksize]), 0.1)
    assert content.data == b"one\ntwo\rthree\n\n\r\r\r"
    assert content.kept

"""The sender's twins: the same datagrams, byte for byte, whatever happens to them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot._ext import twin
from fastboot.errors import ContentChanged
from fastboot.tftp import transfer
from fastboot.tftp.blocks import NetasciiBlocks, OctetBlocks
from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Ack, Error
from fastboot.tftp.transfer import Terms
from fastboot.tree import Blob
from wire import Reader, Wire

compiled = twin("tftp_transfer")
pytestmark = [
    pytest.mark.ext,
    pytest.mark.skipif(compiled is None, reason="the compiled parts are not built"),
]

sizes = st.one_of(st.integers(0, 40), st.sampled_from([64, 128, 640, 5000]))


@st.composite
def terms_and_blocks(draw):
    """What both are made of; blksize 8, so that few bytes are many blocks."""
    data = random.Random(7).randbytes(draw(sizes)) + draw(st.binary(max_size=9))
    window = draw(st.sampled_from([1, 2, 4, 64]))
    answer = draw(st.sampled_from([(), ((b"blksize", b"8"),)]))
    timeout = draw(st.sampled_from([None, 1, 5, 255]))
    negotiated = Negotiated(8, window, timeout, answer, draw(st.booleans()))
    terms = Terms(negotiated, len(data), draw(st.sampled_from([5.0, 60.0])))
    kind = draw(st.sampled_from([OctetBlocks, NetasciiBlocks]))
    return terms, lambda: kind(Blob.from_bytes(data), 8)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("ack"), st.integers(-3, 70)),
        st.tuples(st.just("raw"), st.binary(max_size=12)),
        st.tuples(st.just("error"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.floats(0, 9)),
        st.tuples(st.just("deadline"), st.just(0)),
        st.tuples(st.just("repeat"), st.just(0)),
        st.tuples(st.just("close"), st.just(0)),
    ),
    max_size=60,
)


def state(sender):
    """All that shows of a sender."""
    return (
        sender.outcome,
        sender.reason,
        sender.finished,
        sender.confirmed,
        sender.acknowledged,
        sender.retransmissions,
        sender.deadline,
    )


class Pair:
    """Both twins, told the same."""

    def __init__(self, terms, blocks):
        self.py = transfer.Sender(blocks(), terms)
        self.ext = compiled.Sender(blocks(), terms)
        self.now = 0.0
        self.last = 0

    def both(self, method, *arguments):
        mine = getattr(self.py, method)(*arguments)
        theirs = getattr(self.ext, method)(*arguments)
        assert mine == theirs
        assert state(self.py) == state(self.ext)
        for packet in mine:
            if packet[1] == 3:
                self.last = int.from_bytes(packet[2:4])

    def step(self, kind, value):
        match kind:
            case "ack":
                number = (self.last - value) & 0xFFFF
                self.both("receive", Ack(number).encode(), self.now)
            case "raw":
                self.both("receive", value, self.now)
            case "error":
                self.both("receive", Error(value, b"words").encode(), self.now)
            case "wait":
                self.now += value
                self.both("tick", self.now)
            case "deadline" if self.py.deadline is not None:
                self.now = max(self.now, self.py.deadline)
                self.both("tick", self.now)
            case "repeat":
                self.both("repeat", self.now)
            case "close":
                self.both("close", "going down")


@given(terms_and_blocks(), steps)
def test_the_twins_send_the_same_in_every_history(made, steps):
    pair = Pair(*made)
    pair.both("start", 0.0)
    for step in steps:
        pair.now += 0.003
        pair.step(*step)


class Failing:
    def __init__(self, good):
        self.good = good

    def window(self, first, count):
        if first > self.good:
            raise ContentChanged("cut short")
        return [b"x" * 8] * count


def test_the_twins_end_the_same_when_a_file_cannot_be_read():
    terms = Terms(Negotiated(8, 2, answer=((b"blksize", b"8"),)), 100)
    pair = Pair(terms, lambda: Failing(2))
    pair.both("start", 0.0)
    pair.both("receive", Ack(0).encode(), 0.1)
    pair.both("receive", Ack(2).encode(), 0.2)
    assert pair.py.outcome is transfer.Outcome.UNREADABLE


def losing(loss, rng):
    """A fate for each datagram but the first two."""
    return lambda n: "lose" if n > 1 and rng.random() < loss else None


@pytest.mark.parametrize("style", ["once", "every", "silent"])
@pytest.mark.parametrize("window", [1, 4, 16])
@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2])
def test_the_twins_talk_the_same_over_a_wire_that_loses(window, style, loss):
    data = random.Random(5).randbytes(8 * 300 + 3)
    sent = []
    for kind in (transfer.Sender, compiled.Sender):
        answer = ((b"blksize", b"8"),)
        sender = kind(
            OctetBlocks(Blob.from_bytes(data), 8),
            Terms(Negotiated(8, window, answer=answer), len(data)),
        )
        reader = Reader(8, window, style=style)
        wire = Wire(
            sender,
            reader,
            fate=losing(loss, random.Random(11)),
        )
        wire.run(until=3600)
        assert b"".join(reader.payload) == data
        sent.append(wire.sent)
    assert sent[0] == sent[1]

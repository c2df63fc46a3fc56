"""Files that clients got, told at once: nobody who is told so knows less."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot import events, seen
from fastboot.batch import Answers, Batch, Both, finished, tell, tell_answers
from fastboot.report import SMALL, SMALL_MAX, Report, text_line
from fastboot.timeline.door import NEW_AT_ONCE
from fastboot.timeline.reader import Timeline

NOW = 1000.0


@dataclass(frozen=True)
class Wanted:
    """What was asked for, with all that is known of it."""

    name: str
    size: int = 1000
    oack: bytes = b"\0\6tsize\0" + b"1000\0"
    door: int = 69
    local: str = "192.0.2.2"

    @property
    def request(self):
        return b"\0\1" + self.name.encode() + b"\0octet\0"


def row(client="192.0.2.7", name="file", **kinds):
    return (client, 1024, 9, 0.25, 1, Wanted(name, **kinds))


def batch(*rows):
    return Batch(rows, {9: 5000}.__getitem__)


def timeline():
    return Timeline(lambda: NOW, lambda: NOW)


def state(line):
    """All that a timeline knows, but for the versions of what changed."""
    known = []
    for key, record in line.records(10_000):
        steps = [(s.kind, s.text, s.count, s.size, s.seconds) for s in record.steps]
        known.append((key, record.address, steps, line.packets(key)))
    return known, line.cost


# Told, one by one


def test_each_is_an_event_with_its_own_facts():
    one, other = row(), row("192.0.2.8", "other", size=5)
    assert list(batch(one, other)) == [
        events.Finished("tftp", "192.0.2.7", "file", 1000, 0.25, 1),
        events.Finished("tftp", "192.0.2.8", "other", 5, 0.25, 1),
    ]


def test_its_packets_are_the_question_and_the_first_answer():
    one = row()
    peer, wanted = ("192.0.2.7", 1024), one[5]
    assert batch(one).packets(one) == (
        seen.Packet("", peer, ("192.0.2.2", 69), True, wanted.request),
        seen.Packet("", peer, ("192.0.2.2", 5000), False, wanted.oack),
    )


def test_where_the_first_answer_is_the_file_the_question_is_the_only_packet():
    one = row(oack=b"")
    (packet,) = batch(one).packets(one)
    assert packet.inbound


def test_who_takes_single_events_is_told_each():
    told = []
    tell(told.append, batch(row(), row(name="b")))
    assert [event.name for event in told] == ["file", "b"]


def test_of_two_readers_each_is_told_as_it_takes_it():
    many, single = timeline(), []
    both = Both(many, single.append)
    both.many(batch(row(), row()))
    both(finished(row()))
    assert len(single) == 3
    _, record = many.record("192.0.2.7")
    assert [step.count for step in record.steps] == [3]


# The timeline

CLIENTS = st.integers(1, 6).map(lambda n: f"192.0.2.{n}")
ROWS = st.lists(
    st.builds(
        row,
        CLIENTS,
        st.sampled_from("abc"),
        oack=st.sampled_from([b"", b"\0\6"]),
        size=st.integers(0, 5000),
    ),
    max_size=80,
)


@given(ROWS, st.booleans())
def test_a_timeline_told_at_once_knows_what_one_told_singly_does(rows, mac_is_known):
    at_once, singly = timeline(), timeline()
    for line in (at_once, singly) if mac_is_known else ():
        line(seen.Asked("52:54:00:00:00:07", "BIOS", "PXE", "192.0.2.1", False, True))
    whole = batch(*rows)
    at_once.many(whole)
    for one in rows:
        for packet in whole.packets(one):
            singly(packet)
        singly(finished(one))
    assert state(at_once) == state(singly)


def test_D7_no_more_strangers_are_let_in_at_once_than_one_by_one():
    line = timeline()
    crowd = [row(f"10.0.{n >> 8}.{n & 255}") for n in range(NEW_AT_ONCE + 500)]
    line.many(batch(*crowd))
    assert len(line) == NEW_AT_ONCE


def test_who_is_known_is_followed_however_many_strangers_come_before_him():
    line = timeline()
    line.many(batch(row()))
    crowd = [row(f"10.0.{n >> 8}.{n & 255}") for n in range(NEW_AT_ONCE + 500)]
    line.many(batch(*crowd, row(name="last")))
    _, record = line.record("192.0.2.7")
    assert [step.text for step in record.steps] == ["file", "last"]
    assert len(line.packets("192.0.2.7")) == 4


GOT = st.lists(
    st.tuples(CLIENTS, st.sampled_from("abc"), st.integers(0, 5000), st.floats(0, 9)),
    max_size=80,
)


@given(GOT)
def test_a_timeline_told_of_answers_at_once_knows_what_one_told_singly_does(rows):
    at_once, singly = timeline(), timeline()
    at_once.answered(Answers(rows))
    for event in Answers(rows):
        singly(event)
    assert sorted(state(at_once)[0]) == sorted(state(singly)[0])


def test_D7_no_more_strangers_are_let_in_with_answers_than_one_by_one():
    line = timeline()
    crowd = [f"10.0.{n >> 8}.{n & 255}" for n in range(NEW_AT_ONCE + 500)]
    line.answered(Answers([(client, "a", 1, 0.0) for client in crowd]))
    assert len(line) == NEW_AT_ONCE


def test_of_answers_each_reader_is_told_as_it_takes_them():
    many, single = timeline(), []
    answers = Answers([("192.0.2.7", "a", 5, 0.5), ("192.0.2.7", "a", 5, 0.25)])
    tell_answers(Both(many, single.append), answers)
    assert single == [
        events.Finished("http", "192.0.2.7", "a", 5, 0.5),
        events.Finished("http", "192.0.2.7", "a", 5, 0.25),
    ]
    _, record = many.record("192.0.2.7")
    assert [(step.count, step.seconds) for step in record.steps] == [(2, 0.25)]


# The log


@pytest.fixture
def lines():
    return []


@pytest.fixture
def report(lines):
    def write(text):
        lines.extend(text.split("\n"))

    return Report(write, text_line, lambda: NOW)


def test_a_log_told_at_once_says_what_one_told_singly_says(report, lines):
    report.many(batch(row(), row(name="other", size=2 * SMALL)))
    report.close()
    assert lines == [
        text_line(finished(row())),
        text_line(finished(row(name="other", size=2 * SMALL))),
    ]


def test_of_many_small_files_the_rest_is_counted_and_large_ones_are_told(report, lines):
    small = [row()] * (SMALL_MAX + 700)
    report.many(batch(*small, row(name="large", size=SMALL)))
    report(finished(row()))
    report.close()
    assert len(lines) == SMALL_MAX + 2
    assert "large" in lines[-2]
    assert lines[-1] == "701 more lines like these in 10 s"


def test_a_log_told_of_answers_says_the_same(report, lines):
    small = [("192.0.2.7", "a", SMALL - 1, 0.5)] * (SMALL_MAX + 700)
    report.answered(Answers([*small, ("192.0.2.7", "large", SMALL, 0.5)]))
    report.close()
    assert len(lines) == SMALL_MAX + 2
    assert "large" in lines[-2]
    assert lines[-1] == "700 more lines like these in 10 s"

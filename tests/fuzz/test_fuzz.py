"""The fuzzer's own parts, and its first inputs as ordinary tests."""

import pytest

from fastboot._ext import twin
from fuzz.history import History
from fuzz.mutate import LONGEST, Mutator
from fuzz.run import NOW_BYTES, names, read_now, target, write_now


@pytest.mark.ext
@pytest.mark.skipif(twin("tftp_carrier") is None, reason="nothing compiled is there")
@pytest.mark.parametrize("name", names())
def test_each_target_takes_its_first_inputs_and_what_is_like_them(name):
    tried = target(name)
    mutator = Mutator("a seed", tried.WORDS)
    for data in (b"", *tried.SEEDS, *(mutator.next(tried.SEEDS) for _ in range(20))):
        tried.run(data)


def test_the_same_seed_tries_the_same():
    known = (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)))
    one, other = (Mutator("seed", (b"word",)) for _ in range(2))
    assert [one.next(known) for _ in range(200)] == [
        other.next(known) for _ in range(200)
    ]


def test_inputs_stay_short_and_differ():
    mutator = Mutator("seed", (b"word" * 100,))
    inputs = [mutator.next((b"", b"x" * LONGEST)) for _ in range(500)]
    assert max(map(len, inputs)) == LONGEST
    assert len(set(inputs)) > 400


def test_what_was_tried_last_is_known_whatever_happens(tmp_path):
    now = bytearray(NOW_BYTES)
    write_now(now, 7, b"input")
    (tmp_path / "now").write_bytes(now)
    assert read_now(tmp_path / "now") == (7, b"input")


def test_a_history_that_ends_goes_on_with_first_choices():
    history = History(b"\x05")
    assert history.choice("abc") == "c"
    assert not history
    assert (history.choice("abc"), history.number(), history.bytes(9)) == ("a", 0, b"")

"""What a client asks for and what it makes of the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.errors import ConfigError, WrongAnswer
from fastboot.tftp.options import Limits, negotiate
from fastboot.tftp.packet import OptionAck
from fastboot.tftp.wishes import NOTHING, Wishes, agree


def test_what_holds_anyway_is_not_asked_for():
    assert NOTHING.options() == ()
    assert Wishes(blksize=512, windowsize=1).options() == ((b"tsize", b"0"),)


def test_every_option_can_be_asked_for():
    wishes = Wishes(blksize=1468, windowsize=16, timeout=3, rollover=1)
    assert wishes.options(99) == (
        (b"tsize", b"99"),
        (b"blksize", b"1468"),
        (b"timeout", b"3"),
        (b"windowsize", b"16"),
        (b"rollover", b"1"),
    )


def test_seconds_that_are_not_whole_go_as_microseconds():
    # tftp-hpa's utimeout.
    assert Wishes(timeout=0.25).options()[2] == (b"utimeout", b"250000")


@pytest.mark.parametrize(
    "wrong",
    [
        {"blksize": 7},
        {"blksize": 65465},
        {"windowsize": 0},
        {"windowsize": 32768},
        {"timeout": 0.001},
        {"timeout": 256},
        {"rollover": 2},
    ],
)
def test_what_no_server_could_grant_is_not_asked_for(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Wishes(**wrong)


def test_what_is_not_granted_does_not_hold():
    agreed = agree(Wishes().options(), OptionAck(()))
    assert agreed.negotiated.blksize == 512
    assert agreed.negotiated.windowsize == 1
    assert agreed.tsize is None


WISHES = st.builds(
    Wishes,
    blksize=st.integers(8, 65464),
    windowsize=st.integers(1, 32767),
    timeout=st.none() | st.integers(1, 255) | st.sampled_from([0.01, 0.5, 254.5]),
    tsize=st.booleans(),
    rollover=st.none() | st.integers(0, 1),
)


@given(WISHES, st.integers(8, 65464), st.integers(1, 32767), st.integers(0, 1 << 40))
def test_whatever_our_server_grants_both_sides_mean_the_same(
    wishes, blksize, window, size
):
    asked = wishes.options()
    granted = negotiate(asked, Limits(blksize, window), size)
    agreed = agree(asked, OptionAck(granted.answer))
    for name in ("blksize", "windowsize", "timeout", "rollover"):
        assert getattr(agreed.negotiated, name) == getattr(granted, name), name
    assert agreed.tsize == (size if wishes.tsize and size else None)


@given(st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=6)), max_size=5))
def test_T2_whatever_is_granted_it_is_taken_or_refused(options):
    try:
        agreed = agree(Wishes().options(), OptionAck(tuple(options)))
    except WrongAnswer:
        return
    assert 8 <= agreed.negotiated.blksize <= 1428
    assert 1 <= agreed.negotiated.windowsize <= 64

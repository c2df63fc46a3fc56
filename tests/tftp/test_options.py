"""Option negotiation: RFC 2347, 2348, 2349, 7440, and what clients send instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.tftp.options import Limits, Negotiated, negotiate, number


def ask(name, value, limits=Limits(), size=5000):  # noqa: B008 (frozen)
    return negotiate(((name, value),), limits, size)


def test_without_options_the_defaults_hold_and_no_oack_is_due():
    assert negotiate((), Limits(), 10) == Negotiated(512, 1, None, (), probe=False)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (b"8", 8),  # the least RFC 2348 knows
        (b"512", 512),
        (b"1432", 1432),  # iPXE
        (b"65464", 65464),  # the most
        (b"65465", 65464),  # too large: granted smaller, never refused
        (b"99999", 65464),
        (b"99999999999999999999", 65464),
    ],
)
def test_T2_a_blksize_is_granted_within_its_bounds(asked, granted):
    terms = ask(b"blksize", asked)
    assert (terms.blksize, terms.answer) == (granted, ((b"blksize", b"%d" % granted),))


NO_NUMBERS = [
    b"",
    b"-1",
    b"+8",
    b"0x10",
    b"1e9",
    b" 512",
    b"512 ",
    b"1_000",
    b"\xd9\xa1\xd9\xa2",  # Arabic digits in UTF-8
    b"\xa0512",
    b"9" * 21,
]


@pytest.mark.parametrize("value", [*NO_NUMBERS, b"0", b"7"])
def test_T2_a_malformed_blksize_is_left_out_and_the_transfer_goes_on(value):
    assert ask(b"blksize", value) == Negotiated()


@pytest.mark.parametrize("name", [b"blksize", b"windowsize", b"timeout", b"tsize"])
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_T2_what_is_no_number_is_left_out_of_every_option(name, value):
    assert ask(name, value).answer == ()


@pytest.mark.parametrize(
    ("asked", "granted"), [(b"1", 1), (b"4", 4), (b"64", 64), (b"65535", 64)]
)
def test_T3_a_window_is_clamped_never_refused(asked, granted):
    assert ask(b"windowsize", asked).windowsize == granted


@pytest.mark.parametrize("asked", [b"0", b"65536"])
def test_a_window_out_of_range_is_left_out(asked):
    assert ask(b"windowsize", asked) == Negotiated()


@pytest.mark.parametrize("asked", [b"1", b"5", b"255"])
def test_a_timeout_is_granted_as_it_is(asked):
    # U-Boot and edk2 reject a changed value.
    assert ask(b"timeout", asked).answer == ((b"timeout", asked),)


@pytest.mark.parametrize("asked", [b"0", b"256"])
def test_a_timeout_out_of_range_is_left_out(asked):
    assert ask(b"timeout", asked) == Negotiated()


@pytest.mark.parametrize("asked", [b"0", b"123456"])
def test_the_size_is_told_whatever_number_asks_for_it(asked):
    # U-Boot sends the size of its previous download.
    terms = ask(b"tsize", asked, size=5 << 32)
    assert terms.answer == ((b"tsize", b"21474836480"),)
    assert terms.probe


def test_the_size_of_a_converted_file_is_not_told():
    assert ask(b"tsize", b"0", size=None) == Negotiated()


def test_the_size_of_an_empty_file_is_not_told():
    # curl takes "tsize 0" in an answer for a mistake and gives up.
    assert ask(b"tsize", b"0", size=0) == Negotiated()


def test_the_answer_keeps_order_and_spelling_of_the_client():
    options = ((b"TSize", b"0"), (b"foo", b"1"), (b"BLKSIZE", b"1000"))
    answer = negotiate(options, Limits(), 7).answer
    assert answer == ((b"TSize", b"7"), (b"BLKSIZE", b"1000"))


def test_of_an_option_given_twice_the_first_counts():
    options = ((b"blksize", b"600"), (b"BLKSIZE", b"700"))
    assert negotiate(options, Limits(), 7).answer == ((b"blksize", b"600"),)


def test_limits_bound_what_is_granted():
    terms = negotiate(
        ((b"blksize", b"8192"), (b"windowsize", b"32")), Limits(1468, 8), 7
    )
    assert (terms.blksize, terms.windowsize) == (1468, 8)


def test_T15_an_unknown_option_is_ignored():
    options = ((b"retries", b"99"), (b"default_timeout", b"1"), (b"multicast", b""))
    assert negotiate(options, Limits(), 7) == Negotiated()


@given(st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=24))))
def test_any_options_are_negotiated_within_the_limits(options):
    terms = negotiate(tuple(options), Limits(1468, 16), 99)
    assert 8 <= terms.blksize <= 1468
    assert 1 <= terms.windowsize <= 16
    assert len(terms.answer) <= 4


@given(st.integers(0, 10**19))
def test_a_decimal_number_is_read_as_one(value):
    assert number(b"%d" % value) == value

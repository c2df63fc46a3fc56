"""Option negotiation: RFC 2347, 2348, 2349, 7440, and what clients send instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.tftp.options import (
    MSFT_WINDOW,
    WINDOW_MAX,
    Limits,
    Negotiated,
    negotiate,
    number,
)


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


NAMES = [
    *(b"blksize", b"blksize2", b"timeout", b"utimeout", b"tsize"),
    *(b"windowsize", b"rollover", b"msftwindow"),
]
ALL = Limits(msftwindow=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_T2_what_is_no_number_is_left_out_of_every_option(name, value):
    assert ask(name, value, ALL).answer == ()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spelling", [bytes.lower, bytes.upper, bytes.title])
def test_names_mean_the_same_in_any_case_and_keep_their_spelling(name, spelling):
    good = {b"timeout": b"3", b"utimeout": b"20000", b"rollover": b"1"}
    value = b"31416" if name == b"msftwindow" else good.get(name, b"64")
    ((named, _),) = ask(spelling(name), value, ALL).answer
    assert named == spelling(name)


@pytest.mark.parametrize("name", NAMES)
def test_an_option_that_is_refused_to_a_client_is_left_out(name):
    limits = Limits(msftwindow=True, refused=frozenset({name}))
    good = {b"timeout": b"3", b"utimeout": b"20000", b"rollover": b"1"}
    value = b"31416" if name == b"msftwindow" else good.get(name, b"64")
    assert ask(name.upper(), value, limits) == Negotiated()


@pytest.mark.parametrize(
    ("asked", "limit", "granted"),
    [
        (b"8", 65464, 8),
        (b"9", 65464, 8),  # a power of two, never more than was asked for
        (b"1468", 65464, 1024),
        (b"2048", 1468, 1024),  # nor more than fits the MTU
        (b"32768", 65464, 32768),
        (b"65464", 65464, 32768),  # tftp-hpa knows no more
    ],
)
def test_blksize2_is_granted_as_a_power_of_two(asked, limit, granted):
    terms = ask(b"blksize2", asked, Limits(limit))
    assert (terms.blksize, terms.answer) == (granted, ((b"blksize2", b"%d" % granted),))


def test_of_blksize_and_blksize2_the_first_counts():
    both = ((b"blksize2", b"1468"), (b"blksize", b"1468"))
    assert negotiate(both, Limits(), 9).answer == ((b"blksize2", b"1024"),)
    assert negotiate(both[::-1], Limits(), 9).answer == ((b"blksize", b"1468"),)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (b"9999", None),
        (b"10000", 0.01),
        (b"2500000", 2.5),
        (b"255000000", 255.0),
        (b"255000001", None),
    ],
)
def test_utimeout_is_in_microseconds_and_granted_as_it_is(asked, seconds):
    terms = ask(b"utimeout", asked)
    assert terms.timeout == seconds
    assert terms.answer == (((b"utimeout", asked),) if seconds else ())


def test_utimeout_goes_before_timeout():
    options = ((b"timeout", b"5"), (b"utimeout", b"300000"))
    terms = negotiate(options, Limits(), 9)
    assert (terms.timeout, terms.answer) == (0.3, options)


@pytest.mark.parametrize(("asked", "granted"), [(b"0", 0), (b"1", 1), (b"2", None)])
def test_rollover_is_zero_or_one(asked, granted):
    terms = ask(b"rollover", asked)
    assert terms.rollover == (granted or 0)
    assert bool(terms.answer) == (granted is not None)


def test_msftwindow_is_granted_where_it_is_allowed():
    options = ((b"windowsize", b"8"), (b"msftwindow", b"31416"))
    terms = negotiate(options, ALL, 9)
    assert terms.answer == ((b"windowsize", b"8"), (b"msftwindow", b"27182"))
    assert (terms.windowsize, terms.msftwindow) == (8, True)
    assert negotiate(options, Limits(), 9).answer == options[:1]


def test_msftwindow_begins_with_four_blocks_where_no_window_was_asked_for():
    assert ask(b"msftwindow", b"31416", ALL).windowsize == MSFT_WINDOW


def test_msftwindow_with_another_number_means_nothing():
    assert ask(b"msftwindow", b"27182", ALL) == Negotiated()


def test_no_window_is_so_large_that_an_old_ack_looks_like_a_new_one():
    assert ask(b"windowsize", b"65535", Limits(windowsize=65535)).windowsize == (
        WINDOW_MAX
    )


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

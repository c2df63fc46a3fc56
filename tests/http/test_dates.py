"""HTTP's dates: three forms are read, one is written."""

from __future__ import annotations

import calendar
from email.utils import formatdate, parsedate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.http.dates import read_date, write_date

NOW = 1_800_000_000  # in January 2027


@pytest.mark.parametrize(
    "value",
    [
        b"Sun, 06 Nov 1994 08:49:37 GMT",  # IMF-fixdate
        b"Sunday, 06-Nov-94 08:49:37 GMT",  # RFC 850
        b"Sun Nov  6 08:49:37 1994",  # asctime
    ],
)
def test_the_three_forms_mean_the_same(value):
    assert read_date(value, NOW) == 784111777


@pytest.mark.parametrize(
    ("year", "means"), [(b"27", 2027), (b"77", 2077), (b"78", 1978), (b"99", 1999)]
)
def test_a_year_of_two_digits_is_at_most_50_years_ahead(year, means):
    seconds = read_date(b"Sunday, 01-Jan-" + year + b" 00:00:00 GMT", NOW)
    assert seconds == calendar.timegm((means, 1, 1, 0, 0, 0))


def test_a_leap_second_is_the_next_minutes_first():
    leap = read_date(b"Sat, 31 Dec 2016 23:59:60 GMT", NOW)
    assert leap == read_date(b"Sun, 01 Jan 2017 00:00:00 GMT", NOW)
    assert read_date(b"Fri, 31 Dec 9999 23:59:60 GMT", NOW) == 253402300800


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"0",
        b'"etag"',
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 CET",
        b"Sun, 06 Nov 1994 08:49:37 +0000",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:00:00 GMT",
        b"Sun, 06 Nov 1994 08:49:61 GMT",
        b"Thu, 31 Jun 1994 08:49:37 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"sun, 06 nov 1994 08:49:37 gmt",
        b" Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 GMT, x",
        "Sun, 0٦ Nov 1994 08:49:37 GMT".encode(),
    ],
)
def test_anything_else_is_no_date(value):
    assert read_date(value, NOW) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-(10**12), "Thu, 01 Jan 1970 00:00:00 GMT"),
        (10**12, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_times_that_no_date_can_say_become_the_nearest(seconds, text):
    assert write_date(seconds) == text


@given(st.integers(0, 253402300799))
def test_a_date_is_read_as_it_was_written(seconds):
    text = write_date(seconds)
    assert text == formatdate(seconds, usegmt=True)
    assert read_date(text.encode(), NOW) == seconds


@given(st.binary(max_size=40))
def test_any_bytes_are_a_date_or_none(value):
    seconds = read_date(value, NOW)
    assert seconds is None or parsedate(value.decode()) is not None

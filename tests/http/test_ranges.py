"""Which part of a file is asked for, and whether it is wanted (RFC 9110, 13 and 14)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.http.dates import write_date
from fastboot.http.message import RequestHead
from fastboot.http.ranges import (
    MAX_RANGES,
    MERGE_GAP,
    Span,
    Validators,
    precondition,
    requested,
)

NOW = 1_800_000_000.0
MODIFIED = 1_700_000_000
THEN = write_date(MODIFIED).encode()
BEFORE = write_date(MODIFIED - 1).encode()
AFTER = write_date(MODIFIED + 1).encode()
FILE = Validators(b'"abc"', MODIFIED)


def head(method="GET", **fields):
    """A request with these fields: `if_range` is If-Range."""
    pairs = [(name.replace("_", "-").encode(), of) for name, of in fields.items()]
    return RequestHead(method, b"/f", 1, tuple(pairs), "/f")


def parts(value, size=1000):
    """What a Range field asks for of a file: None (all of it) or (first, last) pairs."""
    spans = requested(head(range=value), size, FILE, NOW)
    return None if spans is None else [(span.offset, span.end - 1) for span in spans]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"bytes=0-0", [(0, 0)]),
        (b"bytes=0-999", [(0, 999)]),
        (b"bytes=10-", [(10, 999)]),
        (b"bytes=999-", [(999, 999)]),
        (b"bytes=990-2000", [(990, 999)]),
        (b"bytes=-1", [(999, 999)]),
        (b"bytes=-1000", [(0, 999)]),
        (b"bytes=-5000", [(0, 999)]),  # longer than the file: all of it
        (b"Bytes=0-0", [(0, 0)]),  # units are case-insensitive
        (b"bytes=000-0009", [(0, 9)]),
        (b"bytes=5-99999999999999999999999999", [(5, 999)]),
        (b"bytes=-99999999999999999999999999", [(0, 999)]),
        (b"bytes=,0-0, ,\t,", [(0, 0)]),  # empty members of the list
        (b"bytes=0-0 , 500-500", [(0, 0), (500, 500)]),
        (b"bytes=0-0,2000-", [(0, 0)]),  # one of them can be had
        (b"bytes=0-1,2-3,4-5,6-7", [(0, 7)]),  # neighbours are no overlaps
        (b"bytes=0-500,501-999", [(0, 999)]),  # as long as the file, and no longer
    ],
)
def test_H4_ranges_are_resolved(value, expected):
    assert parts(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"bytes=1000-",
        b"bytes=1000-2000,3000-",
        b"bytes=-0",
        b"bytes=99999999999999999999-",
        b"bytes=99999999999999999999-99999999999999999999",
    ],
)
def test_H4_ranges_that_no_byte_is_in_are_unsatisfiable(value):
    assert parts(value) == []


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"bytes",
        b"bytes=",
        b"bytes=,",
        b"bytes=-",
        b"bytes=9-5",
        b"bytes=0-0,9-5",
        b"bytes=10-11 12-",
        b"bytes=0-0-0",
        b"bytes=alpha",
        b"bytes=0x0-0x9",
        b"bytes=+0-9",
        b"bytes=1_0-20",
        b"bytes=--1",
        b"bytes=0 - 9",
        b"bytes =0-9",
        b" bytes=0-9",
        b"bytes:0-9",
        "bytes=\u0660-\u0669".encode(),  # digits, but not ASCII's
        b"lines=0-9",
        b"bytes=0-9, bytes=20-29",  # two Range fields, joined
    ],
)
def test_H4_a_field_that_is_no_range_of_bytes_is_ignored(value):
    assert parts(value) is None


def test_of_an_empty_file_no_part_is_taken():
    assert parts(b"bytes=0-", size=0) is None
    assert parts(b"bytes=-5", size=0) is None


def test_only_get_has_ranges():
    """RFC 9110, section 14.2."""
    assert requested(head("HEAD", range=b"bytes=0-0"), 1000, FILE, NOW) is None


# CVE-2011-3192


def test_H3_more_ranges_than_are_taken_get_the_whole_file():
    value = b"bytes=" + b",".join(b"%d-%d" % (i * 1000, i * 1000) for i in range(17))
    assert parts(value, size=10**6) is None
    assert len(parts(value.rpartition(b",")[0], size=10**6)) == MAX_RANGES


def test_H3_a_thousand_overlapping_ranges_get_the_whole_file():
    value = b"bytes=0-," + b",".join(b"5-%d" % last for last in range(5, 1300))
    assert parts(value, size=10**6) is None


def test_H3_ranges_that_add_up_to_more_than_the_file_get_the_whole_file():
    assert parts(b"bytes=0-599,400-999") is None


def test_H3_three_pairs_of_overlapping_ranges_get_the_whole_file():
    assert parts(b"bytes=0-9,5-14,300-309,305-314") == [(0, 14), (300, 314)]
    assert parts(b"bytes=0-9,5-14,300-309,305-314,600-609,605-614") is None


def test_parts_stay_in_the_order_asked_for():
    assert parts(b"bytes=900-909,0-9,500-509") == [(900, 909), (0, 9), (500, 509)]


def test_parts_that_nearly_touch_become_one():
    gap = MERGE_GAP
    assert parts(b"bytes=0-9,%d-%d" % (9 + gap, 200)) == [(0, 200)]
    assert parts(b"bytes=0-9,%d-%d" % (10 + gap, 200)) == [(0, 9), (10 + gap, 200)]


def test_a_part_that_closes_a_gap_joins_both_sides():
    assert len(parts(b"bytes=0-9,900-909,200-209,100-109")) == 4
    assert parts(b"bytes=0-9,900-909,150-159,80-89") == [(0, 159), (900, 909)]


SPECS = st.lists(
    st.tuples(st.none() | st.integers(0, 3000), st.none() | st.integers(0, 3000)),
    min_size=1,
    max_size=18,
)


@given(SPECS, st.integers(1, 2500))
def test_parts_are_disjoint_within_the_file_and_hold_what_was_asked_for(specs, size):
    texts = [
        b"-".join(b"" if end is None else b"%d" % end for end in spec) for spec in specs
    ]
    spans = requested(head(range=b"bytes=" + b",".join(texts)), size, FILE, NOW)
    if spans is None:
        return
    covered = [set(range(span.offset, span.end)) for span in spans]
    assert sum(map(len, covered)) == len(set().union(*covered)) <= size
    assert all(0 <= span.offset < span.end <= size for span in spans)
    for first, last in specs:
        if first is None:
            wanted = range(max(0, size - last), size)
        else:
            wanted = range(first, min(size, size if last is None else last + 1))
        assert not wanted or any(set(wanted) <= part for part in covered)


@given(st.binary(max_size=60))
def test_any_bytes_ask_for_parts_or_the_whole(value):
    for field in (value, b"bytes=" + value):
        spans = requested(head(range=field), 1000, FILE, NOW)
        assert spans is None or all(span.length > 0 for span in spans)


# If-Range (RFC 9110, section 13.1.5)


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        (b'"abc"', True),
        (b'"abd"', False),
        (b'W/"abc"', False),  # never in the strong comparison
        (b"*", False),
        (b"abc", False),
        (THEN, True),
        (BEFORE, False),
        (AFTER, False),  # equal, not merely later
        (b"Tuesday", False),
    ],
)
def test_H4_if_range_lets_the_part_through_when_the_file_is_the_same(condition, part):
    asked = head(range=b"bytes=5-", if_range=condition)
    spans = requested(asked, 1000, FILE, NOW)
    assert spans == ([Span(5, 995)] if part else None)


def test_H4_a_date_of_this_second_is_no_strong_validator():
    """Section 8.8.2.2: the file may change once more within the second."""
    asked = head(range=b"bytes=5-", if_range=THEN)
    assert requested(asked, 1000, FILE, MODIFIED + 0.9) is None
    assert requested(asked, 1000, FILE, MODIFIED + 1.0) is not None


def test_if_range_with_a_date_needs_a_time_to_compare():
    asked = head(range=b"bytes=5-", if_range=THEN)
    assert requested(asked, 1000, Validators(b'"abc"', None), NOW) is None


# Conditions (RFC 9110, section 13.1) and their order (13.2.2)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, None),
        ({"if_match": b'"abc"'}, None),
        ({"if_match": b'"x", "abc"'}, None),
        ({"if_match": b"*"}, None),
        ({"if_match": b'"x"'}, 412),
        ({"if_match": b'W/"abc"'}, 412),  # strong comparison
        ({"if_match": b"abc"}, 412),
        ({"if_match": b'"abc" "abc"'}, 412),
        ({"if_match": b""}, 412),
        ({"if_unmodified_since": THEN}, None),
        ({"if_unmodified_since": AFTER}, None),
        ({"if_unmodified_since": BEFORE}, 412),
        ({"if_unmodified_since": b'W/"abc"'}, None),  # as UEFI sends a weak tag back
        ({"if_none_match": b'"abc"'}, 304),
        ({"if_none_match": b',"x" ,, W/"abc",'}, 304),  # weak comparison
        ({"if_none_match": b"*"}, 304),
        ({"if_none_match": b'"x"'}, None),
        ({"if_none_match": b"abc"}, None),
        ({"if_modified_since": THEN}, 304),
        ({"if_modified_since": AFTER}, 304),
        ({"if_modified_since": BEFORE}, None),
        ({"if_modified_since": b"0"}, None),
        # each decides alone, in this order
        ({"if_match": b'"abc"', "if_unmodified_since": BEFORE}, None),
        ({"if_match": b'"x"', "if_none_match": b'"abc"'}, 412),
        ({"if_match": b'"abc"', "if_none_match": b'"abc"'}, 304),
        ({"if_unmodified_since": BEFORE, "if_none_match": b'"abc"'}, 412),
        ({"if_none_match": b'"x"', "if_modified_since": THEN}, None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions_decide_in_the_order_of_the_rfc(method, fields, status):
    assert precondition(head(method, **fields), FILE, NOW) == status


@pytest.mark.parametrize("name", ["if_modified_since", "if_unmodified_since"])
def test_a_condition_on_a_date_is_ignored_without_a_time_to_compare(name):
    file = Validators(b'"abc"', None)
    assert precondition(head(**{name: BEFORE}), file, NOW) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_a_condition(value):
    names = ("if_match", "if_none_match", "if_modified_since", "if_unmodified_since")
    for name in names:
        assert precondition(head(**{name: value}), FILE, NOW) in (None, 304, 412)

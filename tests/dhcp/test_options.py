"""The options area: RFC 2132, section 2, and RFC 3396."""

from ipaddress import IPv4Address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.dhcp.options import (
    Code,
    address,
    decode_area,
    encode_area,
    get,
    join,
    number,
)
from fastboot.errors import DecodeError

values = st.one_of(st.binary(max_size=20), st.binary(min_size=250, max_size=600))
areas = st.dictionaries(st.integers(1, 254), values, max_size=6).map(
    lambda found: tuple(found.items())
)


def test_options_are_read_in_order_and_pads_are_skipped():
    area = (
        b"\x35\x01\x01"  # 53, one byte: DISCOVER
        b"\x00\x00"  # pads
        b"\x3c\x03abc"  # 60, three bytes
        b"\xff"  # END
    )
    assert decode_area(area) == ((53, b"\x01"), (60, b"abc"))


def test_nothing_behind_end_is_read():
    assert decode_area(b"\xff\x35\x09") == ()


def test_D2_missing_end_is_the_end_of_the_area():
    assert decode_area(b"\x35\x01\x01") == ((53, b"\x01"),)


@pytest.mark.parametrize("area", [b"\x35", b"\x35\x01", b"\x3c\xffabc", b"\0\0\x0c"])
def test_D2_option_length_overrun_is_no_area(area):
    with pytest.raises(DecodeError):
        decode_area(area)


def test_D2_runs_of_pads_are_read_once():
    assert decode_area(b"\0" * 60_000 + b"\x35\x01\x01") == ((53, b"\x01"),)


def test_an_empty_option_is_kept():
    assert decode_area(b"\x50\x00\xff") == ((80, b""),)


def test_long_values_are_split_where_an_option_is_full():
    area = encode_area(((66, b"x" * 256),))
    assert area == b"\x42\xff" + b"x" * 255 + b"\x42\x01x\xff"


@pytest.mark.parametrize("code", [0, 255, 256, -1])
def test_pad_and_end_are_no_options_to_write(code):
    with pytest.raises(ValueError, match="no option"):
        encode_area(((code, b""),))


@given(areas)
def test_what_is_written_is_read(options):
    assert join(decode_area(encode_area(options))) == options


@given(st.binary(max_size=400))
def test_any_bytes_are_options_or_a_decode_error(area):
    try:
        options = decode_area(area)
    except DecodeError:
        return
    assert sum(2 + len(value) for _, value in options) <= len(area)


@given(areas, st.data())
def test_D4_random_splits_mean_the_same_as_the_whole(options, data):
    parts = []
    for code, value in options:
        cuts = data.draw(st.lists(st.integers(0, len(value)), max_size=4))
        edges = [0, *sorted(cuts), len(value)]
        parts += [(code, value[a:b]) for a, b in pairwise(edges)]
    assert join(parts) == options


def test_D4_interleaved_parts_are_joined_at_the_first():
    parts = [(66, b"a"), (67, b"x"), (66, b"b"), (67, b"y")]
    assert join(parts) == ((66, b"ab"), (67, b"xy"))


def test_values_of_the_wrong_size_are_none():
    options = ((57, b"\x05"), (54, b"\xc0\x00\x02"))
    assert number(options, Code.MAX_MESSAGE_SIZE, 2) is None
    assert address(options, Code.SERVER_IDENTIFIER) is None


def test_values_are_typed():
    options = ((57, b"\x05\xc0"), (54, b"\xc0\x00\x02\x01"))
    assert number(options, Code.MAX_MESSAGE_SIZE, 2) == 1472
    assert address(options, Code.SERVER_IDENTIFIER) == IPv4Address("192.0.2.1")
    assert get(options, Code.VENDOR_CLASS) is None

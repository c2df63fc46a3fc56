"""The compiled twins of DHCP's option area do what the Python ones do, on any bytes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastboot._ext import twin
from fastboot.dhcp import options
from fastboot.errors import DecodeError

pytestmark = pytest.mark.ext


@pytest.fixture(scope="module")
def compiled():
    """The compiled module."""
    found = twin("dhcp_options")
    if found is None:
        pytest.skip("the compiled twin is not built: setup.py build_ext --inplace")
    return found


def outcome(function, argument):
    """What comes of a call: its result, or its error's type and text."""
    try:
        return function(argument)
    except (DecodeError, ValueError) as error:
        return type(error), str(error)


AREAS = st.lists(
    st.one_of(
        st.binary(max_size=4),
        st.tuples(st.integers(0, 255), st.binary(max_size=255)).map(
            lambda item: bytes((item[0], len(item[1]))) + item[1]
        ),
    ),
    max_size=8,
).map(b"".join)


@given(st.one_of(st.binary(max_size=80), AREAS))
@example(b"")
@example(b"\x35")
@example(b"\x35\x01")
@example(b"\x35\x00")
@example(b"\x00" * 20)
@example(b"\xff\x35\x01")
def test_areas_are_read_or_refused_alike(compiled, area):
    expected = outcome(options._decode_area, area)
    assert outcome(compiled.decode_area, area) == expected


SIZES = st.sampled_from([0, 1, 254, 255, 256, 510, 511, 1000])


@given(
    st.lists(
        st.tuples(st.integers(-1, 256), SIZES.map(lambda size: b"x" * size)), max_size=6
    ).map(tuple)
)
@example(((2**70, b""),))
def test_areas_are_written_or_refused_alike(compiled, found):
    expected = outcome(options._encode_area, found)
    assert outcome(compiled.encode_area, found) == expected

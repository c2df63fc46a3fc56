"""ICMP echo: two messages, and everything that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.dhcp.echo import decode_reply, encode
from fastboot.errors import DecodeError

IP = b"\x45" + bytes(19)  # version 4, five words of header
REPLY = b"\0\0" + b"\xff\xff" + b"\x12\x34" + b"\0\7"  # type, code, checksum, id, seq


def words(data):
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_a_request_has_a_right_checksum(identifier, sequence):
    total = sum(words(encode(identifier, sequence)))
    assert (total & 0xFFFF) + (total >> 16) in (0xFFFF, 0x1FFFE - 0xFFFF)
    assert words(encode(identifier, sequence))[2:] == [identifier, sequence]


def test_a_reply_says_whose_it_is():
    assert decode_reply(IP + REPLY) == (0x1234, 7)


def test_a_header_with_options_is_skipped():
    assert decode_reply(b"\x46" + bytes(23) + REPLY + b"data") == (0x1234, 7)


@pytest.mark.parametrize(
    "packet",
    [b"", IP, IP + REPLY[:7], b"\x41" + IP[1:] + REPLY, IP + b"\x08" + REPLY[1:]],
    ids=["nothing", "no message", "cut", "header too short", "a request"],
)
def test_what_is_no_reply_is_an_error(packet):
    with pytest.raises(DecodeError):
        decode_reply(packet)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_reply_or_a_decode_error(packet):
    try:
        identifier, sequence = decode_reply(packet)
    except DecodeError:
        return
    assert 0 <= identifier <= 0xFFFF >= sequence >= 0

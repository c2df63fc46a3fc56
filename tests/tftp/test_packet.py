"""TFTP packets: RFC 1350, section 5, and RFC 2347."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.errors import DecodeError
from fastboot.tftp.packet import (
    OPTIONS_MAX,
    REQUEST_MAX,
    Ack,
    Data,
    Error,
    OptionAck,
    ReadRequest,
    WriteRequest,
    decode,
)

text = st.binary(max_size=20).map(lambda raw: raw.replace(b"\0", b""))
name = st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"\0", b"x"))
number = st.integers(0, 65535)
options = st.lists(st.tuples(name, text), max_size=8).map(tuple)
mode = st.sampled_from([b"octet", b"netascii", b"mail"])
packets = st.one_of(
    st.builds(ReadRequest, text, mode, options),
    st.builds(WriteRequest, text, mode, options),
    st.builds(Data, number, st.binary(max_size=600)),
    st.builds(Ack, number, st.integers(0, 255)),
    st.builds(Error, number, text),
    st.builds(OptionAck, options.filter(bool)),
)

RRQ = (
    b"\x00\x01"  # opcode 1
    b"pxelinux.0\0"  # filename
    b"octet\0"  # mode
    b"tsize\x000\0"  # RFC 2349
    b"blksize\x001408\0"  # RFC 2348
)


def test_a_read_request_has_name_mode_and_options_in_order():
    assert decode(RRQ) == ReadRequest(
        b"pxelinux.0", b"octet", ((b"tsize", b"0"), (b"blksize", b"1408"))
    )


def test_the_mode_is_read_in_any_case():
    assert decode(b"\0\1f\0NetAscii\0").mode == b"netascii"


def test_option_names_keep_the_spelling_of_the_client():
    assert decode(b"\0\1f\0octet\0BlkSize\x00512\0").options == ((b"BlkSize", b"512"),)


def test_an_option_may_have_an_empty_value():
    # RFC 2090 asks for multicast so; it must not be taken for the end.
    packet = decode(b"\0\1f\0octet\0multicast\0\0tsize\x000\0")
    assert packet.options == ((b"multicast", b""), (b"tsize", b"0"))


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        (b"\0\0\0", "stray NULs"),
        (b"blksize\0", "a name without its value"),
        (b"blksize", "a name without its NUL"),
        (b"blksize\x00512", "a value without its NUL"),
    ],
)
def test_a_broken_tail_after_the_mode_is_left_out(tail, why):
    assert decode(b"\0\1f\0octet\0" + tail) == ReadRequest(b"f", b"octet"), why


def test_options_beyond_the_bound_are_left_out():
    many = b"".join(b"o%d\0v\0" % n for n in range(100))
    assert len(decode(b"\0\1f\0octet\0" + many).options) == OPTIONS_MAX


def test_data_is_a_block_number_and_its_bytes():
    assert decode(
        b"\x00\x03"  # opcode 3
        b"\xff\xff"  # block 65535
        b"bytes"
    ) == Data(65535, b"bytes")


def test_an_empty_block_is_data():
    assert decode(b"\0\3\0\1") == Data(1, b"")


@pytest.mark.parametrize(
    ("tail", "wanted"),
    [
        (b"", 0),
        (b"\x04", 4),  # Windows' loader, where msftwindow was negotiated
        (b"\0\0\0\0", 0),  # some stacks pad to eight
        (b"\x04\xff\xff", 4),
    ],
)
def test_an_ack_may_say_how_many_blocks_are_wanted(tail, wanted):
    assert decode(b"\0\4\0\7" + tail) == Ack(7, wanted)


@pytest.mark.parametrize("tail", [b"\0", b"", b"\0junk"])
def test_an_error_message_ends_with_its_nul_or_the_packet(tail):
    assert decode(b"\0\5\0\1no such file" + tail) == Error(1, b"no such file")


def test_an_oack_ends_with_the_nul_of_its_last_value():
    # Cisco's and U-Boot's parsers fail on anything behind it.
    assert OptionAck(((b"blksize", b"1432"),)).encode() == b"\0\6blksize\x001432\0"


@pytest.mark.parametrize(
    "raw",
    [
        b"\0\1",  # nothing
        b"\0\1file\0",  # no mode
        b"\0\1file\0octet",  # mode without its NUL
        b"\0\1file\0binary\0",  # a mode that does not exist
        b"\0\1" + b"x" * REQUEST_MAX + b"\0octet\0",  # too long
    ],
)
def test_a_broken_request_is_no_packet(raw):
    with pytest.raises(DecodeError):
        decode(raw)


@pytest.mark.parametrize("length", range(9))
def test_T1_every_opcode_at_every_short_length_is_a_packet_or_an_error(length):
    for opcode in range(65536):
        raw = (opcode.to_bytes(2) + b"\0a\0octet\0")[:length]
        try:
            decode(raw)
        except DecodeError:
            continue
        assert length >= 4
        assert 1 <= opcode <= 6


@given(st.binary(max_size=1600))
def test_T1_any_bytes_are_a_packet_or_an_error(raw):
    try:
        packet = decode(raw)
    except DecodeError:
        return
    assert decode(packet.encode()) == packet


@given(st.integers(1, 6), st.binary(max_size=100))
def test_T1_any_bytes_after_an_opcode_are_a_packet_or_an_error(opcode, raw):
    try:
        decode(opcode.to_bytes(2) + raw)
    except DecodeError:
        pass


@given(packets)
def test_what_was_encoded_decodes_to_the_same(packet):
    assert decode(packet.encode()) == packet


@given(packets, st.data())
def test_a_packet_cut_anywhere_is_a_packet_or_an_error(packet, data):
    raw = packet.encode()
    cut = data.draw(st.integers(0, len(raw)))
    try:
        decode(raw[:cut])
    except DecodeError:
        pass


@given(st.builds(ReadRequest, text, mode, options), st.binary(max_size=8))
def test_a_tail_never_changes_what_a_request_said(packet, tail):
    longer = decode(packet.encode() + tail)
    assert (longer.filename, longer.mode) == (packet.filename, packet.mode)
    assert longer.options[: len(packet.options)] == packet.options


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x06\x00\x00",  # OACK; an option without a name
        b"\x00\x06tsize\x00",  # OACK; an option without a value
    ],
)
def test_an_OACK_that_acknowledges_no_option_is_none(data):
    with pytest.raises(DecodeError):
        decode(data)

"""DHCP messages: RFC 2131, section 2."""

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.dhcp.packet import SIZE_MIN, Frame, decode, mac_text
from fastboot.errors import DecodeError

from .recorded import RECORDED

COOKIE = b"\x63\x82\x53\x63"

HEAD = (
    b"\x01"  # op: BOOTREQUEST
    b"\x01"  # htype: Ethernet
    b"\x06"  # hlen
    b"\x02"  # hops
    b"\x12\x34\x56\x78"  # xid
    b"\x00\x04"  # secs
    b"\x80\x00"  # flags: broadcast
    b"\xc0\x00\x02\x05"  # ciaddr 192.0.2.5
    b"\xc0\x00\x02\x06"  # yiaddr 192.0.2.6
    b"\xc0\x00\x02\x07"  # siaddr 192.0.2.7
    b"\xc0\x00\x02\x08"  # giaddr 192.0.2.8
    b"\x52\x54\x00\x12\x34\x56" + bytes(10)  # chaddr
)
SNAME = b"192.0.2.7".ljust(64, b"\0")
FILE = b"undionly.kpxe".ljust(128, b"\0")
PACKET = (
    HEAD
    + SNAME
    + FILE
    + COOKIE
    + (
        b"\x35\x01\x01"  # 53: DISCOVER
        b"\x3c\x09PXEClient"  # 60
        b"\xff"
    ).ljust(60, b"\0")
)

FRAME = Frame(
    op=1,
    xid=0x12345678,
    chaddr=b"\x52\x54\x00\x12\x34\x56",
    options=((53, b"\x01"), (60, b"PXEClient")),
    hops=2,
    secs=4,
    flags=0x8000,
    ciaddr=IPv4Address("192.0.2.5"),
    yiaddr=IPv4Address("192.0.2.6"),
    siaddr=IPv4Address("192.0.2.7"),
    giaddr=IPv4Address("192.0.2.8"),
    sname=b"192.0.2.7",
    file=b"undionly.kpxe",
)

names = st.binary(max_size=64).map(lambda raw: raw.replace(b"\0", b"x"))
addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
values = st.one_of(st.binary(max_size=20), st.binary(min_size=250, max_size=600))
codes = st.integers(1, 254).filter(lambda code: code not in (52, 53))
frames = st.builds(
    Frame,
    op=st.sampled_from([1, 2]),
    xid=st.integers(0, 2**32 - 1),
    chaddr=st.binary(max_size=16),
    options=st.dictionaries(codes, values, max_size=5).map(
        lambda found: ((53, b"\x01"), *found.items())
    ),
    htype=st.integers(0, 255),
    hops=st.integers(0, 255),
    secs=st.integers(0, 65535),
    flags=st.integers(0, 65535),
    ciaddr=addresses,
    yiaddr=addresses,
    siaddr=addresses,
    giaddr=addresses,
    sname=names,
    file=names,
)


def packet(options, sname=SNAME, file=FILE, head=HEAD):
    return head + sname + file + COOKIE + options


def test_each_field_is_read_from_its_place():
    assert decode(PACKET) == FRAME


def test_each_field_is_written_to_its_place():
    assert FRAME.encode() == PACKET


def test_messages_are_padded_to_the_size_of_bootp():
    assert len(Frame(op=1, xid=0, chaddr=bytes(6)).encode()) == SIZE_MIN == 300


@given(frames)
def test_what_is_written_is_read(frame):
    assert decode(frame.encode()) == frame


@given(st.one_of(st.binary(max_size=700), st.binary(max_size=300).map(packet)))
def test_any_bytes_are_a_message_that_can_be_written_or_a_decode_error(data):
    try:
        frame = decode(data)
    except DecodeError:
        return
    assert decode(frame.encode()) == frame


@given(frames, st.data())
def test_one_changed_byte_is_a_message_or_a_decode_error(frame, data):
    raw = bytearray(frame.encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(raw))
    except DecodeError:
        pass


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_messages_survive_a_round_trip(name):
    frame = decode(RECORDED[name])
    assert frame.message_type is not None
    assert decode(frame.encode()) == frame


@pytest.mark.parametrize("name", RECORDED)
def test_D1_every_prefix_of_real_packets_is_a_message_or_a_decode_error(name):
    data = RECORDED[name]
    for length in range(len(data)):
        try:
            frame = decode(data[:length])
        except DecodeError:
            continue
        assert length >= 240
        assert frame.xid == decode(data).xid


@pytest.mark.parametrize("length", [0, 1, 235, 236, 239])
def test_D1_messages_without_an_options_field_are_none(length):
    with pytest.raises(DecodeError):
        decode(PACKET[:length])


def test_D1_a_wrong_cookie_is_no_message():
    with pytest.raises(DecodeError, match="cookie"):
        decode(PACKET.replace(COOKIE, b"\x63\x82\x53\x64"))


@pytest.mark.parametrize("op", [0, 3, 255])
def test_D1_an_unknown_op_is_no_message(op):
    with pytest.raises(DecodeError, match="op"):
        decode(bytes((op,)) + PACKET[1:])


@pytest.mark.parametrize("hlen", [17, 255])
def test_D1_a_hardware_address_longer_than_its_field_is_no_message(hlen):
    with pytest.raises(DecodeError, match="hardware address"):
        decode(PACKET[:2] + bytes((hlen,)) + PACKET[3:])


def test_D1_a_hardware_address_may_be_empty():
    assert decode(PACKET[:2] + b"\0" + PACKET[3:]).chaddr == b""


def test_D2_option_length_overrun_is_no_message():
    with pytest.raises(DecodeError, match="overruns"):
        decode(packet(b"\x35\x01\x01\x3c\x09PXE"))


def test_D2_missing_end_is_tolerated():
    assert decode(packet(b"\x35\x01\x01")).message_type == 1


@pytest.mark.parametrize("options", [b"\x35\x00\xff", b"\x35\x01\x01\x35\x01\x03\xff"])
def test_D2_message_type_twice_or_empty_is_no_message(options):
    with pytest.raises(DecodeError, match="message type"):
        decode(packet(options))


@pytest.mark.parametrize("code", [12, 55, 61, 81, 82, 93, 97])
def test_D2_other_options_may_be_empty(code):
    options = b"\x35\x01\x01" + bytes((code, 0)) + b"\xff"
    assert decode(packet(options)).option(code) == b""


def test_D2_a_message_without_a_type_is_bootp():
    assert decode(packet(b"\xff")).message_type is None


@pytest.mark.parametrize("value", [b"\x01\x00", b"\x01\x04", b"\x01\xff", b"\x00"])
def test_D3_an_overload_of_another_value_is_no_message(value):
    with pytest.raises(DecodeError, match="overload"):
        decode(packet(b"\x35\x01\x01\x34" + value + b"\xff"))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, ((53, b"\x01"), (67, b"from file"))),
        (2, ((53, b"\x01"), (66, b"from sname"))),
        (3, ((53, b"\x01"), (67, b"from file"), (66, b"from sname"))),
    ],
)
def test_D3_overloaded_fields_are_read_file_before_sname(value, found):
    file = b"\x43\x09from file\xff".ljust(128, b"\0")
    sname = b"\x42\x0afrom sname\xff".ljust(64, b"\0")
    options = b"\x35\x01\x01\x34\x01" + bytes((value,)) + b"\xff"
    frame = decode(packet(options, sname, file))
    assert frame.options == found
    assert (frame.file == b"") == bool(value & 1)
    assert (frame.sname == b"") == bool(value & 2)


def test_D3_an_overload_inside_an_overloaded_field_means_nothing():
    file = b"\x34\x01\x02\x43\x01f\xff".ljust(128, b"\0")  # 52 once more: sname
    frame = decode(packet(b"\x35\x01\x01\x34\x01\x01\xff", SNAME, file))
    assert frame.options == ((53, b"\x01"), (67, b"f"))
    assert frame.sname == b"192.0.2.7"


def test_D4_a_value_may_be_split_over_all_three_fields():
    file = b"\x43\x01b\xff".ljust(128, b"\0")
    sname = b"\x43\x01c\xff".ljust(64, b"\0")
    options = b"\x43\x01a\x35\x01\x01\x34\x01\x03\xff"
    assert decode(packet(options, sname, file)).option(67) == b"abc"


@given(
    st.lists(st.tuples(st.integers(1, 50), st.binary(max_size=20)), max_size=6),
    st.lists(st.integers(0, 3), min_size=7, max_size=7),
)
def test_D2_pads_between_options_mean_nothing(options, pads):
    parts = [bytes((code, len(value))) + value for code, value in options]
    padded = [b"\0" * count + part for part, count in zip(parts, pads, strict=False)]
    assert decode(packet(b"".join(padded) + b"\xff")) == decode(
        packet(b"".join(parts) + b"\xff")
    )


def test_names_that_fill_their_fields_need_no_nul():
    frame = decode(packet(b"\xff", b"s" * 64, b"f" * 128))
    assert (frame.sname, frame.file) == (b"s" * 64, b"f" * 128)


def test_bytes_behind_a_name_are_not_its_part():
    frame = decode(packet(b"\xff", file=b"name\0rubbish".ljust(128, b"\xff")))
    assert frame.file == b"name"


@pytest.mark.parametrize(
    "fields",
    [
        {"chaddr": bytes(17)},
        {"sname": b"s" * 65},
        {"file": b"f" * 129},
        {"file": b"a\0b"},
        {"sname": b"a\0b"},
        {"xid": 2**32},
        {"secs": -1},
        {"options": ((53, b"\x01"), (53, b"\x01"))},
        {"options": ((52, b"\x01"),)},
        {"options": ((0, b""),)},
    ],
)
def test_a_message_that_cannot_be_said_is_not_written(fields):
    with pytest.raises(ValueError, match=r"."):
        Frame(**{"op": 1, "xid": 1, "chaddr": bytes(6), **fields}).encode()


def test_D5_a_message_is_never_longer_than_its_limit():
    frame = Frame(op=2, xid=1, chaddr=bytes(6), options=((67, b"x" * 400),))
    size = len(frame.encode())
    assert len(frame.encode(limit=size)) == size
    with pytest.raises(ValueError, match="bytes"):
        frame.encode(limit=size - 1)


def test_lengths_of_options_sum_up_to_the_area():
    frame = Frame(op=2, xid=1, chaddr=bytes(6), options=((67, b"x" * 400), (66, b"y")))
    data = frame.encode()
    assert len(data) == struct.calcsize("236x4x") + (400 + 4) + (1 + 2) + 1


def test_hardware_addresses_are_shown_with_colons():
    assert mac_text(b"\x52\x54\x00\x12\x34\x56") == "52:54:00:12:34:56"

"""DHCPv6 messages and options as bytes (RFC 8415)."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.dhcp.v6.options import (
    Association,
    Code,
    Status,
    classes,
    decode_area,
    encode_area,
    encode_vendor_class,
    status,
    vendor_class,
)
from fastboot.dhcp.v6.packet import Kind, Message, Relayed, decode, unwrap, wrap
from fastboot.errors import DecodeError

LINK = IPv6Address("fd00:1::1")
PEER = IPv6Address("fe80::1")

SOLICIT = (
    b"\x01"  # SOLICIT
    b"\x12\x34\x56"  # transaction-id
    b"\x00\x01\x00\x0a"  # CLIENT_ID, 10 bytes
    b"\x00\x03\x00\x01"  # DUID-LL, Ethernet
    b"\x52\x54\x00\x12\x34\x56"
    b"\x00\x03\x00\x0c"  # IA_NA, 12 bytes
    b"\x00\x00\x00\x07"  # IAID
    b"\x00\x00\x00\x00\x00\x00\x00\x00"  # T1, T2
    b"\x00\x0e\x00\x00"  # RAPID_COMMIT, empty
)

values = st.binary(max_size=40)
areas = st.lists(st.tuples(st.integers(1, 0xFFFF), values), max_size=6).map(tuple)
addresses = st.ip_addresses(v=6)
messages = st.builds(
    Message,
    kind=st.integers(Kind.SOLICIT, Kind.INFORMATION_REQUEST),
    xid=st.integers(0, 0xFFFFFF),
    options=areas,
)
relayed = st.builds(
    Relayed,
    kind=st.sampled_from((Kind.RELAY_FORWARD, Kind.RELAY_REPLY)),
    hops=st.integers(0, 255),
    link=addresses,
    peer=addresses,
    options=areas,
)


def test_a_solicit_is_read():
    message = decode(SOLICIT)
    assert (message.kind, message.xid) == (Kind.SOLICIT, 0x123456)
    assert message.option(Code.CLIENT_ID) == bytes.fromhex("00030001525400123456")
    assert message.option(Code.RAPID_COMMIT) == b""
    assert Association.decode(message.option(Code.IA_NA)) == Association(7)
    assert message.encode() == SOLICIT


@given(st.one_of(messages, relayed))
def test_what_is_written_is_read_back(packet):
    assert decode(packet.encode()) == packet


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data):
    try:
        packet = decode(data)
    except DecodeError:
        return
    assert packet.encode() == data


@given(st.binary(max_size=200))
def test_any_bytes_through_relays_are_a_message_or_an_error(data):
    try:
        unwrap(decode(b"\x0c\x00" + bytes(32) + b"\x00\x09" + _length(data) + data))
    except DecodeError:
        return


def _length(data):
    return len(data).to_bytes(2, "big")


@pytest.mark.parametrize("size", range(1, len(SOLICIT)))
def test_a_message_cut_anywhere_is_one_with_fewer_options_or_an_error(size):
    try:
        message = decode(SOLICIT[:size])
    except DecodeError:
        return
    assert message.options == decode(SOLICIT).options[: len(message.options)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\x00\x00\x00\x00", "type 0 is unknown"),
        (b"\x0e\x00\x00\x00", "type 14 is unknown"),
        (b"\x01\x00\x00", "too short"),
        (b"\x0c" + bytes(32), "too short"),
        (b"\x01\x00\x00\x00\x00\x01\x00", "no length"),
        (b"\x01\x00\x00\x00\x00\x01\x00\x02\xff", "option 1 overruns"),
    ],
)
def test_D2_what_is_malformed_is_an_error(data, words):
    with pytest.raises(DecodeError, match=words):
        decode(data)


def forward(inner, link=LINK, peer=PEER, *more):
    options = (*more, (Code.RELAY_MESSAGE, inner.encode()))
    return Relayed(Kind.RELAY_FORWARD, 0, link, peer, options)


def test_a_message_is_taken_out_of_its_relays_and_the_reply_put_back_into_them():
    question = Message(Kind.SOLICIT, 1)
    near = forward(question, LINK, PEER, (Code.INTERFACE_ID, b"port 7"))
    far = forward(near, IPv6Address("::"), LINK)
    message, relays = unwrap(decode(far.encode()))
    assert message == question
    assert relays == (far, near)
    answer = Message(Kind.ADVERTISE, 1)
    outer = decode(wrap(answer, relays))
    assert (outer.kind, outer.peer) == (Kind.RELAY_REPLY, LINK)
    inner = decode(outer.option(Code.RELAY_MESSAGE))
    assert (inner.link, inner.peer) == (LINK, PEER)
    assert inner.option(Code.INTERFACE_ID) == b"port 7"
    assert decode(inner.option(Code.RELAY_MESSAGE)) == answer


def test_without_relays_a_reply_is_sent_as_it_is():
    answer = Message(Kind.REPLY, 7)
    assert wrap(answer, ()) == answer.encode()


def test_a_message_that_passed_too_many_relays_is_an_error():
    packet = Message(Kind.SOLICIT, 1)
    for _ in range(10):
        packet = forward(packet)
    with pytest.raises(DecodeError, match="too many relays"):
        unwrap(decode(packet.encode()))


def test_a_relay_that_passes_nothing_on_is_an_error():
    with pytest.raises(DecodeError, match="passed nothing on"):
        unwrap(Relayed(Kind.RELAY_FORWARD, 0, LINK, PEER))


def test_a_relays_reply_is_not_taken_for_a_question():
    with pytest.raises(DecodeError, match="not for a server"):
        unwrap(Relayed(Kind.RELAY_REPLY, 0, LINK, PEER))


def test_an_association_with_an_address():
    given_ = Association(7, (IPv6Address("fd00::5"),), preferred=3600, valid=7200)
    value = given_.encode()
    assert (
        value
        == (
            b"\x00\x00\x00\x07"  # IAID
            b"\x00\x00\x07\x08"  # T1: half of 3600
            b"\x00\x00\x0b\x40"  # T2: four fifths of it
            b"\x00\x05\x00\x18"  # IA_ADDRESS, 24 bytes
            b"\xfd\x00" + bytes(13) + b"\x05"
            b"\x00\x00\x0e\x10"  # preferred
            b"\x00\x00\x1c\x20"  # valid
        )
    )
    assert Association.decode(value).addresses == given_.addresses


def test_an_association_without_one_says_why():
    value = Association(7, problem=Status.NO_ADDRESSES).encode()
    assert decode_area(value[12:]) == ((Code.STATUS_CODE, b"\x00\x02"),)


@pytest.mark.parametrize(
    "value",
    [b"", bytes(11), bytes(12) + b"\x00\x05\x00\x02xx", bytes(12) + b"\x00\x05\x00"],
)
def test_D2_a_malformed_association_is_an_error(value):
    with pytest.raises(DecodeError):
        Association.decode(value)


@given(values)
def test_any_association_is_one_or_an_error(value):
    try:
        Association.decode(value)
    except DecodeError:
        pass


def test_a_status_has_a_number_and_words():
    assert status(Status.NOT_ON_LINK, "no") == (Code.STATUS_CODE, b"\x00\x04no")


def test_the_vendor_class_is_where_edk2_looks_for_it():
    value = encode_vendor_class(b"HTTPClient")
    assert value[6:] == b"HTTPClient"
    assert value[:4] == (343).to_bytes(4, "big")
    assert vendor_class(value) == b"HTTPClient"


def test_a_vendor_class_of_another_enterprise_says_nothing():
    assert vendor_class(b"\x00\x00\x01\x37" + b"\x00\x08MSFT 5.0") is None


@pytest.mark.parametrize("value", [b"\x00\x05abc", b"\x00", b"\x00\x01a\x00"])
def test_D2_a_class_that_overruns_is_an_error(value):
    with pytest.raises(DecodeError):
        classes(value)
    with pytest.raises(DecodeError):
        vendor_class(b"\x00\x00\x01\x57" + value)


def test_an_option_of_the_number_that_nobody_has_is_written_as_it_was_read():
    area = bytes((0, 0, 0, 1, 7))  # code 0, which is reserved; 1 byte
    assert encode_area(decode_area(area)) == area


def test_options_too_long_for_their_field_cannot_be_written():
    with pytest.raises(ValueError, match="cannot be written"):
        encode_area(((1, bytes(70_000)),))

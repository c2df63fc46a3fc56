"""What boot clients put into options: RFC 4578, PXE 2.1, RFC 3004 and iPXE."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.boot.machine import Machine
from fastboot.dhcp import pxe
from fastboot.errors import DecodeError

suboptions = st.lists(
    st.tuples(st.integers(1, 254), st.binary(max_size=20)), max_size=10
).map(tuple)


def test_the_option_that_says_boot_now_is_the_one_firmware_knows():
    assert pxe.BOOT_NOW == b"\x06\x01\x08\xff"


@given(suboptions)
def test_suboptions_that_are_written_are_read(items):
    assert pxe.decode_suboptions(pxe.encode_suboptions(items)) == items


@given(st.binary(max_size=300))
def test_any_bytes_are_suboptions_or_a_decode_error(value):
    try:
        pxe.decode_suboptions(value)
    except DecodeError:
        pass


@pytest.mark.parametrize(
    "items", [((0, b""),), ((255, b""),), ((9, bytes(256)),), ((9, bytes(253)),) * 2]
)
def test_suboptions_that_do_not_fit_are_not_written(items):
    with pytest.raises(ValueError, match=r"cannot be written|too long"):
        pxe.encode_suboptions(items)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            b"PXEClient:Arch:00007:UNDI:003016",
            pxe.VendorClass(b"PXEClient", 7, (3, 16)),
        ),
        (b"PXEClient:Arch:00011", pxe.VendorClass(b"PXEClient", 11)),  # decimal: ARM64
        (
            b"HTTPClient:Arch:00016:UNDI:003001",
            pxe.VendorClass(b"HTTPClient", 16, (3, 1)),
        ),
        (b"PXEClient", pxe.VendorClass(b"PXEClient")),
        (b"PXEClient:Arch:0000B:UNDI:003016", pxe.VendorClass(b"PXEClient")),
        (b"PXEClient:Arch:99999", pxe.VendorClass(b"PXEClient")),
        (b"PXEClient:Arch:+0007", pxe.VendorClass(b"PXEClient")),
        (b"PXEClient:Arch:\xd9\xa0" + b"0007", pxe.VendorClass(b"PXEClient")),
    ],
)
def test_a_boot_clients_vendor_class_is_read(value, found):
    assert pxe.vendor_class(value) == found


@pytest.mark.parametrize(
    "value", [b"", b"U-Boot.armv8", b"MSFT 5.0", b"AAPLBSDPC/i386", b"xPXEClient"]
)
def test_other_vendor_classes_are_none(value):
    assert pxe.vendor_class(value) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"iPXE", (b"iPXE",)),  # raw, as iPXE sends it
        (b"\x04iPXE", (b"iPXE",)),  # RFC 3004
        (b"\x04iPXE\x03lab", (b"iPXE", b"lab")),
        (b"\x04iPXE\x00", (b"\x04iPXE\x00",)),  # no text is empty
        (b"", ()),
    ],
)
def test_user_classes_are_read_in_both_forms(value, found):
    assert pxe.user_classes(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"\x00\x07", (7,)),
        (b"\x00\x06\x00\x07", (6, 7)),
        (b"\xff\xff", (0xFFFF,)),
        (b"\x00\x07\x00", (7,)),
        (b"\x07", ()),
        (b"", ()),
    ],
)
def test_architectures_are_a_list_of_16_bits(value, found):
    assert pxe.architectures(value) == found


def test_the_first_fields_of_a_uuid_are_little_endian():
    value = b"\0" + bytes.fromhex("33221100554477668899aabbccddeeff")
    machine = Machine("52:54:00:00:00:07", number=pxe.machine_number(value))
    assert machine.uuid == UUID("00112233-4455-6677-8899-aabbccddeeff")


@pytest.mark.parametrize(
    "value",
    [
        b"\0" + bytes(16),  # no number of its own
        b"\0" + b"\xff" * 16,
        b"\1" + bytes(range(16)),  # another type
        b"\0" + bytes(range(15)),
        b"",
    ],
)
def test_a_machine_without_a_uuid_has_none(value):
    assert pxe.machine_number(value) == b""


def test_a_machine_without_a_number_has_no_uuid():
    assert Machine("52:54:00:00:00:07").uuid is None


def test_ipxe_tells_what_it_was_built_with():
    value = (
        b"\x13\x01\x01"  # HTTP: yes
        b"\x14\x01\x00"  # HTTPS: no
        b"\xeb\x03\x01\x15\x01"  # version 1.21.1
    )
    assert pxe.ipxe_features(value) == {pxe.Feature.HTTP, 0xEB}


def test_D2_features_that_overrun_their_option_are_a_decode_error():
    with pytest.raises(DecodeError):
        pxe.ipxe_features(b"\x13\x05\x01")


@pytest.mark.parametrize(
    ("value", "item"),
    [
        (b"\x47\x04\x80\x00\x00\x00\xff", b"\x80\x00\x00\x00"),  # 71: type 0x8000
        (b"\x47\x03\x80\x00\x00\xff", None),
        (b"\x06\x01\x08\xff", None),
        (b"\x47\x09\x80", None),
        (b"", None),
    ],
)
def test_the_boot_item_asked_for_is_found(value, item):
    assert pxe.boot_item(value) == item


@given(st.binary(max_size=300))
def test_D15_any_text_is_read_without_an_error(value):
    pxe.vendor_class(value)
    pxe.user_classes(value)
    pxe.architectures(value)
    pxe.machine_number(value)
    pxe.boot_item(value)

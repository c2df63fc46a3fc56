"""What boot clients put into DHCP options: PXE (RFC 4578), HTTP boot and iPXE.

The layouts inside options 43 and 60 are those of Intel's PXE specification 2.1; the
UEFI specification adds "HTTPClient"; option 175 is iPXE's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from fastboot.errors import DecodeError

from .options import Code, Options, decode_area, get

PXE_CLIENT = b"PXEClient"
HTTP_CLIENT = b"HTTPClient"
"""The beginnings of option 60 that boot clients send and want to see in a reply."""


_remembered = lru_cache(256)
"""Machines of one make say the same about themselves, byte for byte."""


class Sub(IntEnum):
    """Sub-options of option 43 between PXE clients and servers."""

    DISCOVERY_CONTROL = 6
    BOOT_SERVERS = 8
    BOOT_MENU = 9
    MENU_PROMPT = 10
    BOOT_ITEM = 71


class Feature(IntEnum):
    """Sub-options of option 175 by which iPXE tells what it was built with."""

    PRIORITY = 0x01  # told to it: a signed byte, 0 where it is left out
    ISCSI = 0x11
    AOE = 0x12
    HTTP = 0x13
    HTTPS = 0x14
    TFTP = 0x15
    DNS = 0x17
    BZIMAGE = 0x18
    PXE = 0x21
    EFI = 0x24
    MENU = 0x27


def encode_suboptions(items: Options) -> bytes:
    r"""Option 43's value: each item as code, length, bytes; then END.

        >>> encode_suboptions(((Sub.DISCOVERY_CONTROL, b"\x08"),)).hex(" ")
        '06 01 08 ff'

    Raises:
        ValueError: An item or the whole does not fit; option 43 is never split.
    """
    value = bytearray()
    for code, data in items:
        if not 0 < code < Code.END or len(data) > 255:
            raise ValueError(f"sub-option {code} cannot be written")
        value += bytes((code, len(data))) + data
    value.append(Code.END)
    if len(value) > 255:
        raise ValueError("option 43 is too long")
    return bytes(value)


def decode_suboptions(value: bytes) -> Options:
    """The sub-options in the value of option 43 or 175.

    Raises:
        DecodeError: One overruns the value.
    """
    return decode_area(value)


BOOT_NOW = encode_suboptions(((Sub.DISCOVERY_CONTROL, b"\x08"),))
"""Option 43 that says: no menu, no discovery, load the named file at once."""

IPXE_PRIORITY = bytes((Feature.PRIORITY, 1, 1))
"""Option 175 that makes iPXE heed a proxy more than the DHCP server that gave it its
address: of settings of the same priority it takes those of its network card, and with
them a boot file that the router names."""

_RASPBERRY = b"Raspberry Pi Boot"

RASPBERRY_PI_BOOT = encode_suboptions(
    (
        (Sub.DISCOVERY_CONTROL, b"\x03"),  # neither broadcast nor multicast
        (Sub.MENU_PROMPT, b"\0PXE"),  # at once
        (Sub.BOOT_MENU, b"\0\0" + bytes((len(_RASPBERRY),)) + _RASPBERRY),
    )
)
"""Option 43 without which a Raspberry Pi takes no offer."""


@dataclass(frozen=True, slots=True)
class VendorClass:
    """Option 60 of a boot client: "PXEClient:Arch:00007:UNDI:003016".

    Attributes:
        client: PXE_CLIENT or HTTP_CLIENT.
        architecture: The number behind "Arch:", decimal here; None where missing.
        undi: Major and minor version behind "UNDI:"; None where missing.
    """

    client: bytes
    architecture: int | None = None
    undi: tuple[int, int] | None = None


_VENDOR_CLASS = re.compile(
    rb"(PXEClient|HTTPClient)(?::Arch:([0-9]{5}))?(?::UNDI:([0-9]{3})([0-9]{3}))?"
)


@_remembered
def vendor_class(value: bytes) -> VendorClass | None:
    """What option 60 tells; None where it is not that of a boot client.

    >>> vendor_class(b"HTTPClient:Arch:00016:UNDI:003001").architecture
    16
    >>> vendor_class(b"U-Boot.armv8")
    """
    match = _VENDOR_CLASS.match(value)
    if match is None:
        return None
    client, digits, major, minor = match.groups()
    architecture = int(digits) if digits else None
    if architecture is not None and architecture > 0xFFFF:
        architecture = None
    return VendorClass(
        client, architecture, (int(major), int(minor)) if major else None
    )


@_remembered
def user_classes(value: bytes) -> tuple[bytes, ...]:
    r"""The texts in option 77 (RFC 3004, section 4), or its whole value.

    iPXE sends its name without the length byte that the RFC asks for, so whatever
    cannot be read as lengths and texts is one text.

        >>> user_classes(b"iPXE"), user_classes(b"\x04iPXE")
        ((b'iPXE',), (b'iPXE',))
    """
    classes = []
    at = 0
    while at < len(value):
        end = at + 1 + value[at]
        if value[at] == 0 or end > len(value):
            return (value,)
        classes.append(value[at + 1 : end])
        at = end
    return tuple(classes)


@_remembered
def architectures(value: bytes) -> tuple[int, ...]:
    r"""The numbers in option 93 (RFC 4578, section 2.1): 16 bits each, a list.

    A byte left over at the end is not looked at.

        >>> architectures(b"\x00\x07\x00\x10")
        (7, 16)
    """
    return tuple(
        int.from_bytes(value[at : at + 2], "big") for at in range(0, len(value) - 1, 2)
    )


_BLANK = (bytes(16), b"\xff" * 16)


def machine_number(value: bytes) -> bytes:
    """The machine's UUID in option 97 (RFC 4578, section 2.3), 16 bytes as they came.

    Firmware copies the bytes of its SMBIOS table, where the first three fields are
    little-endian. Machines without a number of their own send zeros or ones: b"".
    """
    number = value[1:]
    if len(value) != 17 or value[0] != 0 or number in _BLANK:
        return b""
    return number


@_remembered
def ipxe_features(value: bytes) -> frozenset[int]:
    """What an iPXE was built with, from option 175: `Feature`s and others.

    Raises:
        DecodeError: A sub-option overruns the value.
    """
    return frozenset(code for code, data in decode_suboptions(value) if any(data))


def boot_item(value: bytes) -> bytes | None:
    """The boot item (type and layer) that a request's option 43 asks for, raw.

    None where there is none of the right size, or option 43 is of another make.
    """
    try:
        item = get(decode_suboptions(value), Sub.BOOT_ITEM)
    except DecodeError:
        return None
    return item if item is not None and len(item) == 4 else None

"""DHCP options: their numbers, their area, and values of fixed form.

Implements the option format of RFC 2132 (section 2) and the splitting of long options
of RFC 3396. What is inside an option that PXE defines is in `pxe`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from ipaddress import IPv4Address

from fastboot._ext import twin
from fastboot.errors import DecodeError

Options = tuple[tuple[int, bytes], ...]
"""Option codes with their values, in the order of the message."""

VALUE_MAX = 255
"""Bytes that one option holds; longer values are split (RFC 3396, section 5)."""


class Code(IntEnum):
    """The options that a boot server meets, as the registry of RFC 2939 names them."""

    PAD = 0  # RFC 2132, section 3.1
    SUBNET_MASK = 1  # RFC 2132, section 3.3
    ROUTER = 3  # RFC 2132, section 3.5
    DOMAIN_NAME_SERVER = 6  # RFC 2132, section 3.8
    HOST_NAME = 12  # RFC 2132, section 3.14
    DOMAIN_NAME = 15  # RFC 2132, section 3.17
    BROADCAST_ADDRESS = 28  # RFC 2132, section 5.3
    NTP_SERVER = 42  # RFC 2132, section 8.3
    VENDOR_SPECIFIC = 43  # RFC 2132, section 8.4
    REQUESTED_ADDRESS = 50  # RFC 2132, section 9.1
    LEASE_TIME = 51  # RFC 2132, section 9.2
    OVERLOAD = 52  # RFC 2132, section 9.3
    MESSAGE_TYPE = 53  # RFC 2132, section 9.6
    SERVER_IDENTIFIER = 54  # RFC 2132, section 9.7
    PARAMETER_REQUEST_LIST = 55  # RFC 2132, section 9.8
    MESSAGE = 56  # RFC 2132, section 9.9
    MAX_MESSAGE_SIZE = 57  # RFC 2132, section 9.10
    RENEWAL_TIME = 58  # RFC 2132, section 9.11
    REBINDING_TIME = 59  # RFC 2132, section 9.12
    VENDOR_CLASS = 60  # RFC 2132, section 9.13
    CLIENT_IDENTIFIER = 61  # RFC 2132, section 9.14
    TFTP_SERVER_NAME = 66  # RFC 2132, section 9.4
    BOOTFILE_NAME = 67  # RFC 2132, section 9.5
    USER_CLASS = 77  # RFC 3004, section 4
    RELAY_AGENT_INFORMATION = 82  # RFC 3046, section 2
    CLIENT_ARCHITECTURE = 93  # RFC 4578, section 2.1
    CLIENT_INTERFACE = 94  # RFC 4578, section 2.2
    CLIENT_MACHINE = 97  # RFC 4578, section 2.3
    SUBNET_SELECTION = 118  # RFC 3011, section 2
    IPXE = 175  # iPXE's own, by use (RFC 3942 took it from the site-specific range)
    END = 255  # RFC 2132, section 3.2


_PAD, _END = (
    int(Code.PAD),
    int(Code.END),
)  # comparing enumerations takes four times as long


class MessageType(IntEnum):
    """Values of option 53 (RFC 2132, section 9.6)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


def _decode_area(area: bytes) -> Options:
    r"""The options in an area, as they stand there: nothing is put together.

    Pads are skipped. What follows END is not looked at; a missing END is taken as
    the area's end, for some clients leave it out.

        >>> decode_area(bytes([53, 1, 1, 0, 55, 2, 1, 3, 255, 9, 9]))
        ((53, b'\x01'), (55, b'\x01\x03'))

    Raises:
        DecodeError: An option overruns the area.
    """
    options = []
    at = 0
    while at < len(area):
        code = area[at]
        at += 1
        if code == _END:
            break
        if code == _PAD:
            continue
        if at == len(area):
            raise DecodeError(f"option {code} has no length")
        end = at + 1 + area[at]
        if end > len(area):
            raise DecodeError(f"option {code} overruns its area")
        options.append((code, area[at + 1 : end]))
        at = end
    return tuple(options)


def join(options: Iterable[tuple[int, bytes]]) -> Options:
    r"""Put together the parts of each option, at the first one's place.

    RFC 3396, section 7: a receiver concatenates every option that it meets more than
    once, in the order of the areas.

        >>> join([(66, b"a"), (67, b"b"), (66, b"c")])
        ((66, b'ac'), (67, b'b'))
    """
    found = tuple(options)
    values: dict[int, bytes] = {}
    for code, value in found:
        values[code] = values[code] + value if code in values else value
    return found if len(values) == len(found) else tuple(values.items())


def _encode_area(options: Options) -> bytes:
    """The area that holds these options and END; long values are split.

    Raises:
        ValueError: A code is none: PAD, END, or outside 1..254.
    """
    area = bytearray()
    for code, value in options:
        if not 0 < code < _END:
            raise ValueError(f"{code} is no option's code")
        while len(value) > VALUE_MAX:
            area += bytes((code, VALUE_MAX)) + value[:VALUE_MAX]
            value = value[VALUE_MAX:]
        area += bytes((code, len(value))) + value
    area.append(_END)
    return bytes(area)


def get(options: Options, code: int) -> bytes | None:
    """The value of the first option `code`; None where there is none."""
    for found, value in options:
        if found == code:
            return value
    return None


def number(options: Options, code: int, size: int) -> int | None:
    r"""A whole number of `size` bytes; None where it is absent or of another size.

    >>> number(((57, b"\x05\xc0"),), Code.MAX_MESSAGE_SIZE, 2)
    1472
    """
    value = get(options, code)
    if value is None or len(value) != size:
        return None
    return int.from_bytes(value, "big")


def address(options: Options, code: int) -> IPv4Address | None:
    """An IPv4 address; None where it is absent or not of four bytes."""
    value = get(options, code)
    return IPv4Address(value) if value is not None and len(value) == 4 else None


_twin = twin("dhcp_options")
decode_area = _decode_area if _twin is None else _twin.decode_area
encode_area = _encode_area if _twin is None else _twin.encode_area

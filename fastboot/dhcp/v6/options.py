"""DHCPv6 options: their numbers, their area, and values of fixed form (RFC 8415)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address

from fastboot.errors import DecodeError

Options = tuple[tuple[int, bytes], ...]
"""Option codes with their values, in the order of the message; a code may come again."""

ENTERPRISE = 343
"""The enterprise number in vendor classes of PXE and HTTP boot: Intel's, for want of one
of their own."""


class Code(IntEnum):
    """The options that a boot server meets (RFC 8415, section 21, where no other)."""

    CLIENT_ID = 1
    SERVER_ID = 2
    IA_NA = 3
    IA_ADDRESS = 5
    OPTION_REQUEST = 6
    PREFERENCE = 7
    ELAPSED_TIME = 8
    RELAY_MESSAGE = 9
    STATUS_CODE = 13
    RAPID_COMMIT = 14
    USER_CLASS = 15
    VENDOR_CLASS = 16
    INTERFACE_ID = 18
    DNS_SERVERS = 23  # RFC 3646, section 3
    INFORMATION_REFRESH_TIME = 32
    BOOTFILE_URL = 59  # RFC 5970, section 3.1
    BOOTFILE_PARAMETERS = 60  # RFC 5970, section 3.2
    CLIENT_ARCHITECTURE = 61  # RFC 5970, section 3.3
    CLIENT_INTERFACE = 62  # RFC 5970, section 3.4
    CLIENT_LINK_ADDRESS = 79  # RFC 6939, section 4


class Status(IntEnum):
    """Values of STATUS_CODE (RFC 8415, section 21.13)."""

    SUCCESS = 0
    UNSPECIFIED_FAILURE = 1
    NO_ADDRESSES = 2
    NO_BINDING = 3
    NOT_ON_LINK = 4
    USE_MULTICAST = 5


def decode_area(area: bytes) -> Options:
    r"""The options in an area.

        0                   2                   4
        +-------------------+-------------------+---------
        |       code        |      length       | value ...
        +-------------------+-------------------+---------

        >>> decode_area(bytes([0, 7, 0, 1, 255, 0, 14, 0, 0]))
        ((7, b'\xff'), (14, b''))

    Raises:
        DecodeError: An option overruns the area.
    """
    options = []
    at = 0
    while at < len(area):
        if at + 4 > len(area):
            raise DecodeError("an option has no length")
        code = int.from_bytes(area[at : at + 2], "big")
        end = at + 4 + int.from_bytes(area[at + 2 : at + 4], "big")
        if end > len(area):
            raise DecodeError(f"option {code} overruns its area")
        options.append((code, area[at + 4 : end]))
        at = end
    return tuple(options)


def encode_area(options: Options) -> bytes:
    """The area that holds these options.

    Raises:
        ValueError: A code or a value is too large for its field.
    """
    area = bytearray()
    for code, value in options:
        if not 0 <= code <= 0xFFFF or len(value) > 0xFFFF:
            raise ValueError(f"option {code} of {len(value)} bytes cannot be written")
        area += code.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value
    return bytes(area)


def get(options: Options, code: int) -> bytes | None:
    """The value of the first option `code`; None where there is none."""
    return next((value for found, value in options if found == code), None)


def status(code: Status, text: str = "") -> tuple[int, bytes]:
    """The option that says how it went (section 21.13)."""
    return (Code.STATUS_CODE, code.to_bytes(2, "big") + text.encode())


@dataclass(frozen=True, slots=True)
class Association:
    """Addresses for one interface of a client: the option IA_NA (section 21.4).

        0          4          8          12
        +----------+----------+----------+-------------
        |   IAID   |    T1    |    T2    | options ...
        +----------+----------+----------+-------------

    Attributes:
        iaid: Which of the client's associations it is, 32 bits.
        addresses: The addresses in it.
        problem: A status other than success, instead of addresses.
        preferred: Seconds for which the addresses may be used for anything new.
        valid: Seconds for which they may be used at all.
        withdrawn: Addresses that the client is to use no more: both their times are 0.
    """

    iaid: int
    addresses: tuple[IPv6Address, ...] = ()
    problem: Status | None = None
    preferred: int = 0
    valid: int = 0
    withdrawn: tuple[IPv6Address, ...] = ()

    @classmethod
    def decode(cls, value: bytes) -> Association:
        """What a client asks for; its times are its wishes, which do not bind.

        Raises:
            DecodeError: It is too short, or an option in it is malformed.
        """
        if len(value) < 12:
            raise DecodeError("an IA_NA is too short")
        addresses = []
        for code, inner in decode_area(value[12:]):
            if code == Code.IA_ADDRESS:
                if len(inner) < 24:
                    raise DecodeError("an address in an IA_NA is too short")
                addresses.append(IPv6Address(inner[:16]))
        return cls(int.from_bytes(value[:4], "big"), tuple(addresses))

    def encode(self) -> bytes:
        """The value of the option.

        T1 and T2 are half and four fifths of the preferred time (section 21.4).
        """
        numbers = (self.iaid, self.preferred // 2, self.preferred * 4 // 5)
        head = b"".join(number.to_bytes(4, "big") for number in numbers)
        lives = self.preferred.to_bytes(4, "big") + self.valid.to_bytes(4, "big")
        inner: Options = tuple(
            (Code.IA_ADDRESS, address.packed + times)
            for held, times in ((self.addresses, lives), (self.withdrawn, bytes(8)))
            for address in held
        )
        if self.problem is not None:
            inner = (*inner, status(self.problem))
        return head + encode_area(inner)


def classes(value: bytes) -> tuple[bytes, ...]:
    r"""The strings of a user class, each with its length before it (section 21.15).

    >>> classes(b"\x00\x04iPXE")
    (b'iPXE',)

    Raises:
        DecodeError: A string overruns the option.
    """
    found = []
    at = 0
    while at < len(value):
        end = at + 2 + int.from_bytes(value[at : at + 2], "big")
        if at + 2 > len(value) or end > len(value):
            raise DecodeError("a class overruns its option")
        found.append(value[at + 2 : end])
        at = end
    return tuple(found)


def vendor_class(value: bytes) -> bytes | None:
    r"""The vendor class that a boot client gives itself (section 21.16).

        >>> vendor_class(b"\x00\x00\x01\x57\x00\x09PXEClient")
        b'PXEClient'

    Returns:
        The first string of enterprise 343; None where it is another's.

    Raises:
        DecodeError: It is malformed.
    """
    if len(value) < 4:
        raise DecodeError("a vendor class is too short")
    if int.from_bytes(value[:4], "big") != ENTERPRISE:
        return None
    return next(iter(classes(value[4:])), None)


def encode_vendor_class(text: bytes) -> bytes:
    """A vendor class as EDK2 looks for it: the text six bytes into the option."""
    return ENTERPRISE.to_bytes(4, "big") + len(text).to_bytes(2, "big") + text

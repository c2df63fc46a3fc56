"""What a datagram to the well-known port asks for, before any content is looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fastboot.arrival import Arrival
from fastboot.errors import DecodeError

from .packet import Error, ErrorCode, Options, ReadRequest, WriteRequest, decode

REFLECTORS = frozenset({7, 13, 17, 19, 37, 53, 111, 123, 137, 161, 1900})
"""Source ports of services that answer anything: a request from there is forged to make
two servers talk to each other (CVE-2024-2169)."""

KEPT = 512
"""Requests whose meaning is remembered: a room full of machines asks for the same."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A file is asked for.

    Attributes:
        filename: As the client wrote it.
        name: As it meant it; see `read_name`.
        netascii: Whether line ends are to be converted.
        options: As the client sent them.
    """

    filename: bytes
    name: str
    netascii: bool
    options: Options


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is answered with an error, whatever files there are."""

    filename: bytes
    error: Error


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something that gets no answer; `reason` says why."""

    reason: str


Meaning = Asked | WriteRequest | Refusal | Ignored
"""What `understand` makes of a datagram."""


def forged(port: int, came: Arrival) -> str:
    """Why a datagram cannot come from an honest client; empty: it can.

    Args:
        port: The port that it was sent from.
        came: Where it was sent to.
    """
    if not came.direct:  # RFC 1123, section 4.2.3.5
        return "sent to a broadcast address"
    if port in REFLECTORS:
        return f"sent from port {port}"
    return ""


@lru_cache(KEPT)
def understand(data: bytes) -> Meaning:
    r"""What a datagram means.

    >>> understand(b"\0\1/boot.ipxe\xff\0octet\0").name
    '/boot.ipxe'
    """
    try:
        packet = decode(data)
    except DecodeError as error:
        return Ignored(str(error))
    match packet:
        case ReadRequest(filename, b"mail") | WriteRequest(filename, b"mail"):
            text = b"this server does not know mail mode"
            return Refusal(filename, Error(ErrorCode.ILLEGAL_OPERATION, text))
        case ReadRequest(filename, mode, options):
            netascii = mode == b"netascii"
            return Asked(filename, read_name(filename), netascii, options)
        case WriteRequest():
            return packet
        case _:
            # Never an ERROR: it may be one of ours, come back (CVE-2024-2169).
            return Ignored("no request")


def read_name(filename: bytes) -> str:
    r"""The name a client meant.

    Some ROMs take DHCP's option 67 to end with a NUL, read past its end and append what
    they find there: the 255 that ends all options, and what lies behind it. No name in
    UTF-8 holds that byte.

        >>> read_name(b"pxelinux.0\xff")
        'pxelinux.0'
    """
    name = filename.partition(b"\xff")[0].rstrip(b" ")
    return name.decode("utf-8", "surrogateescape")

"""ICMP echo, by which a server finds out whether somebody has an address (RFC 792)."""

from __future__ import annotations

import struct

from fastboot.errors import DecodeError

REPLY = 0
REQUEST = 8
"""Types of ICMP messages (RFC 792)."""

_ECHO = struct.Struct("!BBHHH")


def encode(identifier: int, sequence: int) -> bytes:
    r"""An echo request without data.

      0        1        2        4            6          8
      +--------+--------+--------+------------+----------+
      |  type  |  code  |checksum| identifier | sequence |
      |   8    |   0    |        |            |          |
      +--------+--------+--------+------------+----------+

        >>> encode(0x1234, 1).hex(" ")
        '08 00 e5 ca 12 34 00 01'

    Args:
        identifier: Says whose it is, 16 bits.
        sequence: Says which, 16 bits.
    """
    # The checksum of these four words, in ones' complement (RFC 1071).
    total = (REQUEST << 8) + identifier + sequence
    total = (total & 0xFFFF) + (total >> 16)
    return _ECHO.pack(REQUEST, 0, ~total & 0xFFFF, identifier, sequence)


def decode_reply(packet: bytes) -> tuple[int, int]:
    """The identifier and sequence of an echo reply, in an IPv4 packet as it came.

    Raises:
        DecodeError: It is no echo reply.
    """
    head = (packet[0] & 0x0F) * 4 if packet else 0
    if head < 20 or len(packet) < head + _ECHO.size:
        raise DecodeError("no ICMP echo")
    kind, code, _, identifier, sequence = _ECHO.unpack_from(packet, head)
    if (kind, code) != (REPLY, 0):
        raise DecodeError(f"ICMP type {kind} is no echo reply")
    return identifier, sequence

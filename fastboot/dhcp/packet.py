"""DHCP messages as bytes: RFC 2131, with the long options of RFC 3396.

Plain BOOTP (RFC 951) without the magic cookie is no message here: nothing that boots
today sends it. Overloaded fields (option 52) are read, never written: iPXE does not
implement them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address

from fastboot.errors import DecodeError

from .options import Code, Options, decode_area, encode_area, get, join

MAGIC_COOKIE = b"\x63\x82\x53\x63"
"""The first bytes of the options field (RFC 2131, section 3)."""

BOOTREQUEST = 1
BOOTREPLY = 2
"""Values of op (RFC 2131, section 2)."""

BROADCAST_FLAG = 0x8000
"""In flags: the client cannot receive unicast yet (RFC 2131, figure 2)."""

SIZE_MIN = 300
"""Bytes that every message is padded to: BOOTP's fixed size (RFC 951, section 3).
Relays and the Linux kernel's own client drop shorter ones."""

UNSPECIFIED = IPv4Address(0)

_OVERLOAD = int(Code.OVERLOAD)

_address = lru_cache(1024)(IPv4Address)
"""Most of the addresses in messages are zero, or those of a few relays and servers."""

_HEAD = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")


@dataclass(frozen=True, slots=True)
class Frame:
    """One DHCP message (RFC 2131, section 2).

      0        1        2        3        4
      +--------+--------+--------+--------+
      |   op   | htype  |  hlen  |  hops  |
      +--------+--------+--------+--------+
      |                xid                |   4
      +-----------------+-----------------+
      |      secs       |      flags      |   8
      +-----------------+-----------------+
      |              ciaddr               |  12
      |              yiaddr               |  16
      |              siaddr               |  20
      |              giaddr               |  24
      +-----------------------------------+
      |              chaddr      16 bytes |  28
      |              sname       64 bytes |  44
      |              file       128 bytes | 108
      +-----------------------------------+
      |      magic cookie 63 82 53 63     | 236
      +-----------------------------------+
      |         options ...  255  pad ... | 240
      +-----------------------------------+

    Attributes:
        op: BOOTREQUEST or BOOTREPLY.
        xid: The transaction that a reply repeats, 32 bits.
        chaddr: The client's hardware address, `hlen` bytes, 16 at the most.
        options: Codes and values, each code once, without PAD, END and OVERLOAD.
        htype: The kind of hardware address; 1 is Ethernet.
        hops: Relays that were passed.
        secs: Seconds since the client began; iPXE counts its tries in it.
        flags: BROADCAST_FLAG or 0; other bits must be zero but are kept.
        ciaddr: The address that the client has.
        yiaddr: The address that it is given.
        siaddr: The server to load from.
        giaddr: The relay that the message came through.
        sname: The server's name, up to 64 bytes, without padding.
        file: The boot file's name, up to 128 bytes, without padding.
    """

    op: int
    xid: int
    chaddr: bytes
    options: Options = ()
    htype: int = 1
    hops: int = 0
    secs: int = 0
    flags: int = 0
    ciaddr: IPv4Address = UNSPECIFIED
    yiaddr: IPv4Address = UNSPECIFIED
    siaddr: IPv4Address = UNSPECIFIED
    giaddr: IPv4Address = UNSPECIFIED
    sname: bytes = b""
    file: bytes = b""

    @property
    def message_type(self) -> int | None:
        """Option 53, a `MessageType`; None in a BOOTP message."""
        value = get(self.options, Code.MESSAGE_TYPE)
        return value[0] if value else None

    def option(self, code: int) -> bytes | None:
        """The value of option `code`; None where it is absent."""
        return get(self.options, code)

    def encode(self, limit: int | None = None) -> bytes:
        """The message's bytes, padded to `SIZE_MIN`.

        Args:
            limit: Bytes that it may have at the most; None for any number.

        Raises:
            ValueError: A field does not fit its place, or the message the limit.
        """
        if len(self.chaddr) > 16 or len(self.sname) > 64 or len(self.file) > 128:
            raise ValueError("chaddr, sname or file is too long for its field")
        if b"\0" in self.sname or b"\0" in self.file:
            raise ValueError("a name holds a NUL")
        if len({code for code, _ in self.options}) < len(self.options):
            raise ValueError("an option is given twice")
        if get(self.options, Code.OVERLOAD) is not None:
            raise ValueError("overloaded fields are not written")
        try:
            head = _HEAD.pack(
                *(self.op, self.htype, len(self.chaddr), self.hops),
                *(self.xid, self.secs, self.flags),
                *(self.ciaddr.packed, self.yiaddr.packed),
                *(self.siaddr.packed, self.giaddr.packed),
                *(self.chaddr, self.sname, self.file, MAGIC_COOKIE),
            )
        except struct.error as error:
            raise ValueError(f"a field is out of range: {error}") from None
        data = (head + encode_area(self.options)).ljust(SIZE_MIN, b"\0")
        if limit is not None and len(data) > limit:
            raise ValueError(f"the message has {len(data)} bytes of {limit}")
        return data


def decode(data: bytes) -> Frame:
    """The message in a datagram.

    More than the RFC asks is taken: a missing END, bytes behind END, names that fill
    their field without a NUL.

    Raises:
        DecodeError: The bytes are no DHCP message; nothing else, ever.
    """
    if len(data) < _HEAD.size:
        raise DecodeError(f"{len(data)} bytes are too few for a DHCP message")
    head = _HEAD.unpack_from(data)
    op, htype, hlen, hops, xid, secs, flags = head[:7]
    ciaddr, yiaddr, siaddr, giaddr = map(_address, head[7:11])
    chaddr, sname, file, cookie = head[11:]
    if op not in (BOOTREQUEST, BOOTREPLY):
        raise DecodeError(f"op is {op}")
    if hlen > len(chaddr):
        raise DecodeError(f"a hardware address of {hlen} bytes")
    if cookie != MAGIC_COOKIE:
        raise DecodeError("no magic cookie")
    found = decode_area(data[_HEAD.size :])
    overload = _overload(found)
    if overload & 1:
        found, file = found + decode_area(file), b""
    if overload & 2:
        found, sname = found + decode_area(sname), b""
    if overload:
        # One inside an overloaded field has no meaning: each is read once.
        found = tuple(item for item in found if item[0] != Code.OVERLOAD)
    options = join(found)
    kind = get(options, Code.MESSAGE_TYPE)
    if kind is not None and len(kind) != 1:
        raise DecodeError(f"a message type of {len(kind)} bytes")
    return Frame(
        op=op,
        xid=xid,
        chaddr=chaddr[:hlen],
        options=options,
        htype=htype,
        hops=hops,
        secs=secs,
        flags=flags,
        ciaddr=ciaddr,
        yiaddr=yiaddr,
        siaddr=siaddr,
        giaddr=giaddr,
        sname=sname.partition(b"\0")[0],
        file=file.partition(b"\0")[0],
    )


def _overload(options: Options) -> int:
    """Which fields hold options: 1 file, 2 sname (RFC 2132, section 9.3)."""
    value = b"".join([value for code, value in options if code == _OVERLOAD])
    if not value and get(options, _OVERLOAD) is None:
        return 0
    if value not in (b"\1", b"\2", b"\3"):
        raise DecodeError(f"option overload is {value[:4].hex() or 'empty'}")
    return value[0]


def mac_text(chaddr: bytes) -> str:
    """A hardware address for people: "52:54:00:12:34:56"."""
    return chaddr.hex(":")

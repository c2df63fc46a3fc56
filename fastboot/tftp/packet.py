"""TFTP packets (RFC 1350, section 5; RFC 2347 for the options of requests and OACK).

    decode(bytes) -> packet           packet.encode() -> bytes

All numbers are 16 bits, big-endian. Texts are bytes here: file names are whatever the
client's file system had, and only whoever looks them up knows how to read them.
Left out: the multicast option's packets (RFC 2090) and `mail` mode, which RFC 1350
itself calls obsolete; both decode as what they are and are refused further up.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from fastboot.errors import DecodeError, Exists, Full, NotFound, Refused, TreeError

BLKSIZE_DEFAULT = 512
"""Octets in a block where nothing was negotiated (RFC 1350, section 2)."""

BLKSIZE_MAX = 65464
"""Largest block (RFC 2348): with headers it just fits an IPv4 datagram."""

REQUEST_MAX = 1500
"""Longest request taken. RFC 2347 says 512 octets; clients with long paths and many
options go over that, none over one Ethernet frame."""

OPTIONS_MAX = 32
"""Options looked at in one packet; no client has more than eight."""

_HEAD = struct.Struct("!HH")

Options = tuple[tuple[bytes, bytes], ...]
"""Names and values in the order and spelling of the packet (RFC 2347)."""


class Opcode(IntEnum):
    """The first number of every packet."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


class ErrorCode(IntEnum):
    """Why an ERROR was sent (RFC 1350, appendix I; 8: RFC 2347)."""

    NOT_DEFINED = 0
    FILE_NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    DISK_FULL = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TID = 5
    FILE_EXISTS = 6
    NO_SUCH_USER = 7
    OPTION_REFUSED = 8


@dataclass(frozen=True, slots=True)
class ReadRequest:
    r"""RRQ: send me a file (RFC 1350, section 5; options: RFC 2347).

        2 bytes   string   1   string  1   string   1   string  1
        +--------+--------+---+-------+---+--------+---+-------+---+
        | 0x0001 |filename| 0 | mode  | 0 | option | 0 | value | 0 | ...
        +--------+--------+---+-------+---+--------+---+-------+---+

    A name without its value at the end, as some clients append stray NULs, is left
    out; so are options after the 32nd.

    Attributes:
        filename: As sent; no NUL in it.
        mode: b"octet" or b"netascii", in lower case (case means nothing).
        options: As sent; an empty value is legal (RFC 2090 uses one).

    >>> decode(b"\0\1boot.ipxe\0OCTET\0")
    ReadRequest(filename=b'boot.ipxe', mode=b'octet', options=())
    """

    filename: bytes
    mode: bytes
    options: Options = ()

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return _encode_request(Opcode.RRQ, self.filename, self.mode, self.options)


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """WRQ: take a file from me; the layout of `ReadRequest` with opcode 2."""

    filename: bytes
    mode: bytes
    options: Options = ()

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return _encode_request(Opcode.WRQ, self.filename, self.mode, self.options)


@dataclass(frozen=True, slots=True)
class Data:
    """DATA: one block of the file (RFC 1350, section 5).

        0        2        4                  4 + n
        +--------+--------+------------------+
        | 0x0003 | block  | payload, n bytes |      0 <= n <= blksize
        +--------+--------+------------------+

    Attributes:
        block: Block number on the wire, 0..65535; 65535 is followed by 0.
        payload: Bytes of the file. Fewer than blksize ends the transfer.
    """

    block: int
    payload: bytes

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return _HEAD.pack(Opcode.DATA, self.block) + self.payload


@dataclass(frozen=True, slots=True)
class Ack:
    """ACK: that block arrived (RFC 1350, section 5).

        0        2        4        5
        +--------+--------+ - - - -+
        | 0x0004 | block  | wanted |      what follows means nothing
        +--------+--------+ - - - -+

    Longer ACKs are taken: some stacks pad them, and Windows' loader appends a byte
    where `msftwindow` was negotiated.

    Attributes:
        block: Block number on the wire, 0..65535; 0 acknowledges an OACK.
        wanted: Blocks to be sent before the next ACK, 1..255; 0: it does not say.
            Means nothing unless `msftwindow` was negotiated.
    """

    block: int
    wanted: int = 0

    def encode(self) -> bytes:
        """The bytes on the wire."""
        tail = bytes([self.wanted]) if self.wanted else b""
        return _HEAD.pack(Opcode.ACK, self.block) + tail


@dataclass(frozen=True, slots=True)
class Error:
    """ERROR: the transfer is over (RFC 1350, section 5). It is never answered.

        0        2        4         string     1
        +--------+--------+-------------------+---+
        | 0x0005 |  code  |      message      | 0 |
        +--------+--------+-------------------+---+

    A message without its NUL is taken as it is; what follows the NUL is ignored.

    Attributes:
        code: 0..65535; the known ones are `ErrorCode`'s.
        message: For a person; untrusted, no NUL in it.
    """

    code: int
    message: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return _HEAD.pack(Opcode.ERROR, self.code) + self.message + b"\0"


@dataclass(frozen=True, slots=True)
class OptionAck:
    """OACK: these options of your request hold (RFC 2347).

        2 bytes   string   1   string  1
        +--------+--------+---+-------+---+
        | 0x0006 | option | 0 | value | 0 | ...
        +--------+--------+---+-------+---+

    Nothing follows the last NUL: Cisco's and U-Boot's parsers fail on strays.

    Attributes:
        options: In the client's own spelling of the names.
    """

    options: Options

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return Opcode.OACK.to_bytes(2) + _encode_options(self.options)


def refusal(problem: TreeError) -> Error:
    """What a client is told that gets no content, or whose file is not taken.

    >>> refusal(Full("the disk is full"))
    Error(code=<ErrorCode.DISK_FULL: 3>, message=b'the disk is full')
    """
    match problem:
        case NotFound():
            code = ErrorCode.FILE_NOT_FOUND
        case Refused():
            code = ErrorCode.ACCESS_VIOLATION
        case Full():
            code = ErrorCode.DISK_FULL
        case Exists():
            code = ErrorCode.FILE_EXISTS
        case _:
            code = ErrorCode.NOT_DEFINED
    return Error(code, str(problem).encode("utf-8", "replace"))


Packet = ReadRequest | WriteRequest | Data | Ack | Error | OptionAck
"""Any TFTP packet."""


def decode(data: bytes) -> Packet:
    """The packet in a datagram.

    Raises:
        DecodeError: On any input that is not a packet; nothing else, ever.
    """
    if len(data) < 4:
        raise DecodeError("shorter than any packet")
    opcode, number = _HEAD.unpack_from(data)
    match opcode:
        case Opcode.DATA:
            return Data(number, data[4:])
        case Opcode.ACK:
            return Ack(number, data[4] if len(data) > 4 else 0)
        case Opcode.ERROR:
            return Error(number, data[4:].split(b"\0", 1)[0])
        case Opcode.RRQ:
            return ReadRequest(*_decode_request(data))
        case Opcode.WRQ:
            return WriteRequest(*_decode_request(data))
        case Opcode.OACK:
            options = _pairs(_strings(data))
            if not options:
                raise DecodeError("an OACK without options")
            return OptionAck(options)
        case _:
            raise DecodeError(f"opcode {opcode} does not exist")


def _strings(data: bytes) -> list[bytes]:
    """The NUL-terminated strings after the opcode; an unterminated rest is dropped."""
    return data[2:].split(b"\0", 2 + 2 * OPTIONS_MAX)[:-1]


def _pairs(strings: list[bytes]) -> Options:
    pairs = list(zip(strings[::2], strings[1::2], strict=False))[:OPTIONS_MAX]
    return tuple((name, value) for name, value in pairs if name)


def _decode_request(data: bytes) -> tuple[bytes, bytes, Options]:
    if len(data) > REQUEST_MAX:
        raise DecodeError(f"a request of more than {REQUEST_MAX} bytes")
    strings = _strings(data)
    if len(strings) < 2:
        raise DecodeError("a request without file name and mode")
    mode = strings[1].lower()
    if mode not in (b"octet", b"netascii", b"mail"):
        raise DecodeError("a request with an unknown mode")
    return strings[0], mode, _pairs(strings[2:])


def _encode_options(options: Options) -> bytes:
    return b"".join(b"%b\0%b\0" % pair for pair in options)


def _encode_request(
    opcode: Opcode, filename: bytes, mode: bytes, options: Options
) -> bytes:
    return (
        opcode.to_bytes(2) + b"%b\0%b\0" % (filename, mode) + _encode_options(options)
    )

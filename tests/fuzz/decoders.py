"""What every decoder in Python owes: its own error or a packet, which comes back equal.

Each function takes any input. Whatever it raises is a finding: an error that is not the
decoder's own, or a packet that is another one once it is written and read again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastboot.dhcp import options, packet, pxe
from fastboot.dhcp.v6 import options as options6
from fastboot.dhcp.v6 import packet as packet6
from fastboot.errors import DecodeError
from fastboot.http import message, ranges
from fastboot.http.limits import BadRequest
from fastboot.tftp import options as tftp_options
from fastboot.tftp import packet as tftp_packet

RECORDED = Path(__file__).parent.parent / "dhcp" / "packets.txt"
"""Real DHCP messages."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """One decoder to be fuzzed.

    Attributes:
        run: Takes any input; what it raises is a finding.
        seeds: Inputs to begin with.
    """

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _dhcp(data: bytes) -> None:
    try:
        frame = packet.decode(data)
    except DecodeError:
        return
    assert packet.decode(frame.encode()) == frame
    for _, value in frame.options:
        _dhcp_options(value)


VALUES: tuple[Callable[[bytes], object], ...] = (
    pxe.vendor_class,
    pxe.user_classes,
    pxe.architectures,
    pxe.machine_number,
    pxe.ipxe_features,
    pxe.boot_item,
    pxe.decode_suboptions,
)
"""What reads the value of one option."""


def _dhcp_options(data: bytes) -> None:
    for read in VALUES:
        try:
            read(data)
        except DecodeError:
            pass
    try:
        joined = options.join(options.decode_area(data))
    except DecodeError:
        return
    assert options.join(options.decode_area(options.encode_area(joined))) == joined


def _dhcp6(data: bytes) -> None:
    try:
        decoded = packet6.decode(data)
    except DecodeError:
        return
    assert packet6.decode(decoded.encode()) == decoded
    try:
        inner, relays = packet6.unwrap(decoded)
    except DecodeError:
        pass
    else:
        packet6.decode(packet6.wrap(inner, relays))
    for _, value in decoded.options:
        _dhcp6_options(value)


def _dhcp6_options(data: bytes) -> None:
    for read in (options6.classes, options6.vendor_class):
        try:
            read(data)
        except DecodeError:
            pass
    try:
        found = options6.decode_area(data)
    except DecodeError:
        pass
    else:
        assert options6.decode_area(options6.encode_area(found)) == found
    try:
        held = options6.Association.decode(data)
    except DecodeError:
        return
    assert options6.Association.decode(held.encode()) == held


def _tftp(data: bytes) -> None:
    try:
        decoded = tftp_packet.decode(data)
    except DecodeError:
        return
    assert tftp_packet.decode(decoded.encode()) == decoded
    if isinstance(decoded, tftp_packet.ReadRequest):
        _negotiate(decoded.options)


def _tftp_options(data: bytes) -> None:
    words = data.split(b"\0")
    _negotiate(tuple(zip(words[::2], words[1::2], strict=False)))


def _negotiate(asked: tftp_packet.Options) -> None:
    """What is granted fits the limits, and an OACK takes it to the client unchanged."""
    limits = tftp_options.Limits(blksize=1468, windowsize=16)
    granted = tftp_options.negotiate(asked, limits, 1 << 20)
    assert 8 <= granted.blksize <= limits.blksize
    assert 1 <= granted.windowsize <= limits.windowsize


def _http(data: bytes) -> None:
    try:
        found = message.decode(data)
    except BadRequest:
        return
    if found is None:
        return
    head, length = found
    assert length <= len(data)
    written = head.encode()
    assert message.decode(written) == (head, len(written))
    file = ranges.Validators(b'"1-2"', 1_700_000_000)
    ranges.precondition(head, file, 1_800_000_000)
    for part in ranges.requested(head, 1000, file, 1_800_000_000) or ():
        assert 0 <= part.offset < part.end <= 1000


def _recorded() -> tuple[bytes, ...]:
    paragraphs = RECORDED.read_text().split("\n\n")
    lines = [[x for x in p.splitlines() if not x.startswith("#")] for p in paragraphs]
    return tuple(bytes.fromhex("".join(rest)) for _, *rest in filter(None, lines))


_AREA = b"\x35\x01\x01\x3c\x09PXEClient\x5d\x02\x00\x07\x2b\x04\x06\x01\x08\xff\xff"
_CLIENT_ID = bytes.fromhex("0001 000a 00030001525400123456")
_IA_NA = bytes.fromhex("0003 000c 00000007 00000000 00000000")
_SOLICIT = b"\x01\x12\x34\x56" + _CLIENT_ID + _IA_NA
_RELAYED = b"\x0c\0" + bytes(32) + b"\x00\x09" + len(_SOLICIT).to_bytes(2) + _SOLICIT

DECODERS = {
    "dhcp": Decoder(_dhcp, _recorded()),
    "dhcp-options": Decoder(_dhcp_options, (_AREA, b"\x04iPXE", b"\x00\x07\x00\x10")),
    "dhcp6": Decoder(_dhcp6, (_SOLICIT, _RELAYED)),
    "dhcp6-options": Decoder(_dhcp6_options, (_CLIENT_ID + _IA_NA, _IA_NA[4:])),
    "tftp": Decoder(
        _tftp,
        (
            b"\0\1ipxe.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0",
            *(b"\0\3\0\1data", b"\0\4\0\1", b"\0\5\0\1no\0", b"\0\6tsize\x009\0"),
        ),
    ),
    "tftp-options": Decoder(
        _tftp_options, (b"blksize\x001468\0timeout\x001\0rollover\x000",)
    ),
    "http": Decoder(
        _http,
        (
            b"GET /a%20b?c=d HTTP/1.1\r\nHost: boot\r\nRange: bytes=0-9, -5\r\n\r\n",
            b'HEAD / HTTP/1.1\r\nHost: [::1]\r\nIf-None-Match: "1-2", W/"3"\r\n\r\n',
        ),
    ),
}
"""Every decoder, by name."""

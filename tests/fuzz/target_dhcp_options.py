"""The compiled option area of DHCP beside the one in Python, read and written again."""

from __future__ import annotations

from fastboot._ext import dhcp_options
from fastboot.dhcp import options
from fastboot.errors import DecodeError

from .twins import same

_decode = same(options._decode_area, dhcp_options.decode_area, DecodeError)

SEEDS = (
    b"\x35\x01\x01\x3c\x20PXEClient:Arch:00007:UNDI:003016\x5d\x02\x00\x07\xff",
    b"\x00\x00\x43\x04boot\x43\x03.ef\x43\x01i\xff\x00\x00",
    b"\x2b\x04\x06\x01\x08\xff" + b"\x3d\xff" + bytes(255) + b"\xff",
)

WORDS = (b"\xff", b"\x00", b"\x37\x03\x01\x03\x06", b"\x52\x02\x01\x00", b"x" * 255)


def run(data: bytes) -> None:
    """Read an area; write what it holds, in pieces as long as they come."""
    _decode(data)
    try:
        found = dhcp_options.decode_area(data)
    except DecodeError:
        return
    joined = options.join(found)
    assert options._encode_area(joined) == dhcp_options.encode_area(joined)
    assert (
        options.join(dhcp_options.decode_area(options._encode_area(joined))) == joined
    )

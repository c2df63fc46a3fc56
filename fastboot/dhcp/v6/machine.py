"""A machine's facts, read off its DHCPv6 message."""

from __future__ import annotations

from ipaddress import IPv6Address

from fastboot.boot.machine import Firmware, Machine
from fastboot.dhcp import pxe
from fastboot.errors import DecodeError

from . import options
from .options import Code
from .packet import Message, Relayed

_ETHERNET = (1).to_bytes(2, "big")
_DUID_LLT, _DUID_LL, _DUID_UUID = 1, 3, 4  # RFC 8415, section 11; RFC 6355


def read_machine(
    message: Message, relays: tuple[Relayed, ...], peer: IPv6Address
) -> Machine | None:
    """The facts that a boot client tells about itself; None if it is none.

    A boot client names its architecture (option 61), and says "PXEClient" or
    "HTTPClient" as its vendor class of enterprise 343 or "iPXE" as its user class.

    Args:
        message: What it sent.
        relays: The relays that it came through, the nearest to us first.
        peer: Who sent it to us: the machine itself, where there is no relay.

    Raises:
        DecodeError: An option that matters is malformed.
    """
    codes = pxe.architectures(message.option(Code.CLIENT_ARCHITECTURE) or b"")
    if not codes:
        return None
    value = message.option(Code.VENDOR_CLASS)
    text = options.vendor_class(value) if value is not None else None
    vendor = pxe.vendor_class(text or b"")
    ipxe = b"iPXE" in options.classes(message.option(Code.USER_CLASS) or b"")
    if ipxe:
        firmware = Firmware.IPXE
    elif vendor is None:
        return None
    else:
        http = vendor.client == pxe.HTTP_CLIENT
        firmware = Firmware.HTTP if http else Firmware.PXE
    duid = message.option(Code.CLIENT_ID) or b""
    return Machine(
        mac=_hardware_address(duid, relays, peer),
        codes=codes,
        firmware=firmware,
        number=pxe.machine_number(b"\0" + duid[2:]) if _is_uuid(duid) else b"",
        ipxe_http=ipxe,  # one that speaks IPv6 was built with HTTP
    )


def _is_uuid(duid: bytes) -> bool:
    return len(duid) == 18 and int.from_bytes(duid[:2], "big") == _DUID_UUID


def _hardware_address(
    duid: bytes, relays: tuple[Relayed, ...], peer: IPv6Address
) -> str:
    """The hardware address, as far as one can be known; else what stands for it."""
    if relays:
        peer = relays[-1].peer  # the innermost had it from the machine
        told = relays[-1].option(Code.CLIENT_LINK_ADDRESS)
        if told is not None and told[:2] == _ETHERNET and len(told) == 8:
            return told[2:].hex(":")
    kind = int.from_bytes(duid[:2], "big")
    if duid[2:4] == _ETHERNET:
        if kind == _DUID_LL and len(duid) == 10:
            return duid[4:].hex(":")
        if kind == _DUID_LLT and len(duid) == 14:
            return duid[8:].hex(":")
    low = peer.packed[8:]
    if peer.is_link_local and low[3:5] == b"\xff\xfe":  # RFC 4291, appendix A
        return (bytes((low[0] ^ 2,)) + low[1:3] + low[5:]).hex(":")
    return str(peer)


def check_duid(duid: bytes | None) -> bytes:
    """A client's or a server's identifier.

    Raises:
        DecodeError: There is none, or it has not the length of one (RFC 8415,
            section 11.1).
    """
    if duid is None or not 3 <= len(duid) <= 130:
        raise DecodeError("there is no proper client identifier")
    return duid

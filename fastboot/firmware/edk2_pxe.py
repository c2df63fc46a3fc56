"""UEFI's PXE boot over IPv4, as EDK2 and what is made from it do it.

Read in EDK2's NetworkPkg/UefiPxeBcDxe (PxeBcDhcp4.c, PxeBcBoot.c) and
NetworkPkg/Dhcp4Dxe (Dhcp4Io.c, Dhcp4Option.c). It listens for the whole of the first
time-out, four seconds, and then chooses; see `choice`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address

from fastboot.dhcp.options import Code

from . import offer
from .choice import Dialect, choose
from .decision import Decision, Heard, Stop

SIZE_MAX = 1472
"""Bytes of the longest message that is looked at (PxeBcDhcp4.h)."""

SCREEN = {
    # DhcpOnTimerTick ends in a time-out, which PxeBcDhcp4Dora shows as E16 if there
    # were offers, none of which it could choose.
    Stop.NO_OFFER: "PXE-E18: Server response timeout.",
    Stop.NO_ADDRESS: "PXE-E16: No valid offer received.",
    Stop.NO_FILE: "PXE-E16: No valid offer received.",
    # PxeBcHandleDhcp4Offer makes EFI_NO_RESPONSE of any failure on port 4011.
    Stop.NO_BOOT_SERVER: "PXE-E16: No valid offer received.",
    Stop.TIMEOUT: "PXE-E18: Server response timeout.",
    Stop.NOT_FOUND: "PXE-E23: Client received TFTP error from server.",
}
"""What the screen shows at each stop (PxeBcBoot.c, PxeBcLoadBootFile)."""


_LENGTHS: dict[int, tuple[int, int, int]] = {
    # Dhcp4Option.c: an offer with one of these at another length is dropped whole.
    Code.SUBNET_MASK: (4, 4, 4),
    Code.ROUTER: (4, 255, 4),
    Code.DOMAIN_NAME_SERVER: (4, 255, 4),
    Code.VENDOR_SPECIFIC: (1, 255, 1),
    Code.LEASE_TIME: (4, 4, 1),
    Code.MESSAGE_TYPE: (1, 1, 1),
    Code.SERVER_IDENTIFIER: (4, 4, 4),
    Code.VENDOR_CLASS: (1, 255, 1),
    Code.TFTP_SERVER_NAME: (1, 255, 1),
    Code.BOOTFILE_NAME: (1, 255, 1),
}
"""Least, most and multiple of the bytes of options that are checked."""


def malformed(heard: Heard) -> str:
    """Why an offer is dropped unread; "" where it is not.

    It has to name its server (DhcpHandleSelect), to fit, and to keep to the lengths of
    options that are known (DhcpValidateOptions).
    """
    if heard.size > SIZE_MAX:
        return f"it has {heard.size} bytes, and more than {SIZE_MAX} are not taken"
    if offer.identifier(heard.packet) is None:
        return "it names no server in option 54"
    for code, value in heard.packet.options:
        least, most, multiple = _LENGTHS.get(code, (0, 255, 1))
        # A value beyond 255 bytes came in parts (RFC 3396), each looked at by itself.
        if len(value) <= 255 and (
            not least <= len(value) <= most or len(value) % multiple
        ):
            return f"option {code} has {len(value)} bytes"
    return ""


_UEFI = Dialect("this UEFI", SCREEN, malformed, SIZE_MAX)


def decide(heard: Sequence[Heard], silent: Collection[IPv4Address] = ()) -> Decision:
    """What a UEFI does that boots by PXE; see `decision`.

    Args:
        heard: Everything that servers sent to it.
        silent: The servers known not to answer on port 4011.
    """
    return choose(_UEFI, heard, silent)

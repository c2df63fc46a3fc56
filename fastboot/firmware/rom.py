"""BIOS boot ROMs with Intel's PXE: what the PXE specification 2.1 has them do.

The source of these ROMs is not to be read: their choice is that of the specification
(section 2.2), which EDK2 was written after, and their codes are those of Intel's manuals
for the boot agent. Many a ROM heeds a proxy that says in option 43 what to load, and
never asks on port 4011; answered in that way, all of them do the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address

from . import offer
from .choice import Dialect, choose
from .decision import Decision, Heard, Stop

SCREEN = {
    Stop.NO_OFFER: "PXE-E51: No DHCP or proxyDHCP offers were received.",
    Stop.NO_ADDRESS: (
        "PXE-E52: proxyDHCP offers were received. No DHCP offers were received."
    ),
    Stop.NO_FILE: "PXE-E53: No boot filename received.",
    Stop.NO_BOOT_SERVER: (
        "PXE-E55: ProxyDHCP service did not reply to request on port 4011."
    ),
    Stop.TIMEOUT: "PXE-E32: TFTP open timeout.",
    Stop.NOT_FOUND: "PXE-T01: File not found. PXE-E3B: TFTP Error - File Not Found.",
}
"""What the screen shows at each stop."""


def malformed(heard: Heard) -> str:
    """Why an offer is not taken; "" where it is."""
    if offer.identifier(heard.packet) is None:  # RFC 2131, table 3: MUST
        return "it names no server in option 54"
    return ""


_ROM = Dialect("this BIOS", SCREEN, malformed)


def decide(heard: Sequence[Heard], silent: Collection[IPv4Address] = ()) -> Decision:
    """What a BIOS ROM does; see `decision`.

    Args:
        heard: Everything that servers sent to it.
        silent: The servers known not to answer on port 4011.
    """
    return choose(_ROM, heard, silent)

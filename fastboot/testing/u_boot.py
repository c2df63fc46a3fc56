"""U-Boot that asks by its own name: the server that gives the address decides.

Read in U-Boot's net/bootp.c and boot/pxe_utils.c. It takes the first offer of an
address and knows nothing of proxies. Where that server names no file, and `serverip`
was set by hand, it looks for a configuration of PXELINUX under a list of names.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address

from fastboot.dhcp.packet import UNSPECIFIED
from fastboot.firmware import offer
from fastboot.firmware.decision import (
    Cause,
    Decision,
    Heard,
    LoadTftp,
    RequestAddress,
    Stop,
    Trouble,
)

SCREEN = {
    **dict.fromkeys(Stop, ""),
    Stop.NO_OFFER: "Retry time exceeded; starting again",
    Stop.NO_ADDRESS: "Retry time exceeded; starting again",
    Stop.NO_FILE: "missing environment variable: bootfile",
    Stop.TIMEOUT: "Retry count exceeded; starting again",
    Stop.NOT_FOUND: "TFTP error: 'File not found' (1)",
}
"""What the console shows at each stop."""


def decide(heard: Sequence[Heard], silent: Collection[IPv4Address] = ()) -> Decision:
    """What U-Boot does; see `fastboot.firmware.decision`.

    Args:
        heard: Everything that servers sent to it.
        silent: Not looked at: it asks nothing on port 4011.
    """
    leases = [item for item in offer.offers(heard) if offer.gives_address(item)]
    if not leases:
        stop = Stop.NO_ADDRESS if heard else Stop.NO_OFFER
        trouble = Trouble.NO_DHCP if heard else Trouble.NO_ANSWER
        why = "no DHCP server gives this U-Boot an address"
        return Decision((), why, stop, SCREEN[stop], Cause(trouble))
    first, packet = leases[0], leases[0].packet
    steps = (RequestAddress(offer.who(first), packet.yiaddr),)
    name = packet.file.partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if not name:
        why = f"{offer.who(first)}, which gives the address, names no boot file"
        cause = Cause(Trouble.NO_PROXY, offer.who(first), 67)
        return Decision(steps, why, Stop.NO_FILE, SCREEN[Stop.NO_FILE], cause)
    server = packet.siaddr if packet.siaddr != UNSPECIFIED else first.source
    why = f"{offer.who(first)} names {offer.shown(name)}"
    return Decision((*steps, LoadTftp(server, name)), why)


def names(mac: bytes, address: IPv4Address) -> tuple[str, ...]:
    """The names of a configuration, in the order in which they are tried."""
    digits = address.packed.hex().upper()
    return (
        f"pxelinux.cfg/01-{mac.hex('-')}",
        *(f"pxelinux.cfg/{digits[:length]}" for length in range(8, 0, -1)),
        "pxelinux.cfg/default-arm",
        "pxelinux.cfg/default",
    )

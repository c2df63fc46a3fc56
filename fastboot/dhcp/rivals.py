"""DHCP servers that keep boot clients from hearing a proxy.

EDK2 pairs a proxy's offer only with an offer that says nothing of PXE. Where the
network's own DHCP server sends "PXEClient" in option 60, as Windows Server does once it
is told to, UEFI machines ask that server's port 4011 and nobody else. No answer of ours
can help; its administrator can.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv4Address

from fastboot.events import Rival

from . import options, pxe
from .options import Code, MessageType
from .packet import BOOTREPLY, UNSPECIFIED, Frame, mac_text

AGAIN = 600.0
"""Seconds after which a server is named once more."""

SERVERS_MAX = 64
"""Servers remembered; their number is whatever a forger likes."""


class Rivals:
    """Tells of each such server once in a while."""

    def __init__(self) -> None:
        self._told: OrderedDict[IPv4Address, float] = OrderedDict()

    def receive(self, frame: Frame, ours: IPv4Address, now: float) -> Rival | None:
        """What is to be reported about an offer that was overheard.

        Args:
            frame: What came to the clients' port.
            ours: Our address on that network.
            now: Seconds on the caller's monotonic clock.
        """
        server = options.address(frame.options, Code.SERVER_IDENTIFIER)
        if (
            frame.op != BOOTREPLY
            or frame.message_type != MessageType.OFFER
            or frame.yiaddr == UNSPECIFIED  # a proxy as we are
            or server in (None, ours)
            or frame.siaddr == ours  # its clients ask our port 4011
            or not (frame.option(Code.VENDOR_CLASS) or b"").startswith(pxe.PXE_CLIENT)
        ):
            return None
        assert server is not None
        if now - self._told.get(server, float("-inf")) < AGAIN:
            return None
        self._told[server] = now
        self._told.move_to_end(server)
        if len(self._told) > SERVERS_MAX:
            self._told.popitem(last=False)
        return Rival(str(server), mac_text(frame.chaddr), str(ours))

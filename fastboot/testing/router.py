"""The network's own DHCP server, as a client hears it beside the one that is tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import BOOTREPLY, UNSPECIFIED, Frame
from fastboot.firmware.decision import Heard


@dataclass(frozen=True, slots=True)
class Router:
    """Offers an address to whoever asks, and perhaps says something about booting.

    Attributes:
        gives: The address that it gives; one of this machine's, to be used from.
        address: Its own.
        file: The boot file that it names; empty for none, as most do.
        next_server: siaddr; None for none.
        options: More options, by number: 60 and 43 are those that do harm.
    """

    gives: str = "127.0.0.1"
    address: str = "192.0.2.1"
    file: str = ""
    next_server: str | None = None
    options: Mapping[int, bytes] = field(default_factory=dict)

    def offer(self, discover: Frame, order: int = 0) -> Heard:
        """Its answer to a DISCOVER."""
        own = IPv4Address(self.address)
        named: dict[int, bytes] = {
            int(Code.MESSAGE_TYPE): bytes((MessageType.OFFER,)),
            int(Code.SERVER_IDENTIFIER): own.packed,
            int(Code.LEASE_TIME): (3600).to_bytes(4, "big"),
            int(Code.SUBNET_MASK): IPv4Address("255.255.255.0").packed,
            **self.options,
        }
        packet = Frame(
            op=BOOTREPLY,
            xid=discover.xid,
            chaddr=discover.chaddr,
            flags=discover.flags,
            yiaddr=IPv4Address(self.gives),
            siaddr=IPv4Address(self.next_server) if self.next_server else UNSPECIFIED,
            file=self.file.encode(),
            options=tuple(named.items()),
        )
        return Heard(packet, own, order)

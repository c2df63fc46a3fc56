"""What comes of a DHCPv6 message: an answer, or one of three kinds of silence."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from fastboot.dhcp.outcome import Ignored
from fastboot.events import Dropped, Leased, Offered, Unbootable

from .packet import Message, Relayed


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came in.

    Attributes:
        server: Our address that the client can load from.
        peer: The sender's address.
        prefixes: The networks on our side of the link, to give addresses from.
        boot_server: Whether it came to port 4011, not 547.
    """

    server: IPv6Address
    peer: IPv6Address
    prefixes: tuple[IPv6Network, ...] = ()
    boot_server: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send back to where the message came from.

    Attributes:
        message: The message, not yet wrapped for relays.
        event: What to report once it is sent; None: nothing of interest.
    """

    message: Message
    event: Offered | Leased | None


Outcome = Reply | Unbootable | Dropped | Ignored

Relays = tuple[Relayed, ...]
"""The relays that a message came through, the nearest to us first."""

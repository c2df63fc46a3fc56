"""Router advertisements: without one, no machine asks for an IPv6 address (RFC 4861).

Ours makes nobody send its traffic here: the router lifetime is 0. It says that addresses
and more are to be had by DHCPv6 (flags M and O), and which prefix is on the link.
"""

from __future__ import annotations

from ipaddress import IPv6Network

SOLICITATION = 133
ADVERTISEMENT = 134
"""ICMPv6 types (RFC 4861, sections 4.1 and 4.2)."""

HOPS = 255
"""The hop limit that neighbours' messages carry and no other can (section 6.1.1)."""

INTERVAL = 200.0
"""Seconds between advertisements that nobody asked for: half of what a prefix lives
less than, and the usual third of a router's lifetime."""

PAUSE = 3.0
"""Seconds between two advertisements to all (section 6.2.6)."""

MANAGED = 0x80
OTHER = 0x40
ON_LINK = 0x80

_PREFIX_INFORMATION = 3


def advertisement(
    prefixes: tuple[IPv6Network, ...], valid: int, preferred: int
) -> bytes:
    """The message, its checksum left to the kernel (RFC 3542, section 3.1).

      0          1          2          3          4
      +----------+----------+----------+----------+
      |   134    |    0     |      checksum       |
      +----------+----------+----------+----------+
      | hop limit|M O       |   router lifetime   |   4
      +----------+----------+----------+----------+
      |              reachable time               |   8
      |               retrans timer               |  12
      +----------+----------+----------+----------+
      |    3     |    4     |  length  |L A       |  16, for each prefix
      |              valid lifetime               |
      |            preferred lifetime             |
      |                 reserved                  |
      |             prefix, 16 bytes              |
      +-------------------------------------------+

    Addresses come from DHCPv6 alone, so A is not set.

    Args:
        prefixes: What is on the link.
        valid: Seconds for which that holds.
        preferred: Seconds for which addresses of it are fresh.
    """
    message = bytearray((ADVERTISEMENT, 0, 0, 0, 64, MANAGED | OTHER)) + bytes(10)
    for prefix in prefixes:
        message += bytes((_PREFIX_INFORMATION, 4, prefix.prefixlen, ON_LINK))
        message += valid.to_bytes(4, "big") + preferred.to_bytes(4, "big") + bytes(4)
        message += prefix.network_address.packed
    return bytes(message)


def is_solicitation(data: bytes, hops: int) -> bool:
    """Whether a message asks for an advertisement, and comes from the link itself."""
    return hops == HOPS and len(data) >= 8 and data[:2] == bytes((SOLICITATION, 0))

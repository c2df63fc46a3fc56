"""Which IPv6 address a client gets: one that its identifier names, out of 2^62.

A /64 has room enough that nobody has to write down who has what: the address is a hash
of the client's identifier, the same after every restart, and two clients share one about
as often as two hardware addresses are the same. What a client found in use is remembered
and the next one taken.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from ipaddress import IPv6Address, IPv6Network

DECLINED_MAX = 1024
"""Addresses remembered as somebody else's."""

TRIES = 16
"""Addresses tried for one client."""


class Addressing:
    """Gives addresses; all it remembers is which ones were declined."""

    def __init__(self) -> None:
        self._declined: OrderedDict[IPv6Address, None] = OrderedDict()

    def address(
        self, prefix: IPv6Network, duid: bytes, iaid: int, ours: IPv6Address
    ) -> IPv6Address | None:
        """A client's address; None where all that it might have were declined.

        Args:
            prefix: The network on the client's link, of a length of 96 or less.
            duid: The client's identifier.
            iaid: Which of its associations the address is for.
            ours: An address that is taken: the server's own.
        """
        for turn in range(TRIES):
            address = _hashed(prefix, duid, iaid, turn)
            if address not in self._declined and address != ours:
                return address
        return None

    def decline(self, address: IPv6Address) -> None:
        """Give an address to nobody any more."""
        self._declined[address] = None
        self._declined.move_to_end(address)
        if len(self._declined) > DECLINED_MAX:
            self._declined.popitem(last=False)


def _hashed(prefix: IPv6Network, duid: bytes, iaid: int, turn: int) -> IPv6Address:
    """The address that is first in line, second in line, and so on.

    Below a set bit: no network's own address and no small one, which people give by
    hand; below a cleared one: none that is reserved (RFC 5453).
    """
    key = iaid.to_bytes(4, "big") + turn.to_bytes(1, "big") + duid
    digest = hashlib.blake2b(key, digest_size=16).digest()
    bits = 128 - prefix.prefixlen
    host = int.from_bytes(digest, "big") & ((1 << (bits - 2)) - 1)
    return prefix.network_address + (host | 1 << (bits - 2))

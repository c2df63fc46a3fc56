"""Subnets that nobody described: what a server gives where it was told nothing."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from fastboot.config.subnet import SubnetTable

POOL_MAX = 4096
"""Addresses of such a pool, however large the network is."""


def automatic(networks: Iterable[IPv4Network]) -> tuple[SubnetTable, ...]:
    """A table for each network that machines can be in: its upper half is the pool.

    The lower half is where people put what has a fixed address, this machine among it.

        >>> automatic([IPv4Network("192.0.2.0/24")])[0].pool
        ('192.0.2.128-192.0.2.254',)

    Args:
        networks: Those of this machine's interfaces.
    """
    made: dict[IPv4Network, SubnetTable] = {}
    for network in networks:
        usable = not network.is_loopback and not network.is_link_local
        taken = any(network.overlaps(other) for other in made)
        if not usable or taken or network.prefixlen > 30:
            continue
        first = int(network.network_address) + network.num_addresses // 2
        last = min(int(network.broadcast_address) - 1, first + POOL_MAX - 1)
        pool = f"{IPv4Address(first)}-{IPv4Address(last)}"
        made[network] = SubnetTable(str(network), (pool,))
    return tuple(made.values())

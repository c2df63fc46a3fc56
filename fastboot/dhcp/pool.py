"""The addresses of a subnet that anyone may get, and which of them is next."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address

from .leases import Lease, Leases


class Pool:
    """Gives addresses that nobody had first, then those whose leases ended longest ago.

    So whoever comes back after a while finds the address it had.

    Args:
        ranges: First and last address of each range; they do not overlap.
        apart: Addresses in them that are not given: our own, reservations.
    """

    def __init__(
        self,
        ranges: Iterable[tuple[IPv4Address, IPv4Address]],
        apart: Collection[IPv4Address] = (),
    ) -> None:
        self.ranges: tuple[tuple[IPv4Address, IPv4Address], ...] = tuple(ranges)
        # As numbers, which compare ten times as fast as addresses do.
        self._spans = [(int(first), int(last)) for first, last in self.ranges]
        self._apart = frozenset(map(int, apart))
        self._fresh = (
            IPv4Address(number)
            for first, last in self._spans
            for number in range(first, last + 1)
            if number not in self._apart
        )
        self._ends: list[tuple[float, int]] = []  # a heap, with entries out of date
        self.size: int = sum(last - first + 1 for first, last in self._spans)

    def __contains__(self, address: IPv4Address) -> bool:
        number = int(address)
        for first, last in self._spans:
            if first <= number <= last:
                return number not in self._apart
        return False

    def note(self, lease: Lease) -> None:
        """Take note that a lease of one of the addresses began, ended or was changed."""
        heapq.heappush(self._ends, (lease.expires, int(lease.address)))
        if len(self._ends) > 2 * self.size + 64:  # no more than one an address is true
            latest = dict(sorted((number, end) for end, number in self._ends))
            self._ends = [(end, number) for number, end in latest.items()]
            heapq.heapify(self._ends)

    def free(self, leases: Leases, now: float) -> IPv4Address | None:
        """An address for somebody new; None where all are taken.

        The caller gives it, and says so by `note`.
        """
        for address in self._fresh:
            if leases.at(address) is None:
                return address
        while self._ends and self._ends[0][0] <= now:
            end, number = heapq.heappop(self._ends)
            address = IPv4Address(number)
            lease = leases.at(address)
            if lease is not None and lease.expires == end and address in self:
                return address
        return None

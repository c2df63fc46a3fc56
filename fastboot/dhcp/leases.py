"""Leases: who has which address until when.

`Leases` is the table that decisions are made from; it lives in memory and is bounded by
the pools. A `Store` keeps what must outlive the process. Nothing here knows what an
address looks like: IPv6 addresses are leased in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

Address = IPv4Address | IPv6Address


class State(StrEnum):
    """What an address is to the client that its lease names."""

    OFFERED = "offered"
    """Held for a moment, until it is asked for. Never stored."""

    BOUND = "bound"
    """Given."""

    RELEASED = "released"
    """Given back; the client gets it again if nobody else needed it."""

    CONFLICT = "conflict"
    """Set aside: somebody else uses it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One address.

    Attributes:
        address: The address.
        client: Who: for IPv4 option 61, or the hardware type and address of a client
            that sends none; for IPv6 the DUID.
        mac: The hardware address; empty where unknown.
        state: See `State`.
        began: When it was given first, seconds.
        expires: When it ends, seconds on the same clock; may be past.
        hostname: The name that the client gave itself, as it sent it.
        iaid: Which of a client's addresses (RFC 8415, section 4.2); 0 for IPv4.
    """

    address: Address
    client: bytes
    mac: bytes
    state: State
    began: float
    expires: float
    hostname: str = ""
    iaid: int = 0

    def later(self, seconds: float) -> Lease:
        """The same on a clock that shows so many seconds more."""
        return replace(self, began=self.began + seconds, expires=self.expires + seconds)


class Store(Protocol):
    """Where leases outlive the process; times are seconds since 1970."""

    def load(self) -> Iterable[Lease]:
        """All leases that were saved, each address once."""
        ...

    def save(self, leases: Iterable[Lease]) -> None:
        """Keep these, all or none; when this returns, nothing takes them away again.

        Raises:
            StoreError: They could not be kept.
        """

    def begin_anew(self, leases: Iterable[Lease], reason: str) -> None:
        """Keep these and nothing else: what was there is damaged, and is set aside.

        Raises:
            StoreError: They could not be kept.
        """

    def released(self) -> Iterable[Lease]:
        """Leases that somebody else, a person, may have released since the last call."""
        ...

    def close(self) -> None:
        """Give everything back."""


class Memory:
    """A `Store` that lasts as long as it is held: for tests, and for diskless servers."""

    def __init__(self) -> None:
        self._leases: dict[Address, Lease] = {}

    def load(self) -> Iterable[Lease]:
        """See `Store`."""
        return tuple(self._leases.values())

    def save(self, leases: Iterable[Lease]) -> None:
        """See `Store`."""
        self._leases.update({lease.address: lease for lease in leases})

    def begin_anew(self, leases: Iterable[Lease], reason: str) -> None:
        """See `Store`."""
        self._leases.clear()
        self.save(leases)

    def released(self) -> Iterable[Lease]:
        """See `Store`; nobody else comes here."""
        return ()

    def close(self) -> None:
        """See `Store`."""


class Leases:
    """The leases by address and by client: for each address the last one."""

    def __init__(self) -> None:
        self._by_address: dict[Address, Lease] = {}
        self._by_client: dict[tuple[bytes, int], dict[Address, None]] = {}

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._by_address.values())

    def at(self, address: Address) -> Lease | None:
        """The lease of an address, ended or not."""
        return self._by_address.get(address)

    def of(self, client: bytes, iaid: int = 0) -> Iterator[Lease]:
        """A client's leases, ended or not, the latest first."""
        for address in reversed(self._by_client.get((client, iaid), {})):
            yield self._by_address[address]

    def put(self, lease: Lease) -> None:
        """Take a lease in, in place of the one that its address had."""
        before = self._by_address.get(lease.address)
        if before is not None:
            self._forget((before.client, before.iaid), before.address)
        self._by_address[lease.address] = lease
        self._by_client.setdefault((lease.client, lease.iaid), {})[lease.address] = None

    def _forget(self, key: tuple[bytes, int], address: Address) -> None:
        addresses = self._by_client[key]
        del addresses[address]
        if not addresses:
            del self._by_client[key]

"""The server's book of leases: in memory for decisions, in a store for good.

A decision is in memory at once, so that the next one of the same turn sees it. `settle`
then writes all of a turn together; where that fails, nothing of it has happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from fastboot.errors import StoreError
from fastboot.events import Conflict, Event, LeaseTrouble, Released

from .leases import Address, Lease, Leases, State, Store
from .packet import mac_text
from .subnet import Subnet

CONFLICT_HOLD = 3600.0
"""Seconds for which an address that somebody else uses is set aside."""

LOOK = 1.0
"""Seconds between two looks whether a person released a lease."""

STEP = 5.0
"""Seconds that the wall clock may drift against ours before the leases that are kept
are written anew: somebody set it."""


class Book:
    """The leases of a server's subnets.

    Args:
        subnets: Whose addresses they are.
        store: Keeps the leases; they are read from it now.
        longest: Seconds that a lease may last.
        now: Seconds on the caller's monotonic clock.
        epoch: What has to be added to that clock for seconds since 1970.
    """

    def __init__(
        self,
        subnets: Sequence[Subnet],
        store: Store,
        longest: float,
        now: float,
        epoch: float,
    ) -> None:
        self._subnets = subnets
        self._store = store
        self._epoch = epoch
        self._leases = Leases()
        self._changed: dict[Address, Lease | None] = {}  # with what was before
        self.deadline: float = now + LOOK
        for kept in store.load():
            lease = kept.later(-epoch)
            # A clock that was set back must not make a lease last longer than it may.
            self.put(replace(lease, expires=min(lease.expires, now + longest)))
        self._changed.clear()

    def serve(self, subnets: Sequence[Subnet]) -> None:
        """Have the addresses of these subnets from now on; their leases are known."""
        fresh = [s for s in subnets if not any(s is known for known in self._subnets)]
        self._subnets = subnets
        for lease in self._leases:
            for subnet in fresh:
                if lease.address in subnet.network:
                    self._note(lease, subnet)

    def at(self, address: IPv4Address) -> Lease | None:
        """The lease of an address, ended or not."""
        return self._leases.at(address)

    def of(self, client: bytes) -> Iterator[Lease]:
        """A client's leases, ended or not, the latest first."""
        return self._leases.of(client)

    def free(self, subnet: Subnet, now: float) -> IPv4Address | None:
        """An address for somebody new, who is to be put; None where all are taken."""
        return subnet.pool.free(self._leases, now)

    def put(self, lease: Lease) -> None:
        """Write a lease; an offer is not for the store."""
        address = lease.address
        if lease.state is not State.OFFERED:
            self._changed.setdefault(address, self._leases.at(address))
        self._leases.put(lease)
        for subnet in self._subnets:
            if address in subnet.network:
                self._note(lease, subnet)
                return

    @staticmethod
    def _note(lease: Lease, subnet: Subnet) -> None:
        address = lease.address
        if isinstance(address, IPv4Address) and address in subnet.pool:
            subnet.pool.note(lease)

    def set_aside(
        self, address: IPv4Address, mac: bytes, how: str, now: float
    ) -> Conflict:
        """Give an address to nobody for a while.

        Args:
            address: The address.
            mac: Who came upon it.
            how: In words.
            now: Seconds on the caller's monotonic clock.
        """
        lease = Lease(address, b"", mac, State.CONFLICT, now, now + CONFLICT_HOLD)
        self.put(lease)
        return Conflict(str(address), mac_text(mac), how)

    def settle(self, now: float, epoch: float) -> Iterable[Event]:
        """Keep what was decided since the last time, and heed what a person did.

        Args:
            now: Seconds on the caller's monotonic clock.
            epoch: What has to be added to it for seconds since 1970, as it is now.

        Raises:
            StoreError: It could not be kept, and so it did not happen.
        """
        said: list[Event] = []
        if abs(epoch - self._epoch) > STEP:
            self._epoch = epoch
            for lease in self._leases:
                if lease.state is not State.OFFERED:
                    self._changed.setdefault(lease.address, lease)
        if now >= self.deadline:
            self.deadline = now + LOOK
            said += self._heed(now)
        if self._changed:
            said += self._keep(now)
        return said

    def _keep(self, now: float) -> Iterable[Event]:
        changed, self._changed = self._changed, {}
        rows = [self._row(address) for address in changed]
        try:
            try:
                self._store.save(rows)
            except StoreError as error:
                if not error.damaged:
                    raise
                everything = [self._row(lease.address) for lease in self._leases]
                self._store.begin_anew(everything, str(error))
                return [LeaseTrouble(f"{error}; a new file was begun")]
        except StoreError:
            self._undo(changed, now)
            raise
        return []

    def _row(self, address: Address) -> Lease:
        """What the store is told about an address; for it an offer is none."""
        lease = self._leases.at(address)
        assert lease is not None
        if lease.state is State.OFFERED:
            lease = replace(lease, state=State.RELEASED, expires=lease.began)
        return lease.later(self._epoch)

    def _undo(self, changed: dict[Address, Lease | None], now: float) -> None:
        for address, before in changed.items():
            lease = self._leases.at(address)
            assert lease is not None
            self.put(before or replace(lease, state=State.RELEASED, expires=now))
        self._changed.clear()

    def _heed(self, now: float) -> Iterable[Event]:
        for there in self._store.released():
            lease = self._leases.at(there.address)
            if lease is not None and lease.state in (State.BOUND, State.CONFLICT):
                self.put(replace(lease, state=State.RELEASED, expires=now))
                yield Released(mac_text(lease.mac), str(lease.address))

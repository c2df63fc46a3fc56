"""The machines that are remembered, by what they go by; in bounds whoever comes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from .packets import Ring
from .record import STEPS_MAX, Record
from .steps import Kind, Step

CLIENTS_MAX = 5000
"""Machines remembered, the oldest forgotten first."""

BYTES_MAX = 20 << 20
"""Bytes that the machines may take: with those of `PACKETS_MAX` and the addresses they
stay under 32 MB, whatever names and lies clients come with."""

SHARE = BYTES_MAX // CLIENTS_MAX
"""Bytes that each of so many machines may take, a whole boot: where memory is short,
those that take more lose their oldest steps, and nobody is forgotten for them."""

PACKETS_MAX = 6 << 20
"""Bytes that the datagrams may take."""


class Book:
    """Machines by hardware address, or by address where only that is known.

    Args:
        clients_max: Machines remembered.

    Attributes:
        records: The machines, the one heard of last at the end.
        macs: Hardware addresses by address.
        looked_at: Those that may yet stop.
        unresolved: Addresses of which nobody knows whose they are.
        ring: Their last datagrams.
        version: Grows with every change.
        wake: Called when there is something to look at again.
    """

    def __init__(self, clients_max: int = CLIENTS_MAX) -> None:
        self._clients_max = clients_max
        self._cost = 0
        self.records: OrderedDict[str, Record] = OrderedDict()
        self.macs: OrderedDict[str, str] = OrderedDict()
        self.looked_at: OrderedDict[str, None] = OrderedDict()
        self.unresolved: OrderedDict[str, None] = OrderedDict()
        self._large: OrderedDict[str, None] = OrderedDict()
        self.ring = Ring(PACKETS_MAX)
        self.version: int = 0
        self.wake: Callable[[], None] = _nothing

    @property
    def cost(self) -> int:
        """Bytes that all of it takes, about."""
        return self._cost + self.ring.cost

    def key_of(self, address: str) -> str:
        """What the machine at an address goes by."""
        return self.macs.get(address, address)

    def key_of_client(self, address: str) -> str:
        """The same for who loads a file; where it is nobody's yet, that is noted."""
        key = self.macs.get(address)
        if key is not None:
            return key
        if address not in self.records:
            self.unresolved[address] = None
            if len(self.unresolved) > self._clients_max:
                self.unresolved.popitem(last=False)
        return address

    def record(self, key: str) -> Record:
        """The machine that goes by this key, remembered from now on."""
        record = self.records.get(key)
        if record is None:
            record = self.records[key] = Record()
            if _is_mac(key):
                record.mac = key
            else:
                record.address = key
            self._cost += record.cost
        self.records.move_to_end(key)
        while len(self.records) > self._clients_max:
            self._forget(next(iter(self.records)))
        return record

    def add(self, key: str, step: Step) -> None:
        """A machine did something."""
        record = self.record(key)
        before = record.cost
        record.add(step)
        self._cost += record.cost - before
        if record.cost > SHARE:
            self._large[key] = None
            self._fit()
        self.touch(record)
        if not self.looked_at:
            self.wake()
        self.looked_at[key] = None

    def _fit(self) -> None:
        """Make those that take more than their share smaller, as long as it is needed."""
        while self._cost > BYTES_MAX and self._large:
            record = self.records[self._large.popitem(last=False)[0]]
            before = record.cost
            record.shrink(SHARE)
            self._cost += record.cost - before

    def touch(self, record: Record) -> None:
        """What is known of a machine has changed."""
        self.version += 1
        record.version = self.version

    def _forget(self, key: str) -> None:
        record = self.records.pop(key)
        self._cost -= record.cost
        self._large.pop(key, None)
        self.looked_at.pop(key, None)
        self.unresolved.pop(key, None)
        self.ring.forget(key)

    def know(self, address: str, mac: str) -> None:
        """Somebody has that address now."""
        self.macs[address] = mac
        self.macs.move_to_end(address)
        if len(self.macs) > 2 * self._clients_max:
            self.macs.popitem(last=False)
        other = self.records.get(address)
        if other is not None:
            self._merge(address, other, mac)
        record = self.records.get(mac)
        if record is not None:
            record.address = address

    def _merge(self, address: str, other: Record, mac: str) -> None:
        """What went by its address goes by its hardware address from now on."""
        packets = self.ring
        packets.move(address, mac)
        self._forget(address)
        record = self.record(mac)
        steps = sorted([*record.steps, *other.steps], key=lambda step: step.at)
        self._cost -= record.cost
        fresh = Record(mac, address, record.arch, record.firmware, steps[-STEPS_MAX:])
        asked = (n for n, step in enumerate(fresh.steps) if step.kind is Kind.ASKED)
        fresh.began = max(asked, default=0)
        fresh.last = max(record.last, other.last)
        fresh.said, fresh.hears = record.said, record.hears
        fresh.before = record.before
        fresh.cost += sum(step.cost for step in fresh.steps)
        self.records[mac] = fresh
        self._cost += fresh.cost
        self.touch(fresh)
        self.looked_at[mac] = None


def _nothing() -> None:
    """Nobody is to be woken."""


def _is_mac(key: str) -> bool:
    """Whether a key is a hardware address, not an IPv6 address."""
    return len(key) == 17 and key[2::3] == ":::::" and "::" not in key

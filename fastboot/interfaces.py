"""This machine's network interfaces, as they are now.

Interfaces come, go and change their addresses while a server runs; `Interfaces` is
asked for each datagram and reads them anew when what it knows is old.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import psutil

AGE_MAX = 2.0
"""Seconds for which a reading is used: a change is followed that soon, and reading (a
tenth of a millisecond for each interface) costs nothing at that rate."""

UNKNOWN_AGE_MAX = 0.1
"""Seconds after which an index that the last reading lacks makes a new one: an
interface that has just come is served at once, a flood from one that has just gone
does not read for every datagram."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface.

    Attributes:
        name: "eth0".
        index: The kernel's number for it, 1 or more.
        ipv4: Its IPv4 addresses, the first one first.
        ipv6: Its IPv6 addresses, without scope.
        mtu: Bytes of the longest packet; 0 where unknown.
        up: Whether it is up.
    """

    name: str
    index: int
    ipv4: tuple[IPv4Address, ...] = ()
    ipv6: tuple[IPv6Address, ...] = ()
    mtu: int = 0
    up: bool = True


def read() -> tuple[Interface, ...]:
    """The interfaces as they are at this moment, in the order of their indexes.

    Raises:
        OSError: The system does not tell.
    """
    stats = psutil.net_if_stats()
    texts: dict[str, list[str]] = {name: [] for name in stats}
    for label, addresses in psutil.net_if_addrs().items():
        # "eth0:1" is a label of addresses on eth0 (ip-address(8)).
        found = texts.setdefault(label.partition(":")[0], [])
        found += (
            address.address.partition("%")[0]
            for address in addresses
            if address.family in (socket.AF_INET, socket.AF_INET6)
        )
    interfaces = []
    for name, found in texts.items():
        try:
            index = socket.if_nametoindex(name)
        except OSError:
            continue  # gone since it was listed
        stat = stats.get(name)
        interfaces.append(
            Interface(
                name=name,
                index=index,
                ipv4=tuple(IPv4Address(text) for text in found if ":" not in text),
                ipv6=tuple(IPv6Address(text) for text in found if ":" in text),
                mtu=stat.mtu if stat else 0,
                up=stat.isup if stat else False,
            )
        )
    return tuple(sorted(interfaces, key=lambda interface: interface.index))


class Interfaces:
    """The interfaces by index, followed as they change.

    Args:
        reader: Reads them.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        reader: Callable[[], Iterable[Interface]] = read,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._known: dict[int, Interface] = {}
        self._read_at = float("-inf")

    def all(self) -> tuple[Interface, ...]:
        """Every interface there is."""
        self._refresh(AGE_MAX)
        return tuple(self._known.values())

    def by_index(self, index: int) -> Interface | None:
        """The interface with that index; None where there is none."""
        self._refresh(AGE_MAX)
        if index not in self._known:
            self._refresh(UNKNOWN_AGE_MAX)
        return self._known.get(index)

    def mtu(self, index: int) -> int | None:
        """The MTU of the interface with that index, bytes; None where unknown."""
        interface = self.by_index(index)
        return (interface.mtu or None) if interface else None

    def _refresh(self, age: float) -> None:
        now = self._clock()
        if now - self._read_at < age:
            return
        self._read_at = now
        try:
            self._known = {item.index: item for item in self._reader()}
        except OSError:
            pass  # an interface went while it was read: the last reading stands

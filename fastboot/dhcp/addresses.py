"""Which address of ours answers a message: the one on the network that it came from."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from fastboot.arrival import Arrival
from fastboot.interfaces import Interface, Interfaces
from fastboot.listen import Place

EVERYWHERE = "0.0.0.0"  # noqa: S104 (a place that stands for every address)

KNOWN_MAX = 1024
"""Arrivals whose answer is remembered: a few for each interface."""


class Addresses:
    """Our addresses by where messages come in, as they are now.

    Args:
        interfaces: The interfaces, followed as they change.
        places: Where to serve.
    """

    def __init__(self, interfaces: Interfaces, places: Sequence[Place]) -> None:
        self._interfaces = interfaces
        self._places = places
        self._known: dict[Arrival, tuple[Interface, IPv4Address | None]] = {}

    def expire(self) -> None:
        """Look anew at the next question: something changed."""
        self._interfaces.expire()

    def to_answer(self, came: Arrival) -> IPv4Address | None:
        """Our address to answer with; None where that interface is not served."""
        interface = self._interfaces.by_index(came.index)
        if interface is None:
            return None
        known = self._known.get(came)
        if known is not None and known[0] is interface:
            return known[1]
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        address = self._find(interface, came)
        self._known[came] = (interface, address)
        return address

    def _find(self, interface: Interface, came: Arrival) -> IPv4Address | None:
        addresses: Sequence[IPv4Address] = interface.ipv4
        named = {
            place.address
            for place in self._places
            if place.device in (None, interface.name)
        }
        if EVERYWHERE not in named:
            addresses = [address for address in addresses if str(address) in named]
        # What the client asked, or what the kernel would answer a broadcast with.
        asked = [address for address in addresses if str(address) == came.local]
        return next(iter([*asked, *addresses]), None)

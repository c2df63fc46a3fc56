"""The links that DHCPv6 is served on: which interfaces, and with which addresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address, IPv6Network

from fastboot.interfaces import Interface, Interfaces
from fastboot.listen import Place

EVERYWHERE = "::"


class Links:
    """Interfaces with IPv6, as they are now.

    Args:
        interfaces: The interfaces, followed as they change.
        places: Where to serve; "::" stands for every address of its device or of all.
        prefixes: The networks to give addresses from; empty: those that our own
            addresses are in, of the length that every link has.
    """

    def __init__(
        self,
        interfaces: Interfaces,
        places: Sequence[Place],
        prefixes: tuple[IPv6Network, ...] = (),
    ) -> None:
        self._interfaces = interfaces
        self._places = places
        self._prefixes = prefixes

    def expire(self) -> None:
        """Look anew at the next question: something changed."""
        self._interfaces.expire()

    def __iter__(self) -> Iterator[Interface]:
        for interface in self._interfaces.all():
            if interface.up and self.ours(interface) is not None:
                yield interface

    def by_index(self, index: int) -> Interface | None:
        """The interface with that index, if it is served."""
        interface = self._interfaces.by_index(index)
        if interface is None or self.ours(interface) is None:
            return None
        return interface

    def ours(self, interface: Interface) -> IPv6Address | None:
        """The address of ours that a client there can load from; None: not served.

        A link-local one is the last choice: GRUB and others cannot write its scope.
        """
        named = {
            place.address
            for place in self._places
            if place.device in (None, interface.name)
        }
        addresses = [
            address
            for address in interface.ipv6
            if not address.is_loopback
            and (EVERYWHERE in named or str(address) in named)
        ]
        return min(addresses, key=lambda address: address.is_link_local, default=None)

    def prefixes(self, interface: Interface) -> tuple[IPv6Network, ...]:
        """The networks to give addresses from there."""
        addresses = [a for a in interface.ipv6 if not a.is_link_local]
        if not self._prefixes:
            networks = (
                IPv6Network((address, 64), strict=False) for address in addresses
            )
            return tuple(dict.fromkeys(networks))
        return tuple(p for p in self._prefixes if any(a in p for a in addresses))

    def behind(self, relay: IPv6Address) -> tuple[IPv6Network, ...]:
        """The networks to give addresses from on the link of a relay's address."""
        return tuple(prefix for prefix in self._prefixes if relay in prefix)

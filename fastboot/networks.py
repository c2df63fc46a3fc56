"""The networks of a DHCP server that were described by nobody, as they come and change.

One that is new is asked first whether another server is on it, aside, for that takes
some seconds. What is given where nothing changed goes on meanwhile. A network that is
gone is kept for a while: a cable that is plugged in again finds all as it was. What
comes later may be another network of the same numbers, and is asked as a new one is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network

from .config import Config
from .config.subnet import SubnetTable
from .crew import crew
from .dhcp import foreign
from .dhcp.automatic import POOL_MAX, automatic
from .dhcp.subnet import ADDRESSES_MAX, Subnet, subnets
from .errors import ListenError
from .events import Emit, LeaseTrouble
from .interfaces import Interface

NETWORKS_MAX = ADDRESSES_MAX // POOL_MAX
"""Networks remembered, those that are gone among them."""

ASK_AGAIN = 600.0
"""Seconds after which a network where another server was found is looked at again."""

KEPT_FOR = 60.0
"""Seconds for which a network that is gone is kept."""

TRY_AGAIN = 10.0
"""Seconds after which one that could not be asked is."""

Device = tuple[str, bytes]
"""An interface's name and hardware address."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A network that is served, and the addresses of ours that were in it."""

    subnet: Subnet
    own: frozenset[IPv4Address]


@dataclass(slots=True)
class _Asked:
    """What is known of other servers on a network.

    Attributes:
        until: When it is to be asked again.
        free: Whether there is none; False also as long as nobody knows.
        trouble: Why it is not served, to be told once; "" for nothing to tell.
        again: Seconds until it is to be asked again, where there is trouble.
    """

    until: float
    free: bool = False
    trouble: str = ""
    again: float = ASK_AGAIN


class Networks:
    """Follows the networks that this machine is in.

    Args:
        config: Resolved; without a described subnet.
        emit: Told of another server.
    """

    def __init__(self, config: Config, emit: Emit) -> None:
        self._config = config
        self._emit = emit
        self._known: dict[str, _Known] = {}
        self._seen: dict[str, float] = {}  # when each of those was there last
        self._asked: dict[str, _Asked] = {}

    def begin(self, found: Sequence[Subnet], cards: Iterable[Interface]) -> None:
        """Take over what is served from the beginning."""
        own = _own(cards)
        for subnet in found:
            self._known[str(subnet.network)] = _Known(
                subnet, _within(subnet.network, own)
            )

    def follow(
        self, cards: Sequence[Interface], now: float
    ) -> tuple[Subnet, ...] | None:
        """What is served now; None where that is what it was.

        Args:
            cards: The interfaces that are served.
            now: Seconds on the caller's monotonic clock.
        """
        tables = automatic(networks(self._config, cards))
        own, before = _own(cards), dict(self._known)
        for table in tables:
            known = self._known.get(table.network)
            mine = _within(IPv4Network(table.network), own)
            if known is None and not self._is_free(table, cards, now):
                continue
            if known is None or known.own != mine:
                (subnet,) = subnets([table], self._config.lease.time, own)
                self._known[table.network] = _Known(subnet, mine)
        self._tidy({table.network for table in tables}, now)
        if self._known == before:
            return None
        return tuple(known.subnet for known in self._known.values())

    def _tidy(self, here: set[str], now: float) -> None:
        """Forget what has been gone for long, or is in the way of what is here."""
        self._seen |= dict.fromkeys(here, now)
        there = [self._known[name].subnet.network for name in here & {*self._known}]
        for name in {*self._known} - here:
            network = self._known[name].subnet.network
            gone = now - self._seen.setdefault(name, now) >= KEPT_FOR
            if gone or any(network.overlaps(other) for other in there):
                del self._known[name]
        self._seen = {name: self._seen[name] for name in self._known}
        self._asked = {name: it for name, it in self._asked.items() if name in here}

    def _is_free(
        self, table: SubnetTable, cards: Sequence[Interface], now: float
    ) -> bool:
        """Whether no other server is on a network; False as long as that is not known."""
        if len(self._known) >= NETWORKS_MAX:
            return False
        if self._config.dhcp.force:
            return True
        asked = self._asked.get(table.network)
        if asked is None or now >= asked.until:
            asked = self._asked[table.network] = _Asked(until=now + ASK_AGAIN)
            devices = [
                (card.name, card.mac)
                for card in cards
                if len(card.mac) == 6 and table.network in map(str, card.networks)
            ]
            if not crew().do(partial(_ask, asked, devices), of="DHCP"):
                asked.until = now + TRY_AGAIN
        if asked.trouble:
            self._emit(LeaseTrouble(f"{asked.trouble}; nobody there gets an address"))
            asked.trouble, asked.until = "", now + asked.again
        return asked.free


def _ask(asked: _Asked, devices: Sequence[Device]) -> None:
    """Find out about a network, which takes seconds; on another thread."""
    try:
        found = foreign.look(devices)
    except ListenError as error:
        asked.again, asked.trouble = TRY_AGAIN, str(error)
        return
    if found is None:
        asked.free = True
        return
    asked.trouble = (
        f"another DHCP server, {found.server}, answers on {found.device} (it offers "
        f"{found.offered})"
    )


def networks(config: Config, cards: Iterable[Interface]) -> list[IPv4Network]:
    """The networks of these interfaces, or of the addresses that are served."""
    wanted = config.address
    return [
        network
        for card in cards
        for address, network in zip(card.ipv4, card.networks, strict=True)
        if not wanted or str(address) in wanted
    ]


def _own(cards: Iterable[Interface]) -> frozenset[IPv4Address]:
    return frozenset(address for card in cards for address in card.ipv4)


def _within(
    network: IPv4Network, own: frozenset[IPv4Address]
) -> frozenset[IPv4Address]:
    return frozenset(address for address in own if address in network)

"""A DHCP server put together: subnets, leases, and what boot clients are told."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from .config import Config
from .config.subnet import SubnetTable
from .dhcp import foreign
from .dhcp.automatic import automatic
from .dhcp.book import Book
from .dhcp.database import Database
from .dhcp.proxy import Proxy
from .dhcp.server import LeaseServer
from .dhcp.subnet import Subnet, subnets
from .dhcp.v6 import foreign as v6_foreign
from .errors import ConfigError, ListenError
from .events import Emit, LeaseTrouble, Serves
from .interfaces import Interface, Interfaces
from .networks import Networks, networks


def only_ipv6(config: Config) -> bool:
    """Whether this is the network of a server that gives IPv6 addresses alone."""
    cards = _cards(config, Interfaces())
    six = (address for card in cards for address in card.ipv6)
    usable = any(not (a.is_link_local or a.is_loopback) for a in six)
    return config.dhcp.ipv6 and usable and not _tables(config, cards)


def refuse_a_second_ipv6(config: Config) -> None:
    """Refuse to give IPv6 addresses where another server does.

    Raises:
        ListenError: One answers on one of our networks.
    """
    devices = [
        (card.name, card.index, card.mac)
        for card in _cards(config, Interfaces())
        if len(card.mac) == 6 and any(not a.is_link_local for a in card.ipv6)
    ]
    found = v6_foreign.look(devices)
    if found is not None:
        raise ListenError(
            f"another DHCPv6 server, {found.server}, answers on {found.device} (it offers "
            f"{found.offered}): stop it, use --no-dhcp-ipv6 or --dhcp proxy beside it, or "
            "insist with --dhcp-force"
        )


class Leasing:
    """A `LeaseServer` with its file of leases.

    Args:
        config: Resolved.
        proxy: What boot clients are told.
        emit: Told of a file that is damaged, and of networks that are new.
        interfaces: The interfaces, followed as they change.

    Attributes:
        server: Decides.

    Raises:
        SetupError: A setting is wrong, the file cannot be used, or another server
            answers on the network.
    """

    def __init__(
        self, config: Config, proxy: Proxy, emit: Emit, interfaces: Interfaces
    ) -> None:
        self._config = config
        self._emit = emit
        self._interfaces = interfaces
        cards = _cards(config, interfaces)
        tables = _tables(config, cards)
        if not tables:
            raise ConfigError(
                "there is no network to give addresses of: give an interface an IPv4 "
                "address, or describe a [[dhcp.subnet]] in a file"
            )
        own = [address for card in interfaces.all() for address in card.ipv4]
        served = subnets(tables, config.lease.time, own)
        if not config.dhcp.force:
            _refuse_a_second(cards, served)
        assert config.lease.file is not None
        self._database = Database(config.lease.file)
        if self._database.damage:
            emit(LeaseTrouble(self._database.damage))
        now = time.monotonic()
        longest = max(config.lease.max_time, *(item.lease_time for item in served))
        book = Book(served, self._database, longest, now, time.time() - now)
        probe = config.dhcp.probe
        self.server: LeaseServer = LeaseServer(
            served, config.lease, book, proxy, probe=probe
        )
        if not config.dhcp.subnet:
            self._networks = Networks(config, emit)
            self._networks.begin(served, cards)
            self.server.follow = self._follow

    @property
    def serves(self) -> tuple[Serves, ...]:
        """What it gives, a fact for each subnet."""
        chosen = not self._config.dhcp.subnet
        return tuple(_facts(self.server.subnets, chosen=chosen))

    def _follow(self, now: float) -> Sequence[Subnet] | None:
        """What is served now, told where it is new; None where nothing changed."""
        found = self._networks.follow(_cards(self._config, self._interfaces), now)
        before = {subnet.network for subnet in self.server.subnets}
        new = [subnet for subnet in found or () if subnet.network not in before]
        for fact in _facts(new, chosen=True):
            self._emit(fact)
        return found

    def close(self) -> None:
        """Give the file back."""
        self._database.close()


def _tables(config: Config, cards: Sequence[Interface]) -> tuple[SubnetTable, ...]:
    """The subnets that are described, or those that this machine is in."""
    return config.dhcp.subnet or automatic(networks(config, cards))


def _cards(config: Config, interfaces: Interfaces) -> list[Interface]:
    named = config.interface
    every = (card for card in interfaces.all() if card.up)
    return [card for card in every if not named or card.name in named]


def _refuse_a_second(cards: Iterable[Interface], served: Sequence[Subnet]) -> None:
    """Refuse to begin where another server is there already."""
    devices = [
        (card.name, card.mac)
        for card in cards
        if len(card.mac) == 6 and any(_is_served(ip, served) for ip in card.ipv4)
    ]
    found = foreign.look(devices)
    if found is not None:
        raise ListenError(
            f"another DHCP server, {found.server}, answers on {found.device} (it offers "
            f"{found.offered}): stop it, use --dhcp proxy beside it, or insist with "
            "--dhcp-force"
        )


def _is_served(address: IPv4Address, served: Sequence[Subnet]) -> bool:
    return any(address in subnet.network for subnet in served)


def _facts(served: Iterable[Subnet], *, chosen: bool) -> Iterable[Serves]:
    for subnet in served:
        ranges = [
            str(first) if first == last else f"{first} to {last}"
            for first, last in subnet.pool.ranges
        ]
        pool = ", ".join(ranges) or "reserved addresses"
        yield Serves(str(subnet.network), pool, subnet.lease_time, chosen)


def describe(serves: Serves) -> str:
    """What is given, in words.

    >>> describe(Serves("192.0.2.0/24", "192.0.2.128 to 192.0.2.254", 3600, True))
    '192.0.2.128 to 192.0.2.254 of 192.0.2.0/24 for 3600 s, chosen by fastboot'
    """
    why = ", chosen by fastboot" if serves.chosen else ""
    return f"{serves.pool} of {serves.network} for {serves.seconds} s{why}"

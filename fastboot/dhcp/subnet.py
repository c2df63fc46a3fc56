"""The subnets whose addresses we give: what settings say, made ready to decide with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any
from uuid import UUID

from fastboot.config.subnet import ReservationTable, SubnetTable
from fastboot.errors import ConfigError

from .named import encode_named
from .options import Options
from .pool import Pool

ADDRESSES_MAX = 1 << 18
"""Addresses in all pools together, each a lease that may have to be remembered."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one machine gets.

    Attributes:
        options: Before the subnet's own.
        address: Its address; None for any of the pool.
        mac: By which of these it is known; what is None is not looked at.
        client: Option 61.
        machine: The UUID of option 97, in either order of its bytes: firmware does not
            agree on it.
    """

    options: Options = ()
    address: IPv4Address | None = None
    mac: bytes | None = None
    client: bytes | None = None
    machine: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Subnet:
    """A network and what its machines are given.

    Attributes:
        network: Its addresses.
        pool: Those that anyone may get.
        options: What everyone is told.
        lease_time: Seconds.
        reservations: What single machines get.
    """

    network: IPv4Network
    pool: Pool
    options: Options
    lease_time: int
    reservations: tuple[Reservation, ...] = ()

    def reservation(
        self, mac: bytes, client: bytes | None, machine: bytes
    ) -> Reservation | None:
        """The reservation of a machine; the first that fits, None where none does.

        Args:
            mac: Its hardware address.
            client: Option 61; None where it sends none.
            machine: The number in option 97; empty where it has none.
        """
        return next(
            (
                found
                for found in self.reservations
                if (found.client is not None and found.client == client)
                or (machine and machine in found.machine)
                or (found.mac is not None and found.mac == mac)
            ),
            None,
        )


def subnets(
    tables: Iterable[SubnetTable],
    lease_time: int,
    own: Iterable[IPv4Address] = (),
) -> tuple[Subnet, ...]:
    """The subnets that settings describe.

    Args:
        tables: The settings.
        lease_time: Seconds, where a table does not say.
        own: This machine's addresses, which are never given.

    Raises:
        ConfigError: Something in them is wrong; the text says in which one.
    """
    made: list[Subnet] = []
    left = ADDRESSES_MAX
    for number, table in enumerate(tables, 1):
        try:
            subnet = _subnet(table, lease_time, frozenset(own))
            left -= subnet.pool.size
            _check(subnet, made, left)
        except ConfigError as error:
            raise ConfigError(f"[[dhcp.subnet]] number {number}: {error}") from None
        made.append(subnet)
    return tuple(made)


def _check(subnet: Subnet, others: Iterable[Subnet], left: int) -> None:
    if any(subnet.network.overlaps(other.network) for other in others):
        raise ConfigError(f"{subnet.network} overlaps another subnet")
    if left < 0:
        raise ConfigError(f"the pools have more than {ADDRESSES_MAX} addresses")


def _subnet(table: SubnetTable, lease_time: int, own: frozenset[IPv4Address]) -> Subnet:
    try:
        network = IPv4Network(table.network)
    except ValueError as error:
        raise ConfigError(f"network: {error}; write it as 192.0.2.0/24") from None
    reservations = []
    for number, inner in enumerate(table.reservation, 1):
        try:
            reservations.append(_reservation(inner, network))
        except ConfigError as error:
            place = f"[[dhcp.subnet.reservation]] number {number}"
            raise ConfigError(f"{place}: {error}") from None
    taken = [item.address for item in reservations if item.address is not None]
    if len(set(taken)) < len(taken):
        raise ConfigError("an address is reserved twice")
    edges = {network.network_address, network.broadcast_address}
    apart = {*taken, *own, *(edges if network.prefixlen < 31 else ())}
    return Subnet(
        network,
        Pool(_ranges(table.pool, network), apart),
        _subnet_options(table, network),
        table.lease_time or lease_time,
        tuple(reservations),
    )


def _ranges(
    texts: Iterable[str], network: IPv4Network
) -> list[tuple[IPv4Address, IPv4Address]]:
    ranges: list[tuple[IPv4Address, IPv4Address]] = []
    for text in texts:
        first_text, dash, last_text = text.partition("-")
        try:
            first = IPv4Address(first_text.strip())
            last = IPv4Address(last_text.strip()) if dash else first
        except ValueError:
            raise ConfigError(
                f"pool is {text!r}; write it as 192.0.2.100-192.0.2.199"
            ) from None
        if first not in network or last not in network or last < first:
            raise ConfigError(f"pool {text} is no range of addresses in {network}")
        if any(first <= end and begin <= last for begin, end in ranges):
            raise ConfigError(f"pool {text} overlaps another one")
        ranges.append((first, last))
    return ranges


def _subnet_options(table: SubnetTable, network: IPv4Network) -> Options:
    short = {
        "subnet-mask": str(network.netmask),
        "router": list(table.router),
        "domain-name-server": list(table.dns),
        "domain-name": table.domain,
        "broadcast-address": str(network.broadcast_address),
        "ntp-server": list(table.ntp),
    }
    chosen = dict(_options({name: value for name, value in short.items() if value}))
    chosen.update(_options(table.options or {}))
    return tuple(chosen.items())


def _options(values: Mapping[str, Any]) -> Iterable[tuple[int, bytes]]:
    for name, value in values.items():
        try:
            yield encode_named(name, value)
        except ValueError as error:
            raise ConfigError(str(error)) from None


_MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")


def _reservation(table: ReservationTable, network: IPv4Network) -> Reservation:
    address, mac, client = None, None, None
    machine: tuple[bytes, ...] = ()
    if table.address:
        try:
            address = IPv4Address(table.address)
        except ValueError:
            address = None
        if address is None or address not in network:
            raise ConfigError(
                f"address is {table.address!r}; it must be one of {network}"
            )
    if table.uuid:
        try:
            uuid = UUID(table.uuid)
            machine = (uuid.bytes, uuid.bytes_le)
        except ValueError:
            raise ConfigError(f"uuid is {table.uuid!r}, which is none") from None
    if table.mac:
        if not _MAC.fullmatch(table.mac):
            raise ConfigError(
                f"mac is {table.mac!r}; write it as 52:54:00:12:34:56"
            ) from None
        mac = bytes.fromhex(re.sub("[:-]", "", table.mac))
    if table.client_id:
        try:
            client = encode_named("vendor-class", table.client_id)[1]
        except ValueError:
            raise ConfigError(
                f'client_id is {table.client_id!r}; write a text, or "hex:ff00"'
            ) from None
    chosen = dict(_options({"host-name": table.hostname} if table.hostname else {}))
    chosen.update(_options(table.options or {}))
    return Reservation(tuple(chosen.items()), address, mac, client, machine)

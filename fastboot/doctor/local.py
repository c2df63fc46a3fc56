"""What this machine has to serve with: the folder, boot programs, ports, interfaces."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from socket import AF_INET6

from fastboot.boot.choose import Answer, Missing, Site, choose
from fastboot.boot.finder import Finder
from fastboot.boot.machine import Arch, Machine
from fastboot.boot.menu import Menu
from fastboot.boot.programs import Programs
from fastboot.config import Config
from fastboot.dhcp.machine import read_machine
from fastboot.errors import ConfigError, ListenError
from fastboot.interfaces import Interface, read
from fastboot.listen import Place, everywhere, tcp, udp
from fastboot.tree import Directory

from .facts import Port
from .machines import Kind
from .reach import TFTP_PORT

DHCPV6_PORT = 547
"""Where DHCPv6 servers take messages (RFC 8415, section 7.2)."""

SEGMENTS_MAX = 16
"""Interfaces that are asked: hosts of containers have hundreds."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is to boot.

    Attributes:
        site: What machines are offered from.
        answers: By the name of a kind of machine, what it is to load, or why nothing.
        entries: The number of entries in the menu.
    """

    site: Site
    answers: dict[str, Answer | Missing]
    entries: int


def stock(config: Config, kinds: Iterable[Kind]) -> Stock:
    """Look into the folder, and where distributions install boot programs.

    Raises:
        ConfigError: The folder cannot be read.
    """
    machines = {kind.name: machine_of(kind) for kind in kinds}
    with closing(Directory(config.folder, public=config.world_readable)) as folder:
        finder = Finder(folder, Programs(config.boot.programs), time.monotonic)
        found = {machine.arch: finder(machine.arch) for machine in machines.values()}
        menu = Menu(folder, config.boot.menu_timeout, time.monotonic)
        entries = len(list(menu.entries()))
    site = _site(config, found)
    answers = {name: choose(machine, site) for name, machine in machines.items()}
    return Stock(site, answers, entries)


def machine_of(kind: Kind) -> Machine:
    """A machine of that kind, as its DISCOVER tells of it."""
    machine = read_machine(kind.discover(kind.mac(bytes(3)), 0))
    assert machine is not None  # every kind is a boot client
    return machine


def _site(config: Config, programs: dict[Arch, str | None]) -> Site:
    secure = config.https.enabled and config.https.boot_urls
    plain = config.http.port if config.http.enabled else None
    return Site(
        folder=str(config.folder),
        program=programs.get,
        http_port=config.https.port if secure else plain,
        tftp=config.tftp.enabled and config.tftp.port == TFTP_PORT,
        secure=secure,
    )


def ports(config: Config) -> Iterator[Port]:
    """Whether each port that machines ask on can be opened, found out by opening it."""
    dhcp, families = config.dhcp, [place.family for place in everywhere()]
    wanted: list[tuple[str, int | None]] = []
    if dhcp.mode in ("proxy", "server"):
        wanted.append(("DHCP", dhcp.port))
    if dhcp.mode in ("proxy", "server") and dhcp.ipv6 and AF_INET6 in families:
        wanted.append(("DHCPv6", DHCPV6_PORT))
    if dhcp.mode != "off":
        wanted.append(("DHCP", dhcp.pxe_port))
    if config.tftp.enabled:
        wanted.append(("TFTP", config.tftp.port))
    if config.http.enabled:
        wanted.append(("HTTP", config.http.port))
    if config.https.enabled:
        wanted.append(("HTTPS", config.https.port))
    for protocol, number in wanted:
        if number:
            yield Port(protocol, number, _problem(protocol, number))


def _problem(protocol: str, number: int) -> str:
    place = Place("::" if protocol == "DHCPv6" else "0.0.0.0")  # noqa: S104
    try:
        if protocol in ("HTTP", "HTTPS"):
            tcp(place, number, protocol, backlog=1).close()
        else:
            reuse = protocol.startswith("DHCP")
            udp(place, number, protocol, reuse=reuse).close()
    except ListenError as error:
        return str(error)
    return ""


def cards(names: Sequence[str]) -> list[Interface]:
    """The interfaces to look at: up, Ethernet, and with an address.

    Raises:
        ConfigError: There is none of a name that was given.
    """
    every = read()
    there = {card.name for card in every}
    for name in names:
        if name not in there:
            known = ", ".join(sorted(there))
            raise ConfigError(f"there is no interface {name}; there are {known}")
    return [
        card
        for card in every
        if card.up
        and card.ipv4
        and len(card.mac) == 6  # a tunnel has none
        and any(card.mac)  # nor has the loopback
        and (not names or card.name in names)
    ][:SEGMENTS_MAX]

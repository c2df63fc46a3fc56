"""This machine's network interfaces, as they are now.

Interfaces come, go and change their addresses while a server runs; `Interfaces` is
asked for each datagram and reads them anew when what it knows is old.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import psutil

AGE_MAX = 2.0
"""Seconds for which a reading is used: a change is followed that soon, and reading (a
tenth of a millisecond for each interface) costs nothing at that rate."""

CHANGED_AGE_MAX = 0.02
"""Seconds after which a reading is not used once something is known to have changed:
containers that come and go by the hundred do not read for every datagram."""

UNKNOWN_AGE_MAX = 0.1
"""Seconds after which an index that the last reading lacks makes a new one: an
interface that has just come is served at once, a flood from one that has just gone
does not read for every datagram."""

MESSAGES_MAX = 1024
"""Messages of the kernel taken at once; the rest makes the next turn."""

_IPV4, _IPV6 = socket.AF_INET, socket.AF_INET6

_GROUPS = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR of linux/rtnetlink.h."""


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
        networks: The networks of `ipv4`, in the same order.
        mac: Its hardware address; empty where it has none.
    """

    name: str
    index: int
    ipv4: tuple[IPv4Address, ...] = ()
    ipv6: tuple[IPv6Address, ...] = ()
    mtu: int = 0
    up: bool = True
    networks: tuple[IPv4Network, ...] = ()
    mac: bytes = b""


def read() -> tuple[Interface, ...]:
    """The interfaces as they are at this moment, in the order of their indexes.

    Raises:
        OSError: The system does not tell.
    """
    stats = psutil.net_if_stats()
    found: dict[str, list[tuple[int, str, str]]] = {name: [] for name in stats}
    for label, addresses in psutil.net_if_addrs().items():
        # "eth0:1" is a label of addresses on eth0 (ip-address(8)).
        found.setdefault(label.partition(":")[0], []).extend(
            (address.family, address.address.partition("%")[0], address.netmask or "")
            for address in addresses
        )
    interfaces = []
    for name, listed in found.items():
        try:
            index = socket.if_nametoindex(name)
        except OSError:
            continue  # gone since it was listed
        stat = stats.get(name)
        four = [(text, mask) for kind, text, mask in listed if kind == _IPV4]
        six = (text for kind, text, _ in listed if kind == _IPV6)
        macs = (text for kind, text, _ in listed if kind == psutil.AF_LINK)
        interfaces.append(
            Interface(
                name=name,
                index=index,
                ipv4=tuple(IPv4Address(text) for text, _ in four),
                ipv6=tuple(IPv6Address(text) for text in six),
                mtu=stat.mtu if stat else 0,
                up=stat.isup if stat else False,
                networks=tuple(_network(text, mask) for text, mask in four),
                mac=bytes.fromhex(next(macs, "").replace(":", "")),
            )
        )
    return tuple(sorted(interfaces, key=lambda interface: interface.index))


def _network(address: str, mask: str) -> IPv4Network:
    return IPv4Network(f"{address}/{mask or 32}", strict=False)


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
        self._age_max = AGE_MAX

    def expire(self) -> None:
        """Read anew at the next question: something changed."""
        self._age_max = CHANGED_AGE_MAX

    def all(self) -> tuple[Interface, ...]:
        """Every interface there is."""
        self._refresh(self._age_max)
        return tuple(self._known.values())

    def by_index(self, index: int) -> Interface | None:
        """The interface with that index; None where there is none."""
        self._refresh(self._age_max)
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
        self._age_max = AGE_MAX
        try:
            found = self._reader()
        except OSError:
            return  # an interface went while it was read: the last reading stands
        # One that did not change stays the same object, which others may go by.
        before = self._known
        self._known = {item.index: item for item in found}
        for index, item in before.items():
            if self._known.get(index) == item:
                self._known[index] = item


class Changes:
    """Readable when an interface or an address has come, gone or changed.

    What exactly is not looked at: messages get lost where many things change at once
    (rtnetlink(7)), so whoever wants to know reads the interfaces anew.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    @classmethod
    def open(cls) -> Changes | None:
        """Begin to listen to the kernel; None where it does not tell (not Linux)."""
        if not hasattr(socket, "AF_NETLINK"):
            return None
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        try:
            sock = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        except OSError:
            return None
        try:
            sock.bind((0, _GROUPS))
        except OSError:
            sock.close()
            return None
        return cls(sock)

    def fileno(self) -> int:
        """The descriptor that is readable after a change."""
        return self._sock.fileno()

    def take(self) -> None:
        """Take note of all that has changed until now."""
        for _ in range(MESSAGES_MAX):
            try:
                self._sock.recv(1)  # the rest of the message is thrown away
            except BlockingIOError:
                return
            except OSError:
                continue  # ENOBUFS: some were lost

    def close(self) -> None:
        """Give the socket back."""
        self._sock.close()

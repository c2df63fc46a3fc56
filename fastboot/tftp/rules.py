"""What strange clients are not granted: the settings' `[[tftp.client]]`, applied.

A decision: a function of the rules and of what is known of a client.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from ipaddress import ip_address

from fastboot.config.client import ALL, KNOWN, Network, TftpClient

from .options import Limits
from .packet import Options

Mac = Callable[[], bytes | None]
"""Finds out a client's MAC; None where it is not known."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule in the form in which it is asked once a request."""

    network: Network | None
    mac: bytes | None
    options: tuple[tuple[bytes, bytes | None], ...]  # names, values that they must have
    refused: frozenset[bytes]
    blksize: int
    windowsize: int
    same_port: bool

    def fits(self, address: str, mac: Mac, options: Options) -> bool:
        if self.options and not _asks(self.options, options):
            return False
        bare = ip_address(address.partition("%")[0])
        if self.network is not None and bare not in self.network:
            return False
        if self.mac is None:
            return True
        found = mac()
        return found is not None and found.startswith(self.mac)

    def bound(self, limits: Limits) -> Limits:
        capped = self.windowsize < limits.windowsize
        return dataclasses.replace(
            limits,
            blksize=min(limits.blksize, self.blksize),
            windowsize=min(limits.windowsize, self.windowsize),
            # A window that the client changes as it likes is not one of so many blocks.
            msftwindow=limits.msftwindow and not capped,
            refused=limits.refused | self.refused,
        )


class Rules:
    """The rules of a server.

    >>> rules = Rules([TftpClient(address="10.0.3.0/24", refuse=("tsize",))])
    >>> rules.bound(Limits(), "10.0.3.9", lambda: None, ()).refused
    frozenset({b'tsize'})
    """

    def __init__(self, clients: Sequence[TftpClient]) -> None:
        self._rules = tuple(_rule(client) for client in clients)

    def bound(self, limits: Limits, address: str, mac: Mac, options: Options) -> Limits:
        """What a client is granted at the most: the least of what its rules allow.

        Args:
            limits: What any client is granted.
            address: The client's address.
            mac: Asked only where a rule needs to know.
            options: As the client sent them.
        """
        if not self._rules:
            return limits
        fitting = (rule for rule in self._rules if rule.fits(address, mac, options))
        return reduce(lambda bounded, rule: rule.bound(bounded), fitting, limits)

    def same_port(self, address: str, mac: Mac, options: Options) -> bool:
        """Whether a client is answered from the port that it asked; see `bound`."""
        return any(
            rule.same_port and rule.fits(address, mac, options) for rule in self._rules
        )


def _rule(client: TftpClient) -> _Rule:
    refused = KNOWN if ALL in client.refuse else client.refuse
    return _Rule(
        network=client.network(),
        mac=client.hardware(),
        options=tuple(_wanted(text) for text in client.options),
        refused=frozenset(name.encode() for name in refused),
        blksize=client.max_blksize or Limits().blksize,
        windowsize=client.max_windowsize or 65535,
        same_port=client.same_port,
    )


def _wanted(text: str) -> tuple[bytes, bytes | None]:
    name, equals, value = text.partition("=")
    return name.lower().encode(), value.encode() if equals else None


def _asks(wanted: tuple[tuple[bytes, bytes | None], ...], options: Options) -> bool:
    if len(wanted) != len(options):
        return False
    return all(
        name == asked.lower() and value in (None, given)
        for (name, value), (asked, given) in zip(wanted, options, strict=True)
    )

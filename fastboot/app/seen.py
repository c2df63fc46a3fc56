"""What is known of clients besides their address: their MACs, and the machines they are.

DHCP sees a machine before it loads anything; what it said of itself is kept here, for
whoever asks by its MAC. Bounded: the oldest is forgotten first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from fastboot.boot.machine import Machine
from fastboot.events import Event, Leased
from fastboot.interfaces import Interfaces
from fastboot.neighbours import hardware_address_of
from fastboot.tree import Client

from .mac import Mac

SEEN_MAX = 4096
"""Machines remembered, and addresses: some hundred bytes each."""

Value = TypeVar("Value")


class Seen:
    """Who was seen. May be used from several threads.

    Args:
        interfaces: This machine's interfaces.
        neighbour: The MAC of a neighbour, by its address and the interface's index.
    """

    def __init__(
        self,
        interfaces: Interfaces | None = None,
        neighbour: Callable[[str, int], bytes | None] = hardware_address_of,
    ) -> None:
        self._interfaces = interfaces or Interfaces()
        self._neighbour = neighbour
        self._lock = threading.Lock()
        self._machines: OrderedDict[str, Machine] = OrderedDict()
        self._leases: OrderedDict[str, Mac] = OrderedDict()  # by address

    def remember(self, machine: Machine) -> None:
        """Take note of a machine that asked what to boot."""
        self._put(self._machines, machine.mac, machine)

    def hear(self, event: Event) -> None:
        """Take note of who got an address, where that is known by a MAC.

        Over IPv6 and on other networks than Ethernet clients go by other names.
        """
        if isinstance(event, Leased) and event.message == "ack":
            try:
                mac = Mac(event.mac)
            except ValueError:
                return
            self._put(self._leases, event.address, mac)

    def _put(self, table: OrderedDict[str, Value], key: str, value: Value) -> None:
        with self._lock:
            table[key] = value
            table.move_to_end(key)
            if len(table) > SEEN_MAX:
                table.popitem(last=False)

    def machine(self, mac: str) -> Machine | None:
        """What a machine told DHCP about itself; None where it told nothing."""
        return self._machines.get(mac)

    def mac(self, client: Client) -> Mac | None:
        """A client's MAC; None where it is not on this link, or on this machine."""
        leased = self._leases.get(client.address)
        if leased is not None:
            return leased
        with self._lock:
            index = self._index(client.server)
        raw = self._neighbour(client.address, index)
        return Mac(raw.hex()) if raw and len(raw) == 6 else None

    def _index(self, server: str) -> int:
        """The interface that has this address of ours; 0 where none has."""
        server = server.partition("%")[0]
        for card in self._interfaces.all():
            if server in map(str, (*card.ipv4, *card.ipv6)):
                return card.index
        return 0

"""What TFTP's engines share that serve as one, each on a thread of its own.

A client's transfers come from a port each, and so to any of the engines. What bounds one
client, and what bounds all together, is therefore counted in one place, under a lock that
is taken once a request; no packet of a transfer passes here.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from fastboot.config import TftpConfig
from fastboot.config.tftp import port_range

from .ports import POOL
from .sources import Sources

UNCONFIRMED_MAX = 1024
"""Transfers whose client has acknowledged nothing yet: forged requests fill this table
and no other."""


OF_ONE_MAX = 16
"""Transfers of one address that begin without a look at what it did before: as many as
answers to requests in its name go to it at once."""


class Room:
    """Counts transfers, by address and in all.

    >>> room = Room(most=2, most_of_one=1)
    >>> room.enter("10.0.0.1")
    >>> room.full("10.0.0.1"), room.full("10.0.0.2")
    ('too many transfers of this client', '')

    Args:
        most: How many there may be.
        most_of_one: How many of one address.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._all = 0
        self._by_address: Counter[str] = Counter()
        self._lock = threading.Lock()

    def full(self, address: str) -> str:
        """Why no transfer can begin for an address; empty: there is room.

        Whoever asks enters afterwards: of engines that ask in the same moment each may
        begin one, which makes the bound that much softer.
        """
        with self._lock:
            if self._all >= self._most:
                return "too many transfers"
            if self._by_address[address] >= self._most_of_one:
                return "too many transfers of this client"
            return ""

    def enter(self, address: str) -> None:
        """A transfer begins."""
        with self._lock:
            self._all += 1
            self._by_address[address] += 1

    def leave(self, address: str) -> None:
        """A transfer is over."""
        with self._lock:
            self._all -= 1
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


@dataclass(frozen=True, slots=True)
class Share:
    """One engine's part of the limits; the same for each of those that serve as one.

    Attributes:
        room: Counts the transfers of all of them.
        sources: Counts the requests that came to nothing, of all of them.
        unconfirmed: Transfers without an ACK that this engine may have. Divided: who
            fills it, in forged names, is spread evenly by the kernel.
        transfers: Transfers that this engine may have before it asks `room`, and
        of_one: of one address.
        cache_bytes: Bytes of files ready to be sent that this engine may keep. Divided,
            since data on its way to the wire must not wait for a lock: a file that
            machines fetch from every engine is kept by each.
        pool: Data sockets of this engine at each place, at the most. Ports of a range
            are divided; each engine has its own.
    """

    room: Room
    sources: Sources
    unconfirmed: int
    transfers: int
    of_one: int
    cache_bytes: int
    pool: int

    @classmethod
    def of(cls, config: TftpConfig, engines: int = 1) -> Share:
        """What each of so many engines has."""
        ports = port_range(config.ports)
        pool = POOL if ports is None else max(1, min(POOL, len(ports) // engines))
        return cls(
            Room(config.max_transfers, config.max_per_client),
            Sources(config.max_request_rate),
            max(1, UNCONFIRMED_MAX // engines),
            config.max_transfers // engines,
            min(OF_ONE_MAX, config.max_per_client // engines),
            config.cache_bytes // engines,
            pool,
        )


def engines_for(config: TftpConfig, workers: int) -> int:
    """How many engines can serve as one: each needs a data port of its own."""
    ports = port_range(config.ports)
    return workers if ports is None else min(workers, len(ports))

"""What engines see of a machine's boot, for those who follow it.

These facts come with every message of a boot: they are no news for a log, and are told
apart from `fastboot.events`, to who asked for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

RUNNING_MAX = 100
"""Transfers told of at once, by one engine: more than a person reads."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A machine asked how to boot.

    Attributes:
        mac: The machine's hardware address, "aa:bb:cc:dd:ee:ff".
        arch: The architecture it reported, in words.
        firmware: What asks: "PXE", "HTTP boot", "iPXE", "Raspberry Pi" or "U-Boot".
        address: The address that it has; "" for none yet.
        boot_server: Whether it asked us alone, on port 4011, and not any server.
        hears: Whether offers of other servers on its network come to our ears.
        silence: Why it is told nothing; "" where it is told something, or where
            another event says why not.
        protocol: "dhcp", or "dhcp6".
    """

    mac: str
    arch: str
    firmware: str
    address: str
    boot_server: bool
    hears: bool
    silence: str = ""
    protocol: str = "dhcp"


@dataclass(frozen=True, slots=True)
class Holds:
    """A machine that boots names the address that it was given.

    Attributes:
        mac: The machine's hardware address.
        address: The address.
    """

    mac: str
    address: str


@dataclass(frozen=True, slots=True)
class Overheard:
    """Another server made an offer to a client.

    Attributes:
        mac: The client's hardware address.
        server: The other server's address.
        address: The address that it offers; "" for a proxy, which gives none.
        vendor: The beginning of its option 60; "" where it has none.
        boots: Whether option 43 says which boot server is to be asked.
        next_server: The server to load from that it names; "" for none.
        file: The boot file that it names; "" for none.
        ours: Our address on that network.
    """

    mac: str
    server: str
    address: str
    vendor: str
    boots: bool
    next_server: str
    file: str
    ours: str


@dataclass(frozen=True, slots=True)
class Packet:
    """A datagram that tells how a machine's boot goes came or went.

    Attributes:
        mac: The machine's hardware address; "" where only its address is known.
        client: The machine's address and port.
        server: Ours, or another server's; port 0 where it is not known.
        inbound: Whether the machine sent it.
        data: What was in it.
    """

    mac: str
    client: tuple[str, int]
    server: tuple[str, int]
    inbound: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Running:
    """A transfer under way.

    Attributes:
        client: The client's address.
        name: The name asked for.
        size: Bytes of the content.
        done: Bytes of it that are sent (HTTP) or acknowledged (TFTP).
        seconds: Since the request.
    """

    client: str
    name: str
    size: int
    done: int
    seconds: float


Take = Callable[[Sequence[Running]], None]
"""What takes the transfers under way; called from the thread that polls an engine."""


@runtime_checkable
class Carrying(Protocol):
    """An engine that tells what it carries."""

    def look(self, take: Take) -> None:
        """Have what is under way told in the engine's next turn, once; from any thread.

        Args:
            take: Is told those that began first, `RUNNING_MAX` at the most.
        """
        ...


Sight = Asked | Holds | Overheard | Packet
"""Any of these facts."""

View = Callable[[Sight], None]
"""What an engine tells them to; called from the thread that polls it."""


def ignore(sight: Sight) -> None:
    """Nobody follows."""

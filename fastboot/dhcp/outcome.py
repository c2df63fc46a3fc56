"""What comes of a message: an answer, or one of three kinds of silence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol

from fastboot.events import Dropped, Event, Leased, Offered, Unbootable

from .packet import Frame

BROADCAST = ("255.255.255.255", 68)
"""Where a client without an address hears us (RFC 2131, section 4.1)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came in.

    Attributes:
        server: Our address on that interface, which the answer names.
        boot_server: Whether it came to port 4011, not 67.
        address: The sender's address.
        port: The sender's port.
    """

    server: IPv4Address
    boot_server: bool = False
    address: str = "0.0.0.0"  # noqa: S104 (a client without an address)
    port: int = 68


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send.

    Attributes:
        data: The message.
        to: The address and port to send it to; `BROADCAST` means the interface that
            the request came in by.
        event: What to report once it is sent.
        probe: An address that nobody must have if this is to be sent; None for none.
    """

    data: bytes
    to: tuple[str, int]
    event: Offered | Leased
    probe: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """A message that is not answered, and of which something came.

    Attributes:
        event: What to report.
    """

    event: Event


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that is none of our business, as most on a network are.

    Attributes:
        reason: Why, in words.
        meant: Whether a machine that boots is told nothing because a person said so.
    """

    reason: str
    meant: bool = False


Outcome = Reply | Noted | Unbootable | Dropped | Ignored


def silence_of(outcome: object) -> str:
    """Why a machine that boots is told nothing on purpose; "" where it is not so."""
    if isinstance(outcome, Ignored) and outcome.meant:
        return outcome.reason
    return ""


class Decider(Protocol):
    """Decides about messages: a proxy, or a server. It does no I/O on the network."""

    @property
    def deadline(self) -> float | None:
        """When `settle` is due although nothing came; None: never."""

    def receive(self, frame: Frame, origin: Origin, now: float) -> Outcome:
        """Decide about one message.

        Args:
            frame: The message.
            origin: Where it came in.
            now: Seconds on the caller's monotonic clock.
        """
        ...

    def settle(self, now: float, epoch: float) -> Iterable[Event]:
        """Make good what answers promise, for all messages since the last time.

        Args:
            now: Seconds on the caller's monotonic clock.
            epoch: What has to be added to that clock for seconds since 1970.

        Returns:
            What is to be reported besides.

        Raises:
            StoreError: It cannot be made good: none of those answers must leave.
        """
        ...

    def conflict(self, address: IPv4Address, now: float) -> Event:
        """Take note that somebody has an address that was to be tried (`Reply.probe`).

        Returns:
            What is to be reported.
        """
        ...

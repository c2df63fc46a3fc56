"""The steps of a machine, and how far each shows that it has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from posixpath import basename
from sys import getsizeof

from fastboot.boot.entries import INITRD, is_kernel

TEXT_MAX = 160
"""Characters kept of a text that came from a peer."""

_STEP_COST = 150
"""Bytes that a step takes beside its texts, measured."""


class Kind(StrEnum):
    """What a step is."""

    ASKED = "asked"
    """It asked any server how to boot (DISCOVER); note: what asks."""

    SILENT = "silent"
    """It is told nothing, on purpose; note: why."""

    MISSING = "missing"
    """There is nothing for it to boot; note: what to do."""

    OFFERED = "offered"
    """We told it what to load; text: the file or URL; note: from where."""

    HEARD = "heard"
    """Another server made it an offer."""

    QUESTION = "question"
    """It asked us on port 4011."""

    TOLD = "told"
    """It was answered there, or took an address with what to load."""

    REFUSED_ADDRESS = "refused address"
    """It was told that it cannot have an address; note: why."""

    PROBED = "probed"
    """It asked for a file's size."""

    GOT = "got"
    """It got a file."""

    LOST = "lost"
    """It did not get a file to its end; note: why."""

    REFUSED = "refused"
    """It asked for a file that it does not get; note: why."""

    SENT = "sent"
    """It sent a file."""


FILES = frozenset({Kind.PROBED, Kind.GOT, Kind.LOST, Kind.REFUSED, Kind.SENT})
"""Steps that are about a file."""


class Stage(StrEnum):
    """How far a machine has come."""

    ADDRESS = "address"
    OFFER = "offer"
    BOOT_SERVER = "boot server"
    PROGRAM = "boot program"
    SCRIPT = "script"
    KERNEL = "kernel"
    INITRD = "initrd"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Offer:
    """What another server's offer says.

    Attributes:
        server: The server's address.
        address: What it offers; "" for a proxy.
        vendor: The beginning of its option 60.
        boots: Whether option 43 says whom to ask.
        next_server: The server that it names.
        file: The boot file that it names.
        ours: Our address on that network.
    """

    server: str
    address: str
    vendor: str
    boots: bool
    next_server: str
    file: str
    ours: str


@dataclass(slots=True)
class Step:
    """One thing that happened; repetitions of it are counted.

    Attributes:
        kind: What it is.
        at: When it first happened, seconds on a monotonic clock.
        text: What it is about: a file, a server.
        note: More about it: why, from where.
        protocol: "dhcp", "dhcp6", "tftp", "http" or "https".
        last: When it last happened.
        count: How often.
        size: Bytes of content, of the last time.
        seconds: How long the last took.
        offer: Another server's offer.
    """

    kind: Kind
    at: float
    text: str = ""
    note: str = ""
    protocol: str = "dhcp"
    last: float = 0.0
    count: int = 1
    size: int = 0
    seconds: float = 0.0
    offer: Offer | None = None

    @property
    def cost(self) -> int:
        """Bytes that it takes, about."""
        texts = getsizeof(self.text) + getsizeof(self.note)
        return _STEP_COST + texts + (300 if self.offer else 0)

    def is_like(self, other: Step) -> bool:
        """Whether two steps are repetitions of each other."""
        return (
            self.kind is other.kind
            and self.text == other.text
            and self.note == other.note
            and self.protocol == other.protocol
            and self.offer == other.offer
        )


def stage_of_file(name: str) -> Stage:
    """How far a machine has come that asks for a file of that name.

    >>> stage_of_file("boot.ipxe"), stage_of_file("/debian/vmlinuz-6.1")
    (<Stage.SCRIPT: 'script'>, <Stage.KERNEL: 'kernel'>)
    """
    base = basename(name.replace("\\", "/")).lower()
    if base.endswith((".ipxe", ".cfg", "grub.conf")):
        return Stage.SCRIPT
    if base.endswith((".efi", ".kpxe", ".kkpxe", ".pxe", ".0", ".lkrn", ".n12")):
        return Stage.PROGRAM
    if is_kernel(base):
        return Stage.KERNEL
    return Stage.INITRD if base.startswith(INITRD) else Stage.FILE


def stages(steps: Iterable[Step]) -> Iterator[Stage]:
    """How far each step shows that a machine has come."""
    for step in steps:
        if step.kind in FILES:
            yield stage_of_file(step.text)
        elif step.kind in (Kind.QUESTION, Kind.TOLD):
            yield Stage.BOOT_SERVER
        elif step.kind is Kind.OFFERED:
            yield Stage.OFFER


def stage_of(steps: Sequence[Step]) -> Stage:
    """How far a machine has come, by the last of its steps that shows it."""
    found = Stage.ADDRESS
    for found in stages(steps):  # noqa: B007 (the last one is meant)
        pass
    return found

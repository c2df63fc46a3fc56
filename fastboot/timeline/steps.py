"""The steps of one machine, in order: repeated ones folded, the oldest forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from posixpath import basename
from sys import getsizeof

from fastboot.boot.entries import INITRD, is_kernel

STEPS_MAX = 32
"""Steps that are kept of a machine: a boot has a dozen."""

PAUSE = 90.0
"""Seconds of silence after which what a machine does is a new attempt. Firmware that is
told nothing asks for a minute, in intervals of up to 32 seconds."""

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


@dataclass(slots=True)
class Record:
    """What is known of one machine.

    Attributes:
        mac: Its hardware address; "" where that is not known.
        address: Its last address; "" where that is not known.
        arch: The architecture that it reported, in words.
        firmware: What asked last: "PXE", "HTTP boot", "iPXE", ...
        steps: What it did.
        began: Where in `steps` the present attempt begins.
        last: When it was last heard of.
        cost: Bytes that it takes, about.
        version: Grows with every change, over all machines.
        said: The reason that was reported last, and when.
        hears: Whether other servers' offers to it come to our ears.
    """

    mac: str = ""
    address: str = ""
    arch: str = ""
    firmware: str = ""
    steps: list[Step] = field(default_factory=list)
    began: int = 0
    last: float = 0.0
    cost: int = 600
    version: int = 0
    said: tuple[str, float] = ("", 0.0)
    hears: bool = False

    def repeated(self, kind: Kind, text: str, protocol: str, now: float) -> Step | None:
        """The last step, counted once more, if a file was got again; None if not so.

        Loaders read the same file over and over: that costs a third of what `add` does.
        """
        if not self.steps or now - self.last > PAUSE:
            return None
        step = self.steps[-1]
        if step.text != text or step.kind is not kind or step.protocol != protocol:
            return None
        step.last = self.last = now
        step.count += 1
        return step

    @property
    def attempt(self) -> Sequence[Step]:
        """The steps of the present attempt."""
        return self.steps[self.began :]

    def add(self, step: Step) -> None:
        """Add a step, or count it if it repeats one of the present attempt."""
        step.last = step.at
        if self._begins_anew(step):
            self.began = len(self.steps)
        for known in reversed(self.steps[self.began :]):
            if known.text == step.text and known.is_like(step):
                known.last, known.count = step.at, known.count + step.count
                known.size, known.seconds = step.size, step.seconds
                break
        else:
            self.steps.append(step)
            self.cost += step.cost
            if len(self.steps) > STEPS_MAX:
                self._forget_one()
        self.last = step.at

    def _begins_anew(self, step: Step) -> bool:
        if not self.steps or step.at - self.last > PAUSE:
            return True
        if step.kind is not Kind.ASKED:
            return False
        before = [known for known in self.attempt if known.kind is Kind.ASKED]
        if before and before[-1].note != step.note:
            return True  # the next program: iPXE after the firmware that loaded it
        if before and before[-1].protocol != step.protocol and step.note != "iPXE":
            return True  # over IPv6 once it gave up over IPv4; iPXE does both at once
        return any(known.kind in FILES for known in self.attempt)

    def shrink(self, cost: int) -> None:
        """Forget steps until it takes no more than so many bytes."""
        while self.cost > cost and len(self.steps) > 1:
            self._forget_one()

    def _forget_one(self) -> None:
        """The first file of many in this attempt, else whatever is oldest."""
        at = 0
        if self.began == 0:
            files = (n for n, step in enumerate(self.steps) if step.kind in FILES)
            at = next(files, 0)
        self.cost -= self.steps.pop(at).cost
        self.began -= at < self.began


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

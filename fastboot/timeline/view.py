"""A machine's timeline for programs: plain values, with stable keys.

Times are seconds since 1970; texts that came from machines are in printable characters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from .diagnosis import Diagnosis
from .packets import Captured, write_pcap
from .reader import Timeline
from .record import Record
from .steps import Kind, Stage, Step, stage_of, stages

LISTED_MAX = 1000
"""Machines in a list, those heard of last."""

CROWD, AS_OF = 100, 1.0
"""Of more machines than that the list is as of so many seconds ago at the most: to write
it takes a tenth of a second, and anybody near may ask for it as often as they like."""


class Views:
    """What there is to see of a timeline.

    Args:
        timeline: The machines.
        clock: The timeline's clock.
        epoch: Seconds since 1970.
    """

    def __init__(
        self,
        timeline: Timeline,
        clock: Callable[[], float],
        epoch: Callable[[], float],
    ) -> None:
        self._timeline = timeline
        self._clock = clock
        self._epoch = epoch
        self._written: tuple[float, bytes] = (float("-inf"), b"")

    def listed(self) -> bytes:
        """The machines as JSON, as `all` has them."""
        now = self._clock()
        if len(self._timeline) <= CROWD or now - self._written[0] >= AS_OF:
            self._written = (now, as_json(self.all()))
        return self._written[1]

    def all(self) -> dict[str, Any]:
        """The machines, those heard of last first, without their steps."""
        found = self._timeline.records(LISTED_MAX)
        return {
            "now": round(self._epoch(), 3),
            "machines": [self.machine(key, record) for key, record in found],
            "complete": len(self._timeline) <= LISTED_MAX,
        }

    def one(self, key: str) -> dict[str, Any] | None:
        """One machine with its steps; None where it is not known.

        Args:
            key: Its hardware address, or its address.
        """
        found = self._timeline.record(key)
        if found is None:
            return None
        key, record = found
        steps = [self._step(step) for step in record.steps]
        began = record.began
        return {**self.machine(key, record), "steps": steps, "attempt": began}

    def capture(self, key: str) -> bytes:
        """The last datagrams of a machine as a capture file; empty for none."""
        packets: Sequence[Captured] = self._timeline.packets(key)
        return write_pcap(packets) if packets else b""

    def machine(self, key: str, record: Record) -> dict[str, Any]:
        """What is known of a machine."""
        found = self._timeline.diagnosis(record)
        return {
            "machine": key,
            "mac": record.mac,
            "address": record.address,
            "arch": record.arch,
            "firmware": record.firmware,
            "stage": str(found.stage if found else stage_of(record.attempt)),
            "state": state(record.attempt, found),
            "last": self._when(record.last),
            "diagnosis": _diagnosis(found),
        }

    def _step(self, step: Step) -> dict[str, Any]:
        return {
            "kind": str(step.kind),
            "sentence": sentence(step),
            "protocol": step.protocol,
            "text": step.text,
            "note": step.note,
            "at": self._when(step.at),
            "last": self._when(step.last),
            "count": step.count,
            "size": step.size,
            "seconds": round(step.seconds, 3),
        }

    def _when(self, at: float) -> float:
        return round(self._epoch() - self._clock() + at, 3)


def as_json(value: dict[str, Any]) -> bytes:
    """A value for programs, and for people who look at it."""
    return (json.dumps(value, indent=1) + "\n").encode()


def state(steps: Sequence[Step], found: Diagnosis | None) -> str:
    """How a machine is, in a word: "stopped", "booting", "served" or "seen".

    A boot that is complete looks like one that goes on: nobody tells us that an
    operating system runs.
    """
    if found is not None:
        return "stopped"
    if any(step.kind in (Kind.GOT, Kind.SENT) for step in steps):
        return "served"
    asks = (Kind.ASKED, Kind.OFFERED, Kind.QUESTION, Kind.TOLD)
    return "booting" if any(step.kind in asks for step in steps) else "seen"


def _diagnosis(found: Diagnosis | None) -> dict[str, str] | None:
    if found is None:
        return None
    return {
        "stage": str(found.stage),
        "code": found.code,
        "sentence": found.sentence,
        "cure": found.cure,
    }


def sentence(step: Step) -> str:
    """A step in words.

    >>> sentence(Step(Kind.OFFERED, 0.0, "ipxe.efi", "192.0.2.2"))
    'was offered ipxe.efi from 192.0.2.2'
    """
    over = step.protocol.upper()
    match step.kind:
        case Kind.ASKED:
            six = " over IPv6" if step.protocol == "dhcp6" else ""
            return f"{step.note} asked how to boot{six} ({step.text})"
        case Kind.SILENT:
            return f"is told nothing: {step.note}"
        case Kind.MISSING:
            return f"cannot boot: {step.note}"
        case Kind.OFFERED:
            return f"was offered {step.text or 'its own files'} from {step.note}"
        case Kind.HEARD:
            return _heard(step)
        case Kind.QUESTION:
            return "asked us on port 4011"
        case Kind.TOLD:
            return f"was told to load {step.text or 'nothing'} from {step.note}"
        case Kind.REFUSED_ADDRESS:
            return f"was refused an address: {step.note}"
    return f"{_VERBS[step.kind]} {step.text} by {over}" + (
        f": {step.note}" if step.note else ""
    )


_VERBS = {
    Kind.PROBED: "asked for the size of",
    Kind.GOT: "got",
    Kind.LOST: "lost",
    Kind.REFUSED: "was refused",
    Kind.SENT: "sent",
}


def _heard(step: Step) -> str:
    offer = step.offer
    if offer is None:
        return f"was made an offer by {step.text}"
    what = f"the address {offer.address}" if offer.address else "a boot server"
    said = [f"option 60 {offer.vendor}"] if offer.vendor else []
    said += [f"the boot file {offer.file}"] if offer.file else []
    more = f", with {' and '.join(said)}" if said else ""
    return f"was offered {what} by {offer.server}{more}"


RAIL = (
    (Stage.ADDRESS, "Asked"),
    (Stage.OFFER, "Offer"),
    (Stage.BOOT_SERVER, "Boot server"),
    (Stage.PROGRAM, "Program"),
    (Stage.SCRIPT, "Script"),
    (Stage.KERNEL, "Kernel"),
    (Stage.INITRD, "Initrd"),
)
"""The stations of a boot, in words."""


def rail(steps: Sequence[Step], found: Diagnosis | None) -> list[tuple[str, str]]:
    """The stations of a machine's boot: each one's name, and its mark.

    The mark is "done", "done here" at the last one of a machine that did not stop,
    "stopped", or "open" where the machine did not come by. There are none for a client
    that only loads files.

    Args:
        steps: Those of the boot: firmware's, and those of what it loaded.
        found: Why it stopped.
    """
    passed = set(stages(step for step in steps if step.kind is not Kind.REFUSED))
    if any(step.kind is Kind.ASKED for step in steps):
        passed.add(Stage.ADDRESS)
    stopped = found.stage if found else None
    if stopped is Stage.FILE:
        stopped = None
    if not passed & {Stage.ADDRESS, Stage.OFFER, Stage.BOOT_SERVER, Stage.PROGRAM}:
        return []
    here = None if stopped else [at for at, _ in RAIL if at in passed][-1]
    marks = dict.fromkeys(passed, "done")
    marks |= {
        at: mark for at, mark in ((here, "done here"), (stopped, "stopped")) if at
    }
    return [(name, marks.get(at, "open")) for at, name in RAIL]


def boot_of(record: Record) -> Sequence[Step]:
    """The steps since the firmware began: it asked, and then what it loaded asked."""
    for at in range(len(record.steps) - 1, -1, -1):
        step = record.steps[at]
        if step.kind is Kind.ASKED and step.note != "iPXE":
            return record.steps[at:]
    return record.attempt

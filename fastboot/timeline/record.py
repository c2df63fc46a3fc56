"""What is known of one machine: its steps, in order, and where its attempts begin.

Repeated steps are folded, and the oldest forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .diagnosis import Diagnosis, diagnose
from .steps import FILES, Kind, Step

STEPS_MAX = 32
"""Steps that are kept of a machine: a boot has a dozen."""

PAUSE = 90.0
"""Seconds of silence after which what a machine does is a new attempt. Firmware that is
told nothing asks for a minute, in intervals of up to 32 seconds."""


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
        before: Why the attempts before did not get on, if they did not.
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
    before: Diagnosis | None = None

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

    def diagnosis(self, now: float) -> Diagnosis | None:
        """Why it does not get on; None where nothing is wrong or it is too early to say.

        Firmware that stopped tries its next way, or the same once more: until it gets a
        file by that, what was wrong before is what is known to be wrong.
        """
        found = diagnose(self.attempt, now, hears=self.hears)
        if found is None and not any(step.kind is Kind.GOT for step in self.attempt):
            return self.before
        return found

    def add(self, step: Step) -> None:
        """Add a step, or count it if it repeats one of the present attempt."""
        step.last = step.at
        if self._begins_anew(step):
            self.before = self.diagnosis(step.at)
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

"""A finding: one thing that the doctor has to say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .cures import Recipe


class Severity(Enum):
    """How bad it is."""

    ERROR = "error"
    """Something will not boot, or not from here."""

    WARNING = "warning"
    """It may go either way."""

    NOTE = "note"
    """It is well to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the doctor found.

    Attributes:
        severity: How bad it is.
        what: What is the matter, in one sentence.
        where: The interface, port, folder or server that it is about.
        stage: How far a boot gets: "setup", "address", "boot server", "file", "boot".
        code: What the machine's screen shows; "" where it shows nothing, or where the
            finding is not about a machine.
        cure: What to do next, in one line.
        machines: The kinds of machines concerned, in people's words.
        recipes: How the cure is done, where a DHCP server is to be changed.
    """

    severity: Severity
    what: str
    where: str
    stage: str
    code: str = ""
    cure: str = ""
    machines: tuple[str, ...] = ()
    recipes: tuple[Recipe, ...] = ()

"""The tree under `/_fastboot/`, put together for a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from time import monotonic, time

from fastboot.boot.entries import Entry
from fastboot.interfaces import Interfaces

from .gate import Gate
from .page import Setting, Writer
from .reader import Timeline
from .tree import Status
from .view import Views
from .watch import Hub

ENTRIES_MAX = 50
"""Entries of the folder on the page."""


def timeline() -> Timeline:
    """One that goes by this machine's clocks."""
    return Timeline(monotonic, time)


def status(
    timeline: Timeline,
    networks: Sequence[str],
    entries: Callable[[], Sequence[Entry]],
    carriers: Callable[[], Iterable[object]],
    standing: Callable[[], Sequence[tuple[str, str]]],
) -> Status:
    """The tree.

    Args:
        timeline: The machines.
        networks: Who may look besides loopback and our own networks.
        entries: What the folder can boot.
        carriers: The engines that carry files.
        standing: What the doctor finds.
    """
    began = round(time(), 3)

    def setting() -> Setting:
        found = entries()
        shown = [(entry.title, entry.kind.value) for entry in found[:ENTRIES_MAX]]
        complete = len(found) <= ENTRIES_MAX
        return Setting(version("fastboot"), began, shown, complete=complete)

    writer = Writer(timeline, monotonic, time, standing)
    hub = Hub(timeline, writer, carriers, setting, monotonic)
    gate = Gate(Interfaces().all, networks)
    return Status(Views(timeline, monotonic, time), gate, hub)

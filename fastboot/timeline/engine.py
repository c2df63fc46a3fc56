"""Looks at the machines by the clock, so that those that stopped are reported."""

from __future__ import annotations

import time

from fastboot.events import Emit, Fault
from fastboot.interfaces import Interfaces
from fastboot.neighbours import hardware_address_of
from fastboot.poller import Poller

from .reader import Timeline

EVERY = 1.0
"""Seconds between two looks while there is something to look at."""


class Engine:
    """The timeline's clock; see `fastboot.engine.Engine`. It has no ports.

    Args:
        timeline: What is looked at.
        emit: Told which machines stopped.
        interfaces: Where to look for who has an address.
    """

    later = None
    """It asks no tree."""

    ports: tuple[tuple[str, int], ...] = ()
    """It has none."""

    idle = True
    """Nothing waits for it."""

    def __init__(self, timeline: Timeline, emit: Emit, interfaces: Interfaces) -> None:
        self._timeline = timeline
        self._emit = emit
        self._interfaces = interfaces
        self._poller = Poller()
        self._closed = False
        timeline.wake_by(self.wake)

    def fileno(self) -> int:
        """See `fastboot.engine.Engine`."""
        return self._poller.fileno()

    def wake(self) -> None:
        """See `fastboot.engine.Engine`."""
        self._poller.wake()

    def stats(self) -> dict[str, int]:
        """How many machines are remembered."""
        return {"machines": len(self._timeline)}

    def drain(self) -> None:
        """See `fastboot.engine.Engine`."""

    def close(self) -> None:
        """See `fastboot.engine.Engine`."""
        if not self._closed:
            self._closed = True
            self._poller.close()

    def poll(self, timeout: float | None = 0.0) -> None:
        """See `fastboot.engine.Engine`."""
        self._poller.wait(timeout)
        try:
            for event in self._timeline.tick(self._resolve):
                self._emit(event)
        except Exception as error:  # noqa: BLE001 (one bad turn must not end all)
            self._emit(Fault("timeline", error))
        due = time.monotonic() + EVERY if self._timeline.waits else None
        self._poller.set_deadline(due)

    def _resolve(self, address: str) -> str:
        """The hardware address of a neighbour, as the kernel knows it."""
        for interface in self._interfaces.all():
            mac = hardware_address_of(address, interface.index)
            if mac is not None:
                return mac.hex(":")
        return ""

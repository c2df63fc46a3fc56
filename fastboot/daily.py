"""What is to be done once a day as long as a server runs."""

from __future__ import annotations

from collections.abc import Callable

from .events import Emit, Fault
from .poller import Poller

DAY = 86_400.0
"""Seconds."""


class Daily:
    """Does something once a day; see `fastboot.engine.Engine`. It has no ports.

    Args:
        protocol: Whom it is done for, in what is reported.
        do: What is to be done: first a day from now.
        emit: Told of mistakes in that.
        clock: Seconds, as time.monotonic has them.
    """

    later = None
    """It asks no tree."""

    ports: tuple[tuple[str, int], ...] = ()
    """It has none."""

    idle = True
    """Nothing waits for it."""

    def __init__(
        self,
        protocol: str,
        do: Callable[[], None],
        emit: Emit,
        clock: Callable[[], float],
    ) -> None:
        self._protocol = protocol
        self._do = do
        self._emit = emit
        self._clock = clock
        self._poller = Poller()
        self._closed = False
        self._due = clock() + DAY
        self._poller.set_deadline(self._due)

    def fileno(self) -> int:
        """See `fastboot.engine.Engine`."""
        return self._poller.fileno()

    def wake(self) -> None:
        """See `fastboot.engine.Engine`."""
        self._poller.wake()

    def stats(self) -> dict[str, int]:
        """It counts nothing."""
        return {}

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
        if self._clock() >= self._due:
            self._due = self._clock() + DAY
            try:
                self._do()
            except Exception as error:  # noqa: BLE001 (one bad day must not end all)
                self._emit(Fault(self._protocol, error))
        self._poller.set_deadline(self._due)

"""What every engine is: a protocol's sockets and timers behind one descriptor."""

from __future__ import annotations

from typing import Any, Protocol

from .later import Later


class Engine(Protocol):
    """A protocol's I/O, synchronous and never blocking.

    A driver watches `fileno()` and calls `poll` when it is readable; that is all.
    `wake`, `idle` and `stats` may be used from any thread while the engine runs; everything
    else is called from one thread at a time.
    """

    @property
    def later(self) -> Later[Any] | None:
        """The answers of its tree that it waits for, which the driver works out.

        None where it asks no tree.
        """

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that are open, as they were bound."""
        ...

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        ...

    def fileno(self) -> int:
        """The descriptor that is readable when `poll` has something to do."""
        ...

    def poll(self, timeout: float | None = 0.0) -> None:
        """Do what is due; wait for it `timeout` seconds at most (None: for ever).

        Nothing that a peer sends makes it raise.
        """

    def wake(self) -> None:
        """End a `poll` that is waiting, from any thread."""

    def drain(self) -> None:
        """Take nothing new; go on with what is under way until `idle`."""

    def close(self) -> None:
        """End what is under way and give the sockets back; a second call does nothing."""

    def stats(self) -> dict[str, int]:
        """Counters since the start, by name."""
        ...

"""What a comparison is made of, whatever protocol it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benches.marks import Judge


class Row(Protocol):
    """One load that every server gets.

    Attributes:
        kind: How it is measured and judged.
        runs: How often it is measured, by default.
    """

    kind: str
    runs: int

    @property
    def key(self) -> str:
        """A name for the row, for results and for the command line."""

    @property
    def title(self) -> str:
        """The row for people."""


class Server(Protocol):
    """A server that is compared.

    Attributes:
        name: How it is named in tables and on the command line.
        version: Its version, known after `prepare`.
    """

    name: str
    version: str

    def prepare(self) -> None:
        """Find or build it; `programs.Missing` says what to install."""


class Unfit(Exception):
    """This server cannot be measured in this row; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything runs.

    Attributes:
        root: The folder that is served.
        server_cpu: The CPU of servers; None: any.
        seconds: Seconds in which a row about speed begins transfers.
        cut: Seconds after which it ends those that still run.
    """

    root: Path
    server_cpu: int | None
    seconds: float
    cut: float


@dataclass(frozen=True)
class Comparison:
    """Servers of one protocol beside each other.

    Attributes:
        default: The rows that are measured if nothing is said.
        quick: A few of them.
        every: All that there are.
        servers: The servers, in the order in which tables have them.
        files: What is in the folder that is served: names and contents.
        clients: The C programs that load them.
        takes: Whether a row is tried with a server; the last argument is whether
            somebody asked for slow ones.
        measure: Starts a server, loads it, and returns numbers by name; the last
            argument makes runs differ.
        judges: What yields the marks of a row of a kind, by the kind.
        shown: The numbers that are printed while it is measured.
    """

    default: Sequence[Row]
    quick: Sequence[Row]
    every: Sequence[Row]
    servers: Sequence[Callable[[], Any]]
    files: Callable[[], Mapping[str, bytes]]
    clients: Sequence[str]
    takes: Callable[[Any, Any, bool], bool]
    measure: Callable[[Any, Any, Place, int], dict[str, Any]]
    judges: Mapping[str, Judge]
    shown: Sequence[str]

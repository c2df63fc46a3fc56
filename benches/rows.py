"""What is measured: a row is one load that every server gets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

FILES = {"1kB": 1000, "1MB": 1_000_000, "64MB": 64_000_000}
"""Sizes of the files that are fetched, in bytes, by their names."""


@dataclass(frozen=True, slots=True)
class Row:
    """One load.

    Attributes:
        kind: "speed": as many transfers as begin in a time; "scale": a number of
            transfers at once, and the memory they take; "half-open": requests that
            nobody follows up; "loss": transfers while datagrams get lost.
        blksize: Bytes; 512 is asked for by leaving the option out.
        window: Blocks; 1 is asked for by leaving the option out.
        clients: Transfers at the same time.
        file: A name of `FILES`.
        loss: Share of the datagrams that is lost, in each direction.
        gro: Whether the client takes segments that left in one piece in one piece
            (UDP_GRO), as a network card would; if not, the kernel takes them apart
            on the server's account.
        everyone: Whether slow servers are measured too, by default.
        runs: How often it is measured, by default: once if it takes minutes.
    """

    kind: str
    blksize: int = 1428
    window: int = 1
    clients: int = 1
    file: str = "1MB"
    loss: float = 0.0
    gro: bool = True
    everyone: bool = False
    runs: int = 3

    @property
    def key(self) -> str:
        """A name for the row, for results and for the command line."""
        parts = [f"b{self.blksize}", f"w{self.window}", f"c{self.clients}", self.file]
        if self.kind != "speed":
            parts.insert(0, self.kind)
        if self.loss:
            parts.append(f"{self.loss:.0%}")
        if not self.gro:
            parts.append("no-gro")
        return "-".join(parts)

    @property
    def title(self) -> str:
        """The row for people."""
        clients = "1 client" if self.clients == 1 else f"{self.clients:,} clients"
        size = self.file.replace("kB", " kB").replace("MB", " MB")
        text = f"{self.blksize} B, window {self.window}, {clients}, {size}"
        if self.loss:
            text += f", {self.loss:.0%} lost both ways"
        return text if self.gro else f"{text}, without GRO"


SPEED = [
    Row("speed", 512, 1, 4),
    Row("speed", 512, 1, 64),
    Row("speed", 512, 1, 256),
    Row("speed", 1428, 1, 1),
    Row("speed", 1428, 1, 4, everyone=True),
    Row("speed", 1428, 1, 64),
    Row("speed", 1428, 1, 256),
    Row("speed", 8192, 1, 4, everyone=True),
    Row("speed", 8192, 1, 256),
    Row("speed", 512, 1, 1, "1kB"),
    Row("speed", 1428, 1, 1, "1kB", everyone=True),
    Row("speed", 1428, 4, 4),
    Row("speed", 1428, 16, 4, "64MB", everyone=True),
    Row("speed", 1428, 64, 4, "64MB"),
    Row("speed", 1428, 16, 256),
    Row("speed", 1428, 64, 256, everyone=True),
    Row("speed", 512, 16, 4),
    Row("speed", 8192, 16, 4, "64MB"),
    Row("speed", 1428, 16, 4, "64MB", gro=False),
]
"""A sensible part of the grid: every row that a mark is set for."""

GRID = [
    Row("speed", blksize, window, clients, file)
    for blksize, window, clients, file in product(
        (512, 1428, 8192), (1, 4, 16, 64), (1, 4, 64, 256, 1000), FILES
    )
]
"""All of it: hours."""

SCALE = [Row("scale", 1428, 1, 1000), Row("scale", 1428, 16, 1000)]

HALF_OPEN = [Row("half-open", 1428, 16, 10_000, "1MB")]

LOSS = [
    Row("loss", 1428, window, 200, "1MB", loss, runs=1 if loss > 0.1 else 3)
    for window, loss in product((4, 1, 16), (0.01, 0.05, 0.2))
]

DEFAULT = [*SPEED, *SCALE, *HALF_OPEN, *LOSS[:3]]

QUICK = [
    *(row for row in SPEED if row.everyone),
    *(row for row in SPEED if row.key in ("b512-w1-c64-1MB", "b1428-w1-c256-1MB")),
    Row("scale", 1428, 16, 1000),
    *HALF_OPEN,
    LOSS[1],
]
"""A few of each kind, for a look while something changes."""

_KNOWN = {row.key for row in SPEED}

ALL = [
    *SPEED,
    *(row for row in GRID if row.key not in _KNOWN),
    *SCALE,
    *HALF_OPEN,
    *LOSS,
]

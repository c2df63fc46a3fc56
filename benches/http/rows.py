"""What is measured of HTTP servers: a row is one load that every server gets."""

from __future__ import annotations

import random
from dataclasses import dataclass

SMALL = [f"4kB-{number}" for number in range(64)]
"""Small files that clients take turns with, as a boot loader reads its modules."""

SIZES = {"1GiB": 1 << 30, "64MB": 64_000_000, "2MB": 2_000_000}
SIZES |= dict.fromkeys(SMALL, 4096)
"""Sizes of the files that are fetched, in bytes, by their names."""

PIECE = 1 << 24
"""Bytes of noise that are made at once."""

SLOWEST = 200_000
"""Bytes a second of a client that is slow."""

SWINGS = 9
"""Runs of a row whose figures have two states: the client keeps up, or it and the server
wait for each other's locks."""


@dataclass(frozen=True, slots=True)
class Row:
    """One load.

    Attributes:
        kind: "bulk": as much of a large file as there is time for; "requests": as many
            small answers as there is time for, over kept connections; "tls" and
            "tls-requests": the same over HTTPS; "tls-new": with a connection and a
            handshake for each; "tls-again": as that, in the session of the one before;
            "rate": a file for each of many clients that take `SLOWEST` each; "tls-rate":
            a part of a large one, over HTTPS; "idle",
            "stalled" and "slow": so many connections that ask nothing more, read
            nothing, or never end their head, while others ask.
        clients: Connections at the same time.
        files: What is asked for, in turns.
        part: Bytes of a random part of it; 0: all.
        everyone: Whether all servers are measured, and not only those made for files.
        quick: Whether it is part of a quick look.
        runs: How often it is measured, by default: once if it takes long, `SWINGS` where
            figures swing about a mark.
    """

    kind: str
    clients: int
    files: tuple[str, ...] = ("1GiB",)
    part: int = 0
    everyone: bool = True
    quick: bool = False
    runs: int = 3

    @property
    def secure(self) -> bool:
        """Whether it is HTTPS."""
        return self.kind.startswith("tls")

    @property
    def key(self) -> str:
        """A name for the row, for results and for the command line."""
        what = self.files[0].partition("-")[0]
        if self.part:
            what = f"{self.part >> 10}kB-of-{what}"
        return f"http-{self.kind}-c{self.clients}-{what}"

    @property
    def title(self) -> str:
        """The row for people."""
        clients = "1 client" if self.clients == 1 else f"{self.clients:,} clients"
        size = self.files[0].partition("-")[0]
        for unit in ("kB", "MB", "GiB"):
            size = size.replace(unit, f" {unit}")
        match self.kind:
            case "bulk":
                return f"{size} file, {clients}"
            case "requests" if self.part:
                return f"parts of {self.part >> 10} KiB, {clients}"
            case "requests":
                return f"files of 4 KiB, {clients}"
            case "tls":
                return f"HTTPS, {size} file, {clients}"
            case "tls-requests":
                return f"HTTPS, files of 4 KiB, {clients}"
            case "tls-new":
                return f"HTTPS, a connection for each 4 KiB, {clients}"
            case "tls-again":
                return f"HTTPS, a resumed connection for each 4 KiB, {clients}"
            case "rate" | "tls-rate":
                secure = "HTTPS, " if self.secure else ""
                return f"{secure}{clients} at {SLOWEST // 1000} kB/s, {size} each"
            case "idle":
                return f"{self.clients:,} connections at rest"
            case "stalled":
                return f"{self.clients:,} clients that read nothing"
        return f"{self.clients:,} heads that do not end"


SMALL_FILES = tuple(SMALL)

DEFAULT = [
    Row("bulk", 1),
    Row("bulk", 16, quick=True, runs=SWINGS),
    Row("bulk", 64),
    Row("requests", 32, SMALL_FILES, quick=True),
    Row("requests", 32, part=4 << 10, quick=True),
    Row("requests", 32, part=64 << 10, runs=SWINGS),
    Row("tls", 16, ("64MB",)),
    Row("tls-requests", 32, SMALL_FILES),
    Row("tls-new", 32, SMALL_FILES, everyone=False),
    Row("tls-again", 32, SMALL_FILES, everyone=False),
    Row("rate", 1000, ("2MB",), runs=1),
    Row("tls-rate", 300, ("64MB",), everyone=False, runs=1),
    Row("idle", 10_000, SMALL_FILES, everyone=False, runs=1),
    Row("stalled", 1000, everyone=False, runs=1),
    Row("slow", 4000, SMALL_FILES, everyone=False, runs=1),
]

QUICK = [row for row in DEFAULT if row.quick]


def files() -> dict[str, bytes]:
    """The files that are fetched."""
    noise = random.Random(1)
    return {
        name: b"".join(
            noise.randbytes(min(PIECE, size - at)) for at in range(0, size, PIECE)
        )
        for name, size in SIZES.items()
    }

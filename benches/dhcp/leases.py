"""DHCP servers: how many clients get an address in a second, and how soon.

Clients are behind a relay that we are, so that their number costs nothing. Addresses are
not tried before they are offered, which takes the time that it takes. fastboot has each
lease on the disk before its ACK; dnsmasq writes its file anew as a whole, and does not
wait.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches import network, programs
from benches.comparison import Comparison, Place
from benches.load.client import Wrong
from benches.process import Processes

from . import marks
from .servers import (
    SERVERS,
    TRY,
    Command,
    Dnsmasq,
    Server,
    ask,
    perfdhcp,
    started,
)

RATE = 2500
"""Clients that begin in a second: a data centre that is switched on."""

NETWORK, POOL = "198.51.0.0/16", ("198.51.128.0", "198.51.255.250")
"""Of `network.NEAR` and `network.FAR`, with room for as many clients as there are."""

FIRST_STEP = 1_000_000
"""Between the numbers of the clients of two loads: none comes twice."""


@dataclass(frozen=True, slots=True)
class Row:
    """One load.

    Attributes:
        kind: "leases": a number of clients in a second; "arrivals": all at once;
            "perfdhcp": the first, by perfdhcp.
        clients: How many in all.
        runs: How often it is measured, by default.
    """

    kind: str
    clients: int = 4 * RATE
    runs: int = 3

    @property
    def key(self) -> str:
        """A name for the row."""
        return f"{self.kind}-c{self.clients}"

    @property
    def title(self) -> str:
        """The row for people."""
        if self.kind == "arrivals":
            return f"{self.clients:,} clients at once"
        by = ", perfdhcp" if self.kind == "perfdhcp" else ""
        return f"{RATE:,} clients a second{by}"


ROWS = [Row("leases"), Row("arrivals", 4000), Row("perfdhcp")]

SETTINGS = f"""
[[dhcp.subnet]]
network = "{NETWORK}"
pool = "{"-".join(POOL)}"
"""


def _takes(row: Row, server: Server, asked: bool) -> bool:
    return asked or row.kind != "perfdhcp" or "-" not in server.name


def _measure(row: Row, server: Server, place: Place, seed: int) -> dict[str, Any]:
    with network.cable() as there, _started(server, place, there) as processes:
        before = processes.cpu_seconds()
        if row.kind == "perfdhcp":
            numbers = _perfdhcp(row)
        else:
            amount = ["--clients", row.clients, "--first", seed * FIRST_STEP]
            if row.kind == "leases":
                amount += ["--rate", RATE]
            numbers = _dora(*amount)
        numbers["cpu"] = processes.cpu_seconds() - before
    if not numbers["acks"]:
        raise Wrong("nobody got an address")
    if numbers["doubles"]:
        raise Wrong(f"{numbers['doubles']} addresses were given twice")
    numbers["lost"] = 1 - numbers["acks"] / numbers["clients"]
    numbers["cpu_per_lease"] = numbers["cpu"] / numbers["acks"]
    return numbers


def _dora(*options: str | float) -> dict[str, Any]:
    return ask("dora", "--relay", network.NEAR, *options)


_COUNTED = re.compile(r"sent packets: (\d+)\s+received packets: (\d+)")
_TWICE = re.compile(r"non unique addresses: (\d+)")


def _perfdhcp(row: Row) -> dict[str, Any]:
    seconds = row.clients // RATE
    said = perfdhcp("-u", "-r", RATE, "-p", seconds)
    counted = _COUNTED.findall(said)
    if len(counted) != 2:
        raise Wrong(f"perfdhcp said: {said[-300:]}")
    return {
        "clients": int(counted[0][0]),
        "offers": int(counted[0][1]),
        "acks": int(counted[1][1]),
        # Of the ACKs; two may be offered the same address.
        "doubles": int(_TWICE.findall(said)[-1]),
        "seconds": seconds,
    }


@contextmanager
def _started(server: Server, place: Place, there: list[str]) -> Iterator[Processes]:
    """A running server, which has given one address; its leases are on a disk."""
    with tempfile.TemporaryDirectory(dir=_disk()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        command = [*there, *_command(server, folder)]
        output = folder / "output"
        with started(
            server, command, output, place, lambda: bool(_dora(*TRY)["acks"])
        ) as processes:
            yield processes


def _command(server: Server, folder: Path) -> Command:
    """The command that gives addresses, and keeps them in a folder."""
    if isinstance(server, Dnsmasq):
        return server.command(
            folder,
            *("--no-ping", f"--dhcp-leasefile={folder / 'leases'}"),
            *("--dhcp-lease-max=100000", "--dhcp-sequential-ip"),
            f"--dhcp-range={POOL[0]},{POOL[1]},255.255.0.0,1h",
        )
    settings = folder / "boot.toml"
    settings.write_text(SETTINGS)
    return server.command(
        folder,
        *("--config", settings, "--dhcp", "server", "--dhcp-force", "--no-dhcp-probe"),
        *("--no-tftp", "--no-http", "--lease-file", folder / "leases.sqlite"),
    )


def _disk() -> Path:
    """A folder that is on a disk, as /tmp may not be."""
    folder = programs.BUILD / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


COMPARISON = Comparison(
    default=ROWS,
    quick=ROWS[:2],
    every=ROWS,
    servers=SERVERS,
    files=dict,
    clients=("dora",),
    takes=_takes,
    measure=_measure,
    judges=marks.LEASES,
    shown=("cpu_per_lease", "lost", "p50_ms", "p99_ms", "seconds"),
)

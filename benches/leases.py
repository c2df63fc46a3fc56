"""DHCP servers: how many clients get an address in a second, and how soon.

Clients are behind a relay that we are, so that their number costs nothing. The load
client is `load/dora.c`; perfdhcp of the Kea project is a second opinion. Addresses are
not tried before they are offered, which takes the time that it takes.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches import network, programs
from benches.comparison import Comparison, Mark, Place, Report, Unfit
from benches.load.client import Wrong
from benches.process import Processes

READY = 20.0
"""Seconds that a server has until it answers."""

RATE = 2500
"""Clients that begin in a second: a data centre that is switched on."""

DROPS_MOST = 0.025
"""Share of the exchanges that may be lost: what perfdhcp's authors allow a server."""

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
        once: Whether it is measured once, by default.
    """

    kind: str
    clients: int = 4 * RATE
    once: bool = False

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


class Fastboot:
    """This project, with its compiled parts; a lease is on the disk before its ACK."""

    name = "fastboot"
    version = ""
    extensions = "auto"

    def prepare(self) -> None:
        """Nothing is missing: it is what runs this."""
        ask = [sys.executable, "-m", "fastboot", "--version"]
        said = subprocess.run(ask, capture_output=True, text=True, check=True)
        self.version = said.stdout.strip()

    def command(self, folder: Path) -> list[str | Path]:
        """The command that gives addresses, and keeps them in a folder."""
        settings = folder / "boot.toml"
        settings.write_text(SETTINGS)
        return [
            *("env", f"FASTBOOT_EXTENSIONS={self.extensions}"),
            *(sys.executable, "-m", "fastboot", "serve", folder, "--config", settings),
            *("--dhcp", "server", "--dhcp-force", "--no-dhcp-probe"),
            *("--no-tftp", "--no-http", "--lease-file", folder / "leases.sqlite"),
        ]


class FastbootPython(Fastboot):
    """This project, in Python alone."""

    name = "fastboot-py"
    extensions = "no"


class Dnsmasq:
    """dnsmasq, which writes its file of leases anew as a whole, and does not wait."""

    name = "dnsmasq"
    version = ""

    def prepare(self) -> None:
        """Find it."""
        self._program = programs.find("dnsmasq", "dnsmasq-base")
        ask = [self._program, "--version"]
        said = subprocess.run(ask, capture_output=True, text=True, check=True)
        self.version = " ".join(said.stdout.split()[:3])

    def command(self, folder: Path) -> list[str | Path]:
        """The command that gives addresses, and keeps them in a folder."""
        return [
            *(self._program, "--keep-in-foreground", "--conf-file=/dev/null"),
            *("--port=0", "--pid-file=", "--user=root", "--no-ping"),
            *("--interface=eth0", "--bind-interfaces", "--quiet-dhcp"),
            *("--log-facility=/dev/null", f"--dhcp-leasefile={folder / 'leases'}"),
            *("--dhcp-lease-max=100000", "--dhcp-sequential-ip"),
            f"--dhcp-range={POOL[0]},{POOL[1]},255.255.0.0,1h",
        ]


def _takes(row: Row, server: Fastboot | Dnsmasq, asked: bool) -> bool:
    return asked or row.kind != "perfdhcp" or "-" not in server.name


def _measure(
    row: Row, server: Fastboot | Dnsmasq, place: Place, seed: int
) -> dict[str, Any]:
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
    command = [programs.compiled("dora"), "--server", network.FAR]
    command += ["--relay", network.NEAR, *options]
    try:
        said = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise Wrong(f"the load client failed: {error}") from error
    numbers: dict[str, Any] = json.loads(said.stdout)
    return numbers


_COUNTED = re.compile(r"sent packets: (\d+)\s+received packets: (\d+)")
_TWICE = re.compile(r"non unique addresses: (\d+)")


def _perfdhcp(row: Row) -> dict[str, Any]:
    try:
        program = programs.find("perfdhcp", "kea-admin")
    except programs.Missing as error:
        raise Unfit(str(error)) from None
    seconds = row.clients // RATE
    command = [
        *(program, "-4", "-l", network.DEVICE, "-R", "1000000", "-W", "1", "-u"),
        *("-r", RATE, "-p", seconds, network.FAR),
    ]
    # It ends with 3 where some were dropped.
    said = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=60
    ).stdout
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
def _started(
    server: Fastboot | Dnsmasq, place: Place, there: list[str]
) -> Iterator[Processes]:
    """A running server, which has given one address; its leases are on a disk."""
    with tempfile.TemporaryDirectory(dir=_disk()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        output = folder / "output"
        command = [*there, *server.command(folder)]
        with Processes(command, place.server_cpu, output, {}) as processes:
            until = time.monotonic() + READY
            while processes.running and time.monotonic() < until:
                one = ("--clients", 1, "--limit", 0.3, "--first", 2**32 - 2)
                if _dora(*one)["acks"]:
                    break
            else:
                said = output.read_text("utf-8", "replace")[-500:]
                raise Unfit(f"{server.name} does not answer; it said: {said.strip()!r}")
            yield processes


def _disk() -> Path:
    """A folder that is on a disk, as /tmp may not be."""
    folder = programs.BUILD / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _verdicts(report: Report) -> list[Mark]:
    marks = []
    for row in report["rows"]:
        ours = row["medians"].get("fastboot")
        if ours is None:
            continue
        marks.append(_mark(row, "lost: at most 2.5 %", ours["lost"], DROPS_MOST))
        if row["kind"] == "arrivals":
            wanted = "milliseconds, p99: below 1,000"
            marks.append(_mark(row, wanted, ours["p99_ms"], 1000))
    return marks


def _mark(row: dict[str, Any], wanted: str, value: float, limit: float) -> Mark:
    return {
        "row": row["key"],
        "wanted": wanted,
        "value": round(value, 4),
        "limit": limit,
        "reached": value <= limit,
    }


COMPARISON = Comparison(
    default=ROWS,
    quick=ROWS[:2],
    every=ROWS,
    servers=(Fastboot, FastbootPython, Dnsmasq),
    files=dict,
    clients=("dora",),
    takes=_takes,
    measure=_measure,
    verdicts=_verdicts,
    shown=("cpu_per_lease", "lost", "p50_ms", "p99_ms", "seconds"),
)

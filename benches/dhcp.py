"""Proxy DHCP: how many machines a server answers, and how soon.

Server and machines are in networks of their own with a cable between them, for machines
are answered by broadcast. The load client is `load/discover.c`; perfdhcp of the Kea
project is a second opinion.
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

SETTLE = 0.3
"""Seconds in which a server takes what a load left in its queue."""

PERFDHCP_RATE = 10_000
"""DISCOVERs a second that perfdhcp sends."""

FIRST_STEP = 5_000_000
"""Between the numbers of the machines of two loads: none asks twice."""


@dataclass(frozen=True, slots=True)
class Row:
    """One load.

    Attributes:
        kind: "offers": as many as a server gives; "crowd": machines that begin at the
            same moment; "perfdhcp": a fixed number in a second.
        firmware: What the machines are: uefi, bios, http or ipxe.
        clients: Machines that wait at the same time, or that begin at once.
        relayed: Whether they ask through a relay.
        once: Whether it is measured once, by default.
    """

    kind: str
    firmware: str = "uefi"
    clients: int = 64
    relayed: bool = False
    once: bool = False

    @property
    def key(self) -> str:
        """A name for the row."""
        way = ("relayed",) if self.relayed else ()
        return "-".join((self.kind, self.firmware, *way, f"c{self.clients}"))

    @property
    def title(self) -> str:
        """The row for people."""
        if self.kind == "perfdhcp":
            return f"perfdhcp, {PERFDHCP_RATE:,} a second, through a relay"
        words = {"uefi": "UEFI", "bios": "BIOS", "http": "UEFI HTTP", "ipxe": "iPXE"}
        who = words[self.firmware]
        if self.kind == "crowd":
            return f"{self.clients:,} {who} machines at once"
        how = "through a relay" if self.relayed else "by broadcast"
        return f"{who}, {how}, {self.clients} waiting"


ROWS = [
    Row("offers"),
    Row("offers", "bios"),
    Row("offers", "http"),
    Row("offers", "ipxe"),
    Row("offers", relayed=True),
    Row("crowd", clients=4000),
    Row("perfdhcp", relayed=True),
]

PROGRAMS = {
    "undionly.kpxe": b"a program for BIOS",
    # The least that is known as an EFI program for x86-64.
    "ipxe.efi": b"MZ".ljust(0x3C, b"\0") + b"\x40\0\0\0" + b"PE\0\0\x64\x86",
}
"""What machines are told to load; nobody loads it here."""


class Fastboot:
    """This project, with its compiled parts."""

    name = "fastboot"
    version = ""
    extensions = "auto"

    def prepare(self) -> None:
        """Nothing is missing: it is what runs this."""
        ask = [sys.executable, "-m", "fastboot", "--version"]
        said = subprocess.run(ask, capture_output=True, text=True, check=True)
        self.version = said.stdout.strip()

    def takes(self, row: Row) -> bool:
        """Whether it knows what the row is about."""
        return True

    def command(self, root: Path) -> list[str | Path]:
        """The command that serves `root`."""
        serve = [sys.executable, "-m", "fastboot", "serve", root]
        relay = ["--dhcp-relay", network.NEAR]
        return ["env", f"FASTBOOT_EXTENSIONS={self.extensions}", *serve, *relay]


class FastbootPython(Fastboot):
    """This project, in Python alone."""

    name = "fastboot-py"
    extensions = "no"


class Dnsmasq:
    """dnsmasq, of which only proxy DHCP is switched on."""

    name = "dnsmasq"
    version = ""

    def prepare(self) -> None:
        """Find it."""
        self._program = programs.find("dnsmasq", "dnsmasq-base")
        ask = [self._program, "--version"]
        said = subprocess.run(ask, capture_output=True, text=True, check=True)
        self.version = " ".join(said.stdout.split()[:3])

    def takes(self, row: Row) -> bool:
        """It knows UEFI by PXE; BIOS it gives a menu, and asks it for more packets."""
        return row.firmware == "uefi" and not row.relayed

    def command(self, root: Path) -> list[str | Path]:
        """The command that answers PXE clients."""
        return [
            *(self._program, "--keep-in-foreground", "--conf-file=/dev/null"),
            *("--port=0", "--pid-file=", "--user=root", "--leasefile-ro"),
            *("--interface=eth0", "--bind-interfaces", "--quiet-dhcp"),
            *("--log-facility=/dev/null", f"--dhcp-range={network.FAR},proxy"),
            "--pxe-service=7,boot,ipxe.efi",
        ]


def _takes(row: Row, server: Fastboot | Dnsmasq, asked: bool) -> bool:
    return server.takes(row) and (
        asked or row.kind != "perfdhcp" or "-" not in server.name
    )


def _measure(
    row: Row, server: Fastboot | Dnsmasq, place: Place, seed: int
) -> dict[str, Any]:
    with network.cable() as there, _started(server, place, there) as processes:
        before = processes.cpu_seconds()
        if row.kind == "perfdhcp":
            numbers = _perfdhcp(2 * place.seconds)
        else:
            numbers = _discover(row, place, seed)
            if numbers["wrong"]:
                raise Wrong(f"{numbers['wrong']} wrong offers: {numbers['error']}")
        time.sleep(SETTLE)
        numbers["cpu"] = processes.cpu_seconds() - before
    if not numbers["offers"]:
        raise Wrong("nobody was answered")
    numbers["cpu_per_offer"] = numbers["cpu"] / numbers["offers"]
    if "cpu_seconds" in numbers:
        numbers["client_cpu_per_offer"] = numbers["cpu_seconds"] / numbers["offers"]
    return numbers


def _discover(row: Row, place: Place, seed: int) -> dict[str, Any]:
    way = ["--relay", network.NEAR] if row.relayed else ["--device", network.DEVICE]
    amount = ["--outstanding", row.clients, "--seconds", 2 * place.seconds]
    if row.kind == "crowd":
        amount = ["--clients", row.clients, "--limit", 30]
    first = ["--first", seed * FIRST_STEP]
    return _client(*way, *amount, *first, "--firmware", row.firmware)


def _client(*options: str | float) -> dict[str, Any]:
    command = [programs.compiled("discover"), "--server", network.FAR, *options]
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


_SENT = re.compile(r"sent packets: (\d+)\s+received packets: (\d+)")


def _perfdhcp(seconds: float) -> dict[str, Any]:
    try:
        program = programs.find("perfdhcp", "kea-admin")
    except programs.Missing as error:
        raise Unfit(str(error)) from None
    vendor = b"PXEClient:Arch:00007:UNDI:003000".hex()
    command = [
        *(program, "-4", "-i", "-l", network.DEVICE, "-R", "1000000", "-W", "1"),
        *("-r", PERFDHCP_RATE, "-p", max(1, round(seconds)), "-o", f"60,{vendor}"),
        *("-o", "93,0007", network.FAR),
    ]
    # It ends with 3 where some were dropped.
    said = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=60
    ).stdout
    found = _SENT.search(said)
    if found is None:
        raise Wrong(f"perfdhcp said: {said[-300:]}")
    sent, received = (int(number) for number in found.groups())
    return {
        "sent": sent,
        "offers": received,
        "offers_per_s": received / max(1, round(seconds)),
        "lost": 1 - received / sent,
    }


@contextmanager
def _started(
    server: Fastboot | Dnsmasq, place: Place, there: list[str]
) -> Iterator[Processes]:
    """A running server, which has answered one machine."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        command = [*there, *server.command(place.root)]
        with Processes(command, place.server_cpu, output, {}) as processes:
            until = time.monotonic() + READY
            while processes.running and time.monotonic() < until:
                ask = ("--device", network.DEVICE, "--clients", 1, "--limit", 0.3)
                if _client(*ask, "--first", 2**32 - 2)["offers"]:
                    break
            else:
                said = output.read_text("utf-8", "replace")[-500:]
                raise Unfit(f"{server.name} does not answer; it said: {said.strip()!r}")
            yield processes


def _verdicts(report: Report) -> list[Mark]:
    marks = []
    for row in report["rows"]:
        ours = row["medians"].get("fastboot")
        if ours is None:
            continue
        if row["kind"] == "crowd":
            marks.append(_mark(row, "seconds, p99: below 1", ours["p99"], 1))
            marks.append(_mark(row, "machines left waiting: none", ours["waiting"], 0))
        elif row["kind"] == "offers":  # perfdhcp counts only what it could take
            micro = ours["cpu_per_offer"] * 1e6
            text = "CPU µs an offer, 10,000 a second: at most 100"
            marks.append(_mark(row, text, micro, 100))
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
    quick=[ROWS[0], ROWS[5]],
    every=ROWS,
    servers=(Fastboot, FastbootPython, Dnsmasq),
    files=lambda: PROGRAMS,
    clients=("discover",),
    takes=_takes,
    measure=_measure,
    verdicts=_verdicts,
    shown=("cpu_per_offer", "client_cpu_per_offer", "offers_per_s", "p99", "waiting"),
)

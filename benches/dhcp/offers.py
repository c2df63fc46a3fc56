"""Proxy DHCP: how many machines a server answers, and how soon."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches import network
from benches.comparison import Comparison, Place
from benches.load.client import Wrong
from benches.process import Processes

from . import marks
from .servers import SERVERS, TRY, Dnsmasq, Server, ask, perfdhcp, started

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
        runs: How often it is measured, by default.
    """

    kind: str
    firmware: str = "uefi"
    clients: int = 64
    relayed: bool = False
    runs: int = 3

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


def _takes(row: Row, server: Server, asked: bool) -> bool:
    if isinstance(server, Dnsmasq):
        # It knows UEFI by PXE; BIOS it gives a menu, and asks it for more packets.
        known = row.firmware == "uefi" and not row.relayed
    else:
        known = True
    return known and (asked or row.kind != "perfdhcp" or "-" not in server.name)


def _measure(row: Row, server: Server, place: Place, seed: int) -> dict[str, Any]:
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
    return ask("discover", *way, *amount, *first, "--firmware", row.firmware)


_SENT = re.compile(r"sent packets: (\d+)\s+received packets: (\d+)")


def _perfdhcp(seconds: float) -> dict[str, Any]:
    vendor = b"PXEClient:Arch:00007:UNDI:003000".hex()
    amount = ("-i", "-r", PERFDHCP_RATE, "-p", max(1, round(seconds)))
    said = perfdhcp(*amount, "-o", f"60,{vendor}", "-o", "93,0007")
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
def _started(server: Server, place: Place, there: list[str]) -> Iterator[Processes]:
    """A running server, which has answered one machine."""
    flags = ("--dhcp-relay", network.NEAR)
    if isinstance(server, Dnsmasq):
        program = "--pxe-service=7,boot,ipxe.efi"
        flags = ("--leasefile-ro", f"--dhcp-range={network.FAR},proxy", program)
    command = [*there, *server.command(place.root, *flags)]
    one = ("--device", network.DEVICE, *TRY)
    with (
        tempfile.TemporaryDirectory() as folder,
        started(
            *(server, command, Path(folder, "output"), place),
            lambda: bool(ask("discover", *one)["offers"]),
        ) as processes,
    ):
        yield processes


COMPARISON = Comparison(
    default=ROWS,
    quick=[ROWS[0], ROWS[5]],
    every=ROWS,
    servers=SERVERS,
    files=lambda: PROGRAMS,
    clients=("discover",),
    takes=_takes,
    measure=_measure,
    judges=marks.OFFERS,
    shown=("cpu_per_offer", "client_cpu_per_offer", "offers_per_s", "p99", "waiting"),
)

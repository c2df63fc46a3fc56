"""What fastboot is meant to reach over DHCP."""

from __future__ import annotations

from collections.abc import Iterator

from benches.marks import OURS, Mark, Row, mark

DROPS_MOST = 0.025
"""Share of the exchanges that may be lost: what perfdhcp's authors allow a server."""


def _crowd(row: Row) -> Iterator[Mark]:
    ours = row["medians"][OURS]
    yield mark(row, "seconds, p99: below 1", ours["p99"], 1, strictly=True)
    waiting = ours["waiting"]
    yield mark(row, "machines left waiting: none", waiting, 0, strictly=False)


def _offers(row: Row) -> Iterator[Mark]:
    micro = row["medians"][OURS]["cpu_per_offer"] * 1e6
    text = "CPU µs an offer, 10,000 a second: at most 100"
    yield mark(row, text, micro, 100, strictly=False)


OFFERS = {
    "crowd": _crowd,
    "offers": _offers,
    "perfdhcp": lambda row: (),  # it counts only what it could take
}


def _lost(row: Row) -> Iterator[Mark]:
    lost = row["medians"][OURS]["lost"]
    yield mark(row, "lost: at most 2.5 %", lost, DROPS_MOST, strictly=False)


def _arrivals(row: Row) -> Iterator[Mark]:
    yield from _lost(row)
    slowest = row["medians"][OURS]["p99_ms"]
    yield mark(row, "milliseconds, p99: below 1,000", slowest, 1000, strictly=True)


LEASES = {"leases": _lost, "arrivals": _arrivals, "perfdhcp": _lost}

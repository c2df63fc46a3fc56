"""What fastboot is meant to reach over HTTP, beside nginx in the same run."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benches.marks import OURS, Mark, Row, against, mark

PYTHON = "fastboot-py"
RIVALS = ("aiohttp", "starlette", "granian", "http.server")


def _bulk(row: Row) -> Iterator[Mark]:
    if "nginx" in row["medians"]:
        cost, rate = against(row, "nginx"), against(row, "nginx", "mb_per_s")
        yield mark(row, "CPU / nginx's: at most 1.05", cost, 1.05, strictly=False)
        text = "CPU of both ends / nginx's: at most 1.05"
        yield mark(row, text, _both_ends(row), 1.05, strictly=False)
        text = "time for a byte / nginx's: at most 1/0.95"
        yield mark(row, text, 1 / rate, 1 / 0.95, strictly=False)
    yield from _ahead(row, "cpu_per_gb")


def _both_ends(row: Row) -> float:
    """CPU of the server and the client: over loopback they share the work of sending.

    What waits in the kernel is sent when the client acknowledges, on its account; the
    more a server lets wait, the less is on its own.
    """
    names = ("cpu_per_gb", "client_cpu_per_gb")
    ours, theirs = (
        [sum(run[name] for name in names) for run in row["runs"][server]]
        for server in (OURS, "nginx")
    )
    return statistics.median(ours) / statistics.median(theirs)


def _requests(row: Row) -> Iterator[Mark]:
    number = "requests_per_s"
    if "nginx" in row["medians"]:
        ratio = 1 / against(row, "nginx", number)
        text = "time for a request / nginx's: at most 1"
        yield mark(row, text, ratio, 1, strictly=False)
        if PYTHON in row["medians"]:
            ratio = against(row, PYTHON, number) / against(row, "nginx", number)
            text = "the same without compiled parts: at most 2"
            yield mark(row, text, ratio, 2, strictly=False)
    yield from _ahead(row, "cpu_per_request")


def _tls(row: Row) -> Iterator[Mark]:
    if "nginx" in row["medians"]:
        cost = against(row, "nginx")
        yield mark(row, "CPU / nginx's: at most 1.1", cost, 1.1, strictly=False)
    yield from _ahead(row, "cpu_per_gb")


def _tls_requests(row: Row) -> Iterator[Mark]:
    """nginx is no mark here: each connection is Python's, which `ssl` wants so."""
    yield from _ahead(row, "cpu_per_request")


def _rate(row: Row) -> Iterator[Mark]:
    ours = row["medians"][OURS]
    yield mark(row, "answers that failed: none", ours["failed"], 0, strictly=False)
    if "nginx" in row["medians"]:
        cost = against(row, "nginx")
        yield mark(row, "CPU / nginx's: at most 1", cost, 1, strictly=False)
    yield from _ahead(row, "cpu_per_gb")


def _idle(row: Row) -> Iterator[Mark]:
    ours = row["medians"][OURS]
    each, slowest = ours["memory_each"], ours["latency_max"]
    yield mark(row, "bytes for each: below 4096", each, 4096, strictly=True)
    yield mark(row, "slowest answer, s: at most 0.05", slowest, 0.05, strictly=False)


def _stalled(row: Row) -> Iterator[Mark]:
    held = row["medians"][OURS]["kernel_memory"]
    yield mark(row, "bytes in the kernel: below 300 MB", held, 300e6, strictly=True)


def _slow(row: Row) -> Iterator[Mark]:
    slowest = row["medians"][OURS]["latency_max"]
    yield mark(row, "slowest answer, s: below 0.1", slowest, 0.1, strictly=True)


def _ahead(row: Row, number: str) -> Iterator[Mark]:
    """Cheaper than every server that is not nginx."""
    for name in RIVALS:
        if name in row["medians"]:
            ratio = against(row, name, number)
            yield mark(row, f"CPU / {name}'s: below 1", ratio, 1, strictly=True)


JUDGES = {
    "bulk": _bulk,
    "requests": _requests,
    "tls": _tls,
    "tls-requests": _tls_requests,
    "tls-new": _tls_requests,
    "tls-again": _tls_requests,
    "rate": _rate,
    "tls-rate": _tls,
    "idle": _idle,
    "stalled": _stalled,
    "slow": _slow,
}

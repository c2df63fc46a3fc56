"""What fastboot is meant to reach, and whether it did in one run of the comparison."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

OURS = "fastboot"
NOT_OTHERS = {"fastboot", "fastboot-py", "yardstick"}
"""Who is no competitor."""

MIB = 1 << 20

SENT_MOST = {"1%": 1.1, "5%": 1.3, "20%": 2.5}
"""Bytes sent for each byte of the file, by the loss."""

Mark = dict[str, Any]
Row = dict[str, Any]
Judge = Callable[[Row], Iterable[Mark]]


def verdicts(report: dict[str, Any], judges: Mapping[str, Judge]) -> list[Mark]:
    """Each mark that a run has numbers for.

    Args:
        report: The run.
        judges: What judges a row of a kind, by the kind.

    Returns:
        Dictionaries: the row, what was wanted, the number, the limit, and whether it
        was reached.
    """
    rows = (row for row in report["rows"] if OURS in row["medians"])
    return [one for row in rows for one in judges[row["kind"]](row)]


def mark(row: Row, wanted: str, value: float, limit: float, *, strictly: bool) -> Mark:
    """A mark: `value` is to be at most `limit`, or below it."""
    return {
        "row": row["key"],
        "wanted": wanted,
        "value": round(value, 4),
        "limit": round(limit, 4),
        "reached": value < limit if strictly else value <= limit,
    }


def against(row: Row, other: str, number: str = "cpu_per_gb") -> float:
    """Our number divided by another server's: the median over the rounds.

    The two were measured seconds apart in each round, so that what else a shared
    machine does bears on both; between rounds it may change much.
    """
    ours, theirs = row["runs"][OURS], row["runs"][other]
    if len(ours) != len(theirs):
        return float(row["medians"][OURS][number] / row["medians"][other][number])
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(mine[number] / their[number] for mine, their in pairs)


def _speed(row: Row) -> Iterator[Mark]:
    block, window, clients, file = row["key"].split("-")[:4]
    if row["key"].endswith("no-gro"):
        return
    if file == "1kB":
        if "dnsmasq" in row["medians"]:
            ratio = against(row, "dnsmasq", "transfers_per_s")
            text = "seconds a transfer / dnsmasq's: below 1"
            yield mark(row, text, 1 / ratio, 1, strictly=True)
    elif window in ("w16", "w64") and block == "b1428" and clients in ("c4", "c256"):
        yield from _windowed(row)
    elif window == "w1" and block in ("b512", "b1428") and clients != "c1":
        yield from _lock_step(row)
    elif window == "w1" and block == "b8192":
        for name in _best_rival(row):
            text = f"CPU / best other server's ({name}): below 1"
            yield mark(row, text, against(row, name), 1, strictly=True)


def _windowed(row: Row) -> Iterator[Mark]:
    cost = row["medians"][OURS]["cpu_per_gb"]
    yield mark(row, "CPU s/GB: at most 0.5", cost, 0.5, strictly=False)
    for name in _best_rival(row):
        text = f"CPU / best other server's ({name}): at most 1/6"
        yield mark(row, text, against(row, name), 1 / 6, strictly=False)


def _lock_step(row: Row) -> Iterator[Mark]:
    if "dnsmasq" in row["medians"]:
        ratio = against(row, "dnsmasq")
        yield mark(row, "CPU / dnsmasq's: below 1", ratio, 1, strictly=True)
    if "yardstick" in row["medians"]:
        ratio = against(row, "yardstick")
        text = "CPU / the yardstick's: at most 1.15"
        yield mark(row, text, ratio, 1.15, strictly=False)


def _best_rival(row: Row) -> list[str]:
    """The other server that costs least per GB; none where there is none."""
    costs = {name: numbers["cpu_per_gb"] for name, numbers in row["medians"].items()}
    return sorted(costs.keys() - NOT_OTHERS, key=lambda name: costs[name])[:1]


def _scale(row: Row) -> Iterator[Mark]:
    ours = row["medians"][OURS]
    yield mark(row, "transfers that failed: none", ours["failed"], 0, strictly=False)
    memory = ours["memory_above_idle"]
    yield mark(row, "bytes above idle: below 64 MiB", memory, 64 * MIB, strictly=True)


def _half_open(row: Row) -> Iterator[Mark]:
    ours = row["medians"][OURS]
    memory, files = ours["memory_above_idle"], ours["descriptors_above_idle"]
    yield mark(row, "bytes above idle: below 16 MiB", memory, 16 * MIB, strictly=True)
    yield mark(row, "file descriptors above idle: none", files, 0, strictly=False)


def _loss(row: Row) -> Iterator[Mark]:
    ours = row["medians"][OURS]
    yield mark(row, "transfers that failed: none", ours["failed"], 0, strictly=False)
    most = SENT_MOST.get(row["key"].rpartition("-")[2])
    if most is not None:
        text = f"bytes sent for each of the file: at most {most}"
        yield mark(row, text, ours["sent_ratio"], most, strictly=False)


JUDGES = {"speed": _speed, "scale": _scale, "half-open": _half_open, "loss": _loss}

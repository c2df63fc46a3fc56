"""Tables of a comparison: for a terminal, and for the README.

    python -m benches.table [README.md]

writes the newest run in benches/runs/ of each protocol between the README's markers, such
as `<!-- bench:tftp -->` and `<!-- /bench:tftp -->`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benches import machine

HERE = Path(__file__).parent

NOTE = (
    "The authors of fastboot made this comparison and are not neutral: run it on your "
    "own machine."
)

Report = dict[str, Any]
Numbers = dict[str, Any]
Lines = list[list[str]]


def _number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value == 0 or value >= 0.001 else f"{value:.1e}"


def _speed(numbers: Numbers) -> str:
    cost, rate = numbers["cpu_per_gb"], numbers["mb_per_s"]
    # Where the client cost more than the server, it held the server's rate down.
    bound = "*" if numbers["client_cpu_per_gb"] > cost else ""
    return f"{_number(cost)} · {_number(rate)}{bound}"


def _small(numbers: Numbers) -> str:
    if not numbers["cpu_per_transfer"]:
        return "none ended"
    micro = numbers["cpu_per_transfer"] * 1e6
    return f"{_number(micro)} · {_number(numbers['transfers_per_s'])}"


def _scale(numbers: Numbers) -> str:
    memory = numbers["memory_above_idle"] / 1e6
    text = (
        f"{_number(max(memory, 0.01))} MB, {numbers['descriptors_above_idle']:.0f} fds"
    )
    failed = numbers["failed"]
    return f"{text}, {failed:.0f} failed" if failed else text


def _half_open(numbers: Numbers) -> str:
    memory = max(numbers["memory_above_idle"] / 1e6, 0.01)
    text = f"{_number(memory)} MB, {numbers['descriptors_above_idle']:.0f} fds"
    return f"{text}, {numbers['answered']:,.0f} of {numbers['requests']:,.0f} answered"


def _loss(numbers: Numbers) -> str:
    done = f"{numbers['completed']:.0f} of 200"
    return f"{done}, sent {numbers['sent_ratio']:.2f}, {numbers['seconds']:.1f} s"


def _offers(numbers: Numbers) -> str:
    micro = numbers["cpu_per_offer"] * 1e6
    return f"{_number(micro)} · {_number(numbers['offers_per_s'])}"


def _crowd(numbers: Numbers) -> str:
    times = f"{numbers['median']:.2f} s, {numbers['p99']:.2f} s"
    left = numbers["waiting"]
    return f"{times}, {left:.0f} not answered" if left else times


def _perfdhcp(numbers: Numbers) -> str:
    return f"{_offers(numbers)}, {numbers['lost']:.1%} lost"


def _requests(numbers: Numbers) -> str:
    if not numbers["cpu_per_request"]:
        return "none ended"
    micro = numbers["cpu_per_request"] * 1e6
    bound = "*" if numbers["client_cpu_per_request"] * 1e6 > micro else ""
    return f"{_number(micro)} · {_number(numbers['requests_per_s'])}{bound}"


def _rate(numbers: Numbers) -> str:
    text = f"{_number(numbers['cpu_per_gb'])}, {numbers['seconds']:.1f} s"
    failed = numbers["failed"]
    return f"{text}, {failed:.0f} failed" if failed else text


def _slowest(numbers: Numbers) -> str:
    failed = numbers["failed"]
    text = f"{_number(numbers['latency_max'] * 1000)} ms"
    return f"{text}, {failed:.0f} failed" if failed else text


def _idle(numbers: Numbers) -> str:
    each = numbers["memory_each"] / 1024
    return f"{_number(max(each, 0.01))} KiB each, {_slowest(numbers)}"


def _stalled(numbers: Numbers) -> str:
    return f"{_number(numbers['kernel_memory'] / 1e6)} MB, {_slowest(numbers)}"


def _leases(numbers: Numbers) -> str:
    micro = numbers["cpu_per_lease"] * 1e6
    return f"{_number(micro)} · {numbers['lost']:.1%}"


def _arrivals(numbers: Numbers) -> str:
    text = f"{_number(numbers['p50_ms'])} ms, {_number(numbers['p99_ms'])} ms"
    return f"{text}, {numbers['lost']:.1%} without" if numbers["lost"] else text


_SECURE = ("http-tls-requests", "http-tls-new", "http-tls-again")
"""Rows of requests over TLS."""

_SECTIONS: list[tuple[str, Callable[[str], bool], Callable[[Numbers], str]]] = [
    (
        "Server CPU seconds per GB · MB/s",
        lambda key: key.startswith("b") and "-1kB" not in key,
        _speed,
    ),
    (
        "Server CPU µs per transfer · transfers per second",
        lambda key: key.startswith("b") and "-1kB" in key,
        _small,
    ),
    ("1,000 clients at once: above idle", lambda key: key.startswith("scale"), _scale),
    (
        "10,000 half-open requests: above idle",
        lambda key: key.startswith("half"),
        _half_open,
    ),
    (
        "Loss: transfers complete, bytes sent for each of the file, time",
        lambda key: key.startswith("loss"),
        _loss,
    ),
    (
        "Server CPU µs per offer · offers per second",
        lambda key: key.startswith("offers"),
        _offers,
    ),
    (
        "Server CPU µs per lease · clients left without",
        lambda key: key.startswith(("leases", "perfdhcp-c")),
        _leases,
    ),
    (
        "Many clients at once: median and 99th percentile until the ACK",
        lambda key: key.startswith("arrivals"),
        _arrivals,
    ),
    (
        "The same with 10,000 DISCOVERs a second by perfdhcp, and what was lost",
        lambda key: key.startswith("perfdhcp-uefi"),
        _perfdhcp,
    ),
    (
        "Many machines at once: median and 99th percentile until the offer",
        lambda key: key.startswith("crowd"),
        _crowd,
    ),
    (
        "Server CPU seconds per GB · MB/s",
        lambda key: key.startswith(("http-bulk", "http-tls-c")),
        _speed,
    ),
    (
        "Server CPU µs per request · requests per second",
        lambda key: key.startswith(("http-requests", *_SECURE)),
        _requests,
    ),
    (
        "Slow clients: server CPU seconds per GB, until the last has its file",
        lambda key: key.startswith("http-rate"),
        _rate,
    ),
    (
        "Connections at rest: memory of the server, slowest of new requests",
        lambda key: key.startswith("http-idle"),
        _idle,
    ),
    (
        "Clients that read nothing: memory of the kernel, slowest of other requests",
        lambda key: key.startswith("http-stalled"),
        _stalled,
    ),
    (
        "Heads that do not end: slowest of other requests",
        lambda key: key.startswith("http-slow"),
        _slowest,
    ),
]
"""Heading, which rows, and how a cell is written."""


def _tables(report: Report) -> Iterable[tuple[str, Lines]]:
    for heading, belongs, cell in _SECTIONS:
        rows = [row for row in report["rows"] if belongs(row["key"]) and row["medians"]]
        names = [n for n in report["servers"] if any(n in r["medians"] for r in rows)]
        lines = [["load", *names]]
        for row in rows:
            found = ((row["medians"].get(name), name) for name in names)
            cells = (cell(n) if n else _cannot(report, row, name) for n, name in found)
            lines.append([row["title"], *cells])
        if rows:
            yield heading, lines


def _cannot(report: Report, row: Numbers, name: str) -> str:
    """The cell of a server without numbers: whether it was tried."""
    tried = f"{row['key']}: {name}: "
    return "no" if any(note.startswith(tried) for note in report["notes"]) else ""


def text_table(report: Report) -> str:
    """A run for a terminal: tables, client against server, marks, notes."""
    parts = []
    for heading, lines in _tables(report):
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = (
            "  ".join(
                text.ljust(width) for text, width in zip(line, widths, strict=True)
            )
            for line in lines
        )
        parts.append("\n".join([heading, *(row.rstrip() for row in rows)]))
    parts.append(_clients(report))
    parts.append(_marks(report))
    parts += report["notes"]
    return "\n\n".join(filter(None, parts))


def _clients(report: Report) -> str:
    """The load client's CPU per byte beside each server's."""
    lines = [
        "Load client's CPU seconds per GB / the server's (below 1: it was cheaper)"
    ]
    for row in report["rows"]:
        found = {n: m for n, m in row["medians"].items() if m.get("cpu_per_gb")}
        if row["kind"] not in ("speed", "bulk", "tls", "requests") or not found:
            continue
        ratios = (
            f"{name} {_number(m['client_cpu_per_gb'])}"
            f" / {_number(m['cpu_per_gb'])} = {m['client_cpu_per_gb'] / m['cpu_per_gb']:.2f}"
            for name, m in found.items()
        )
        lines.append(f"{row['key']:26}" + ", ".join(ratios))
    return "\n".join(lines) if len(lines) > 1 else ""


def _marks(report: Report) -> str:
    lines = [
        f"{'reached' if mark['reached'] else 'NOT REACHED':12}{mark['row']:32}"
        f"{mark['wanted']}: {_number(mark['value'])} (limit {_number(mark['limit'])})"
        for mark in report["marks"]
    ]
    return "\n".join(["Marks", *lines]) if lines else ""


_ABOUT = {
    "tftp": (
        (
            "over loopback, the server on one CPU, the load client, which receives with "
            "UDP_GRO and compares every byte, on another."
        ),
        (
            "*: the client cost more than the server, which could have been faster; with "
            "one client it pays for waking the server. "
            "The yardstick is no server but a bare loop in C: about what the kernel alone "
            "costs. "
        ),
    ),
    "dhcp": (
        (
            "the server on one CPU, the load client, which looks at every offer, on "
            "another, in networks of their own with a cable (veth) between them."
        ),
        "",
    ),
    "leases": (
        (
            "the server on one CPU, clients that take a lease each on another, in networks "
            "of their own with a cable (veth) between them; leases are kept on disk."
        ),
        "",
    ),
    "http": (
        (
            "over loopback, the server on one CPU, on another the load client, which "
            "compares every byte of small answers and one of sixteen pieces of large ones."
        ),
        (
            "*: the client cost more than the server, which could have been faster. Over "
            "loopback the kernel sends what waits in its buffers when the client "
            "acknowledges, and counts that as the client's. "
        ),
    ),
}
"""How it was measured, and what has to be known to read the table."""


def _busy(report: Report) -> str:
    """The load of a machine that had other work when the run began."""
    load = report["load_before"]
    return f", load {load:.1f} when it began" if load > machine.BUSY else ""


def markdown(report: Report) -> str:
    """A run for the README."""
    place = report["machine"]
    about = (
        f"Measured on {report['date'][:10]} by `python -m benches.compare "
        f"{report['protocol']}`, medians of {_runs(report)}: {place['cpu']}, "
        f"{place['cpus']} CPUs{', virtual' if place['virtual'] else ''}, Linux "
        f"{place['kernel']}{_busy(report)}; {_ABOUT[report['protocol']][0]} {NOTE}"
    )
    parts = [about]
    for heading, lines in _tables(report):
        head, *body = lines
        rows = [head, ["---", *("---:" for _ in head[1:])], *body]
        table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        parts.append(f"{heading}:\n\n{table}")
    versions = ", ".join(
        f"{name}: {re.sub(r' ?[(].*', '', version)}"
        for name, version in report["servers"].items()
    )
    parts.append(f"{_ABOUT[report['protocol']][1]}Versions: {versions}.")
    if report["notes"]:
        parts.append(
            "\n".join(["Of this run:", "", *map("- {}".format, report["notes"])])
        )
    missed = [mark for mark in report["marks"] if not mark["reached"]]
    if missed:
        lines = (
            f"- {mark['row']}: {mark['wanted']}; measured {_number(mark['value'])}, "
            f"the limit is {_number(mark['limit'])}"
            for mark in missed
        )
        parts.append("\n".join(["Marks that were not reached:", "", *lines]))
    return "\n\n".join(parts)


def _runs(report: Report) -> str:
    """How often a row was measured."""
    rows = [row["runs"].values() for row in report["rows"]]
    counts = {max(map(len, runs), default=1) for runs in rows} - {1}
    return " or ".join(map(str, sorted(counts or {1})))


def between(text: str, protocol: str, table: str) -> str:
    """A text with what is between its markers replaced.

    Raises:
        ValueError: The markers are not there.
    """
    start, stop = f"<!-- bench:{protocol} -->", f"<!-- /bench:{protocol} -->"
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(stop)
    if not found or not closed:
        raise ValueError(f"there are no markers {start} ... {stop}")
    return f"{before}{start}\n{table}\n{stop}{after}"


def newest(folder: Path, protocol: str) -> Report | None:
    """The newest run that is kept; None where there is none."""
    reports = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
    reports = [report for report in reports if report.get("protocol") == protocol]
    return max(reports, key=lambda report: str(report["date"]), default=None)


def main() -> None:
    """Write the newest run of each protocol into the README, where it has a place."""
    readme = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "README.md"
    try:
        text = readme.read_text("utf-8")
        for protocol in _ABOUT:
            if f"<!-- bench:{protocol} -->" not in text:
                continue
            report = newest(HERE / "runs", protocol)
            if report:
                text = between(text, protocol, markdown(report))
            else:
                sys.stderr.write(f"no run of {protocol}: its place is left as it is\n")
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    readme.write_text(text, "utf-8")


if __name__ == "__main__":
    main()

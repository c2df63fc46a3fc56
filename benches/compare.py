"""fastboot beside other servers, under the same load, on this machine.

    python -m benches.compare tftp [--quick | --all] [--rows 'b512-*'] [--servers a,b]
    python -m benches.compare dhcp ...
    python -m benches.compare http ...
    python -m benches.compare leases ...

Servers run on one CPU, one at a time; the load client runs on another. Each row is
measured with every server in turn, and then again: A B C, B C A, C A B; what counts is
the median. TFTP takes a quarter of an hour, HTTP ten minutes, DHCP some. Results with
the machine's facts go to benches/runs/, those of a part of it to build/benches/last.json.
A run for benches/runs/ waits up to two minutes for a machine that does other work.
"""

# ruff: noqa: T201  (a command prints)

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from benches import dhcp, http, machine, marks, network, tftp
from benches.comparison import Comparison, Place, Row, Server, Unfit
from benches.load.client import Wrong
from benches.programs import BUILD, Missing, compiled
from benches.table import text_table

COMPARISONS: dict[str, Comparison] = {
    "tftp": tftp.COMPARISON,
    "dhcp": dhcp.OFFERS,
    "http": http.COMPARISON,
    "leases": dhcp.LEASES,
}

RUNS = Path(__file__).parent / "runs"

SETTLED = 3.0
"""Seconds until files are as those of a server are, which nobody wrote a moment ago."""

Results = dict[str, dict[str, list[dict[str, Any]]]]
"""Row -> server -> one dictionary for each run."""


def main() -> None:
    """Measure, print, and keep what came out."""
    arguments = _arguments()
    comparison = COMPARISONS[arguments.protocol]
    chosen = _rows(comparison, arguments)
    servers, left_out = _servers(comparison, arguments)
    inside = network.enter()
    server_cpu, client_cpu = _cpus()
    if client_cpu is not None:
        os.sched_setaffinity(0, {client_cpu})
    with _folder(comparison) as root:
        quick = arguments.quick
        place = Place(root, server_cpu, 0.3 if quick else 0.5, 1.0 if quick else 1.5)
        busy = machine.quiet() if _is_kept(arguments) else os.getloadavg()[0]
        started = time.monotonic()
        results, notes = _measure_all(comparison, chosen, servers, place, arguments)
    report = {
        "protocol": arguments.protocol,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "minutes": round((time.monotonic() - started) / 60, 1),
        "machine": machine.facts(),
        "load_before": busy,
        "network": "a namespace of its own" if inside else "the machine's loopback",
        "server_cpu": server_cpu,
        "client_cpu": client_cpu,
        "servers": {server.name: server.version for server in servers},
        "left_out": left_out,
        "notes": notes,
        "rows": [
            {
                "key": row.key,
                "title": row.title,
                "kind": row.kind,
                "medians": _medians(results[row.key]),
                "runs": results[row.key],
            }
            for row in chosen
        ],
    }
    report["marks"] = marks.verdicts(report, comparison.judges)
    path = arguments.output or _path(report, arguments)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(text_table(report))
    print(f"kept in {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benches.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("protocol", choices=list(COMPARISONS))
    add("--rows", help="patterns of row names, with commas; --list shows the names")
    add("--servers", help="names of servers, with commas; --list shows them")
    add(
        "--runs",
        type=int,
        help="how often each row is measured (3; long ones: 1; some that swing: 9)",
    )
    add("--quick", action="store_true", help="few rows, once: about two minutes")
    add("--all", action="store_true", help="the whole grid, and slow servers: hours")
    add("--output", type=Path, help="where results go")
    add("--list", action="store_true", help="show rows and servers, and stop")
    arguments = parser.parse_args()
    if arguments.list:
        comparison = COMPARISONS[arguments.protocol]
        for row in comparison.every if arguments.all else comparison.default:
            print(f"{row.key:32}{row.title}")
        for server in comparison.servers:
            print(f"{server.name:32}{(server.__doc__ or '').splitlines()[0]}")
        sys.exit()
    return arguments


def _rows(comparison: Comparison, arguments: argparse.Namespace) -> list[Row]:
    chosen = list(comparison.quick if arguments.quick else comparison.default)
    if arguments.all or arguments.rows:
        chosen = list(comparison.every)
    if arguments.rows:
        patterns = arguments.rows.split(",")
        chosen = [row for row in chosen if any(fnmatch(row.key, p) for p in patterns)]
    if not chosen:
        sys.exit("no row has such a name; --list shows them")
    return chosen


def _servers(
    comparison: Comparison, arguments: argparse.Namespace
) -> tuple[list[Server], dict[str, str]]:
    """The servers to measure, ready, and the reasons why others are left out."""
    names = arguments.servers.split(",") if arguments.servers else None
    known = {server.name for server in comparison.servers}
    if names and not known.issuperset(names):
        sys.exit(f"no such server; there are {', '.join(sorted(known))}")
    ready, left_out = [], {}
    try:
        for client in comparison.clients:
            compiled(client)
    except Missing as error:
        sys.exit(f"the load client cannot be built: {error}")
    for kind in comparison.servers:
        if names and kind.name not in names:
            continue
        server = kind()
        try:
            server.prepare()
        except Missing as error:
            left_out[server.name] = str(error)
            print(f"left out: {server.name}: {error}", file=sys.stderr)
        else:
            ready.append(server)
    return ready, left_out


def _cpus() -> tuple[int | None, int | None]:
    """A CPU for servers and another for the client, where there are two."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        print("one CPU only: server and client share it", file=sys.stderr)
        return None, None
    return cpus[-1], cpus[-2]


@contextmanager
def _folder(comparison: Comparison) -> Iterator[Path]:
    """The folder that is served, open to servers that give up root."""
    with tempfile.TemporaryDirectory(prefix="benches-") as name:
        root = Path(name)
        root.chmod(0o755)
        for file, content in comparison.files().items():
            (root / file).write_bytes(content)
            (root / file).chmod(0o644)
        time.sleep(SETTLED)
        yield root


def _measure_all(
    comparison: Comparison,
    chosen: list[Row],
    servers: list[Server],
    place: Place,
    arguments: argparse.Namespace,
) -> tuple[Results, list[str]]:
    results: Results = {}
    notes: list[str] = []
    began = time.monotonic()
    for number, row in enumerate(chosen, 1):
        minutes = (time.monotonic() - began) / 60
        print(
            f"row {number} of {len(chosen)}, after {minutes:.1f} minutes: {row.title}",
            file=sys.stderr,
        )
        results[row.key] = {}
        asked = bool(arguments.all or arguments.servers)
        fit = [server for server in servers if comparison.takes(row, server, asked)]
        for run in range(arguments.runs or (1 if arguments.quick else row.runs)):
            turn = run % len(fit) if fit else 0
            for server in fit[turn:] + fit[:turn]:
                if run >= min(row.runs, 3) and getattr(server, "slow", False):
                    continue  # minutes for one that is far behind
                _measure_one(
                    comparison, row, server, place, run, results[row.key], notes
                )
                if notes and notes[-1].startswith(f"{row.key}: {server.name}"):
                    fit = [other for other in fit if other is not server]
    return results, notes


def _measure_one(
    comparison: Comparison,
    row: Row,
    server: Server,
    place: Place,
    run: int,
    results: dict[str, list[dict[str, Any]]],
    notes: list[str],
) -> None:
    try:
        numbers = comparison.measure(row, server, place, run + 1)
    except (Unfit, Wrong) as error:
        note = f"{row.key}: {server.name}: {error}"
        notes.append(note)
        print(note, file=sys.stderr)
        return
    results.setdefault(server.name, []).append(numbers)
    line = (
        f"{name} {numbers[name]:.4g}" for name in comparison.shown if numbers.get(name)
    )
    print(
        f"{row.key:32}{server.name:12} {', '.join(line)}", file=sys.stderr, flush=True
    )


def _medians(servers: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The median of each number over the runs; of texts, the first."""
    return {
        name: {
            key: _median([run[key] for run in runs if run[key] is not None])
            for key in runs[0]
        }
        for name, runs in servers.items()
    }


def _median(values: list[Any]) -> Any:
    if not values or isinstance(values[0], str):
        return next((value for value in values if value), None)
    return statistics.median(values)


def _is_kept(arguments: argparse.Namespace) -> bool:
    """Whether tables are made from the run; from one of a part they are not."""
    return not (arguments.quick or arguments.rows or arguments.servers)


def _path(report: dict[str, Any], arguments: argparse.Namespace) -> Path:
    """Where results are kept."""
    if not _is_kept(arguments):
        return BUILD / "last.json"
    day = report["date"][:10]
    protocol = "" if report["protocol"] == "tftp" else f"-{report['protocol']}"
    return RUNS / f"{day}-{report['machine']['host']}{protocol}.json"


if __name__ == "__main__":
    main()

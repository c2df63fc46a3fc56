"""One server under one load, once."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benches.comparison import Place, Unfit
from benches.load.client import Outcome, Wrong, load
from benches.process import Processes, softirq_seconds
from benches.rows import Row
from benches.servers import Server

READY = 20.0
"""Seconds that a server has until it answers."""

SETTLE = 0.05
"""Seconds after a load in which children end and caches are let go."""


def measure(row: Row, server: Server, place: Place, seed: int) -> dict[str, Any]:
    """Start a server, load it, end it.

    Returns:
        Numbers by name, to be kept: what the client counted, the server's CPU seconds,
        and in rows about memory its growth.

    Raises:
        Unfit: The server cannot do what the row is about.
        Wrong: Bytes were wrong or transfers failed: a mistake of the server's, or ours.
    """
    with _started(server, place, row.blksize) as (processes, port):
        file = place.root / row.file
        asked = {"clients": row.clients, "blksize": row.blksize, "seed": seed}
        if row.window > 1:
            asked["windowsize"] = row.window
        if not row.gro:
            asked["no_gro"] = True
        match row.kind:
            case "speed":
                return _speed(row, processes, port, file, place, asked)
            case "scale":
                return _scale(row, processes, port, file, asked)
            case "half-open":
                return _half_open(processes, port, file, asked, server.half_open)
            case "loss":
                return _loss(row, processes, port, file, asked)
    raise ValueError(row.kind)


def _speed(
    row: Row,
    processes: Processes,
    port: int,
    file: Path,
    place: Place,
    asked: dict[str, Any],
) -> dict[str, Any]:
    # Whether the options are known at all; and whatever a server keeps of a file for the
    # next client it has now, as on the second machine of a network that boots.
    _granted(load(port, file, **{**asked, "clients": 1}, transfers=1, limit=5), row)
    cpu = place.server_cpu
    before, soft = processes.cpu_seconds(), softirq_seconds(cpu or 0)
    outcome = load(port, file, **asked, seconds=place.seconds, cut=place.cut)
    time.sleep(SETTLE)
    used, soft = processes.cpu_seconds() - before, softirq_seconds(cpu or 0) - soft
    _right(outcome)
    _granted(outcome, row)
    gigabytes = outcome.bytes / 1e9
    return {
        **_counted(outcome),
        "server_cpu_seconds": used,
        "softirq_cpu_seconds": soft,
        "cpu_per_gb": used / gigabytes,
        "client_cpu_per_gb": outcome.cpu_seconds / gigabytes,
        "cpu_per_transfer": used / outcome.completed if outcome.completed else None,
    }


def _scale(
    row: Row, processes: Processes, port: int, file: Path, asked: dict[str, Any]
) -> dict[str, Any]:
    idle, files = processes.memory(), processes.descriptors()
    before = processes.cpu_seconds()
    with _peak(processes) as peak:
        outcome = load(port, file, **asked, transfers=row.clients, limit=60)
    used = processes.cpu_seconds() - before
    _granted(outcome, row)
    if outcome.error == "wrong bytes":
        raise Wrong(outcome.error)
    return {
        **_counted(outcome),
        "cpu_per_gb": used / (outcome.bytes / 1e9) if outcome.bytes else None,
        "client_cpu_per_gb": outcome.cpu_seconds / (outcome.bytes / 1e9 or 1),
        "idle_memory": idle,
        "memory_above_idle": peak["memory"] - idle,
        "descriptors_above_idle": peak["descriptors"] - files,
    }


def _half_open(
    processes: Processes, port: int, file: Path, asked: dict[str, Any], most: int
) -> dict[str, Any]:
    idle, files = processes.memory(), processes.descriptors()
    requests = min(most, asked["clients"])
    options = {**asked, "clients": requests, "half_open": True, "limit": 30}
    outcome = load(port, file, **options)
    return {
        **_counted(outcome),
        "requests": requests,
        "idle_memory": idle,
        "memory_above_idle": processes.memory() - idle,
        "descriptors_above_idle": processes.descriptors() - files,
    }


def _loss(
    row: Row, processes: Processes, port: int, file: Path, asked: dict[str, Any]
) -> dict[str, Any]:
    outcome = load(
        port, file, **asked, loss=row.loss, transfers=row.clients, limit=400, linger=1
    )
    _granted(outcome, row)
    if outcome.error == "wrong bytes":
        raise Wrong(outcome.error)
    size = outcome.bytes or 1
    return {**_counted(outcome), "sent_ratio": outcome.data_bytes / size}


def _right(outcome: Outcome) -> None:
    """The result of a row: every byte compared, nothing failed, nothing lost by us."""
    if outcome.failed:
        raise Wrong(f"{outcome.failed} transfers failed: {outcome.error}")
    if not outcome.bytes:
        raise Wrong("nothing came")


def _granted(outcome: Outcome, row: Row) -> None:
    """Whether the server did what the row is about."""
    if not outcome.data_packets:
        return
    if outcome.windowsize != row.window:
        raise Unfit(f"grants windowsize {outcome.windowsize}, not {row.window}")
    if outcome.blksize != row.blksize:
        raise Unfit(f"grants blksize {outcome.blksize}, not {row.blksize}")


def _counted(outcome: Outcome) -> dict[str, Any]:
    names = Outcome.__slots__
    return {name: getattr(outcome, name) for name in names}


@contextmanager
def _started(
    server: Server, place: Place, blksize: int
) -> Iterator[tuple[Processes, int]]:
    """A running server and its port; it has served one small file."""
    port = server.port or _free_port()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        command = server.command(port, place.root, blksize)
        processes = Processes(command, place.server_cpu, output, server.environment)
        with processes:
            _wait_for(processes, server, port, place.root / "1kB", output)
            yield processes, port


def _wait_for(
    processes: Processes, server: Server, port: int, file: Path, output: Path
) -> None:
    until = time.monotonic() + READY
    while processes.running and time.monotonic() < until:
        outcome = load(port, file, transfers=1, retry=0.05, limit=0.3)
        if outcome.completed:
            return
    said = output.read_text("utf-8", "replace")[-500:]
    raise Unfit(f"{server.name} does not serve; it said: {said.strip()!r}")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def _peak(processes: Processes) -> Iterator[dict[str, int]]:
    """The most memory and descriptors used while the context lasts."""
    most = {"memory": processes.memory(), "descriptors": processes.descriptors()}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            most["memory"] = max(most["memory"], processes.memory())
            most["descriptors"] = max(most["descriptors"], processes.descriptors())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()

"""TFTP clients beside each other, fetching from our server: `python -m benches.client`.

The server runs on one CPU, the clients on another, each a program of its own that is
started for each file; what counts is the median of the rounds, A B C, B C A, C A B. CPU
is the client's own with all its system time, per gigabyte. Neither that nor the seconds
of `get` include the start of Python; curl's, some milliseconds, are in both. `load` is
the load client of the other comparisons, in C, which never sleeps and keeps nothing: what
the server gives at the most. curl has no windows (RFC 7440).
"""

# ruff: noqa: T201  (a command prints)

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benches import network
from benches.load.client import Wrong, load
from benches.process import Processes
from benches.programs import Missing, find
from benches.servers import Fastboot, said

SIZE = 40_000_000
"""Bytes of the file."""

ROUNDS = 3
READY = 20.0

_GET = """
import json, sys, time
from fastboot.tftp.client import get_sync
from fastboot.tftp.wishes import Wishes
url, to, blksize, windowsize = sys.argv[1:]
began = time.process_time()
result = get_sync(url, to or None, wishes=Wishes(int(blksize), int(windowsize)))
print(json.dumps([result.seconds, time.process_time() - began, result.size]))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one file cost.

    Attributes:
        seconds: From the request to the last byte.
        cpu: The client's seconds of CPU meanwhile.
        server: The server's.
        files: How many files it was in fact; the seconds are those of one.
    """

    seconds: float
    cpu: float
    server: float = 0.0
    files: float = 1.0


Run = Callable[[int, Path], Figures]


def _fastboot(windowsize: int, *, file: bool, python: bool = False) -> Run:
    def run(port: int, folder: Path) -> Figures:
        to = str(folder / "fetched") if file else ""
        url = f"tftp://127.0.0.1:{port}/big"
        command = [sys.executable, "-c", _GET, url, to, "1428", str(windowsize)]
        wish = "no" if python else "require"
        environment = {**os.environ, "FASTBOOT_EXTENSIONS": wish}
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        )
        seconds, cpu, size = json.loads(done.stdout)
        assert size == SIZE
        return Figures(seconds, cpu)

    return run


def _curl(port: int, folder: Path) -> Figures:
    url = f"tftp://127.0.0.1:{port}/big"
    target = folder / "fetched"
    command = [find("curl", "curl"), "-s", "--tftp-blksize", "1428", "-o", target, url]
    before, began = os.times(), time.monotonic()
    subprocess.run(command, check=True)
    seconds, after = time.monotonic() - began, os.times()
    assert target.stat().st_size == SIZE
    user = after.children_user - before.children_user
    return Figures(seconds, user + after.children_system - before.children_system)


def _load(port: int, folder: Path) -> Figures:
    big = folder / "big"
    done = load(port, big, clients=1, blksize=1428, windowsize=64, seconds=0.05)
    if done.failed:
        raise Wrong(done.error)
    files = done.bytes / SIZE
    return Figures(done.seconds / files, done.cpu_seconds / files, files=files)


CLIENTS: dict[str, Run] = {
    "get, window 64, to a file": _fastboot(64, file=True),
    "get, window 64, to memory": _fastboot(64, file=False),
    "get, window 1, to a file": _fastboot(1, file=True),
    "get in Python, window 64, to a file": _fastboot(64, file=True, python=True),
    "curl, window 1, to a file": _curl,
    "load, window 64, to nowhere": _load,
}


def main() -> None:
    """Measure and print."""
    network.enter()  # nobody else's packets
    cpus = sorted(os.sched_getaffinity(0))
    server_cpu = cpus[-1] if len(cpus) > 1 else None
    if server_cpu is not None:
        os.sched_setaffinity(0, {cpus[-2]})
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None  # no disk's speed
    with tempfile.TemporaryDirectory(prefix="benches-", dir=shared) as name:
        folder = Path(name)
        (folder / "big").write_bytes(os.urandom(SIZE))
        server, port = Fastboot(), 6969
        server.prepare()
        command = server.command(port, folder, 1428)
        log = folder / "log"
        with Processes(command, server_cpu, log, server.environment) as processes:
            _await(port, folder)
            runs = _measured(port, folder, processes)
    print(said(sys.executable, "--version"), server.version)
    print(f"{'':37}{'MB/s':>8}{'client':>10}{'server':>10}   CPU seconds per GB")
    for client, figures in runs.items():
        rate = SIZE / 1e6 / statistics.median(one.seconds for one in figures)
        own = statistics.median(one.cpu for one in figures) * 1e9 / SIZE
        theirs = statistics.median(one.server for one in figures) * 1e9 / SIZE
        print(f"{client:37}{rate:8.0f}{own:10.2f}{theirs:10.2f}")
    ours, curl = runs["get, window 64, to a file"], runs["curl, window 1, to a file"]
    times = statistics.median(
        theirs.seconds / mine.seconds for mine, theirs in zip(ours, curl, strict=True)
    )
    print(f"\nget is {times:.1f} times as fast as curl; wanted: 3")


def _measured(
    port: int, folder: Path, processes: Processes
) -> dict[str, list[Figures]]:
    runs: dict[str, list[Figures]] = {client: [] for client in CLIENTS}
    names = list(CLIENTS)
    for turn in range(ROUNDS):
        shift = turn % len(names)
        for client in names[shift:] + names[:shift]:
            before = processes.cpu_seconds()
            figures = CLIENTS[client](port, folder)
            spent = processes.cpu_seconds() - before
            server = spent / figures.files
            runs[client].append(Figures(figures.seconds, figures.cpu, server))
    return runs


def _await(port: int, folder: Path) -> None:
    until = time.monotonic() + READY
    while True:
        try:
            _curl(port, folder)
        except (subprocess.CalledProcessError, AssertionError, FileNotFoundError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    try:
        main()
    except (Missing, Wrong) as error:
        sys.exit(str(error))

"""One HTTP server under one load, once."""

from __future__ import annotations

import resource
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches.comparison import Place, Unfit
from benches.http.rows import SLOWEST, Row
from benches.http.servers import Server
from benches.load.client import Wrong
from benches.load.http_client import Outcome, load
from benches.process import Processes

BULK = 1.4
"""A large file is fetched for so many times the place's seconds."""

FIRST = 64
"""Requests one after the other before others are counted: each small file once."""

WARM = 0.4
"""Seconds for which a large file is fetched before it is, so that it is known."""

TLS_RATE = 20.0
"""Seconds for which slow clients are served over HTTPS."""

COMPARED = 16
"""One of so many pieces of a large file is compared; see load/http.c."""

OLD = 3.0
"""Seconds since files were written: caches take no file that has just changed."""

READY = 20.0
"""Seconds that a server has until it answers."""

SETTLE = 1.5
"""Seconds in which a server fills the buffers of clients that read nothing."""

FILES = 65536
"""Descriptors that a server and the client may have: two for each connection."""

SPARE = 1300
"""Descriptors that a server needs besides, and for the files that it sends."""

PAGE = 4096


def measure(row: Row, server: Server, place: Place, seed: int) -> dict[str, Any]:
    """Start a server, load it, end it.

    Returns:
        Numbers by name, to be kept: what the client counted, and the server's CPU
        seconds or memory.

    Raises:
        Unfit: The server cannot do what the row is about.
        Wrong: Bytes were wrong or answers failed: a mistake of the server's, or ours.
    """
    if row.clients > server.most:
        raise Unfit(f"is not given {row.clients:,} connections: a thread for each")
    files = [place.root / name for name in row.files]
    age = time.time() - files[0].stat().st_mtime
    time.sleep(max(0.0, OLD - age))
    with _started(server, place, secure=row.secure) as (processes, port):
        return _KINDS[row.kind](_Run(row, processes, port, files, place, seed))


@dataclass(frozen=True, slots=True)
class _Run:
    """A row, and the server that runs for it."""

    row: Row
    processes: Processes
    port: int
    files: list[Path]
    place: Place
    seed: int

    def load(self, **options: float | bool) -> Outcome:
        """Ask for the row's files."""
        return load(self.port, *self.files, **options)

    def used(self, **options: float | bool) -> dict[str, Any]:
        """What a load cost the server."""
        before = self.processes.cpu_seconds()
        outcome = self.load(**options)
        used = self.processes.cpu_seconds() - before
        _right(outcome, "under load")
        gigabytes, asked = outcome.bytes / 1e9, outcome.completed
        return {
            **_counted(outcome),
            "server_cpu_seconds": used,
            "cpu_per_gb": used / gigabytes,
            "client_cpu_per_gb": outcome.cpu_seconds / gigabytes,
            "cpu_per_request": used / asked if asked else None,
            "client_cpu_per_request": outcome.cpu_seconds / asked if asked else None,
        }


def _bulk(run: _Run) -> dict[str, Any]:
    clients = run.row.clients
    if run.seed == 1 and clients == 1:  # once, every byte of it
        _right(run.load(requests=1), "one after the other")
    _right(run.load(seconds=WARM, cut=WARM), "one after the other")
    most = BULK * run.place.cut
    return run.used(
        clients=clients, seconds=most, cut=most, compare=COMPARED, seed=run.seed
    )


def _tls(run: _Run) -> dict[str, Any]:
    most = BULK * run.place.cut
    return run.used(clients=run.row.clients, seconds=most, cut=most, tls=True)


def _requests(run: _Run) -> dict[str, Any]:
    asked: dict[str, float | bool] = {"range": run.row.part} if run.row.part else {}
    if run.row.secure:
        asked["tls"] = True
    _right(run.load(requests=FIRST, **asked), "one after the other")
    seconds = run.place.cut
    return run.used(clients=run.row.clients, seconds=seconds, seed=run.seed, **asked)


def _handshakes(run: _Run) -> dict[str, Any]:
    clients, resume = run.row.clients, run.row.kind == "tls-again"
    asked = {"tls": True, "resume" if resume else "fresh": True}
    _right(run.load(requests=FIRST, **asked), "one after the other")
    numbers = run.used(clients=clients, seconds=run.place.cut, **asked)
    # The first of each client begins its session.
    wanted = numbers["completed"] - clients if resume else 0
    if abs(numbers["resumed"] - wanted) > numbers["completed"] // 100:
        raise Unfit(f"resumed {numbers['resumed']} of {numbers['completed']} sessions")
    return numbers


def _rate(run: _Run) -> dict[str, Any]:
    clients = run.row.clients
    return run.used(clients=clients, requests=clients, rate=SLOWEST, compare=COMPARED)


def _tls_rate(run: _Run) -> dict[str, Any]:
    """So long that handshakes, which other rows are about, are a small part of it."""
    clients, most = run.row.clients, TLS_RATE
    return run.used(clients=clients, seconds=most, cut=most, rate=SLOWEST, tls=True)


def _beside(run: _Run) -> dict[str, Any]:
    """Connections that do nothing, and one client that asks beside them."""
    run.load(requests=256)
    before, after = run.processes.memory(), 0

    def look() -> None:
        nonlocal after
        time.sleep(SETTLE)
        after = run.processes.memory()

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    beside = min(run.row.clients, allowed - SPARE)
    small = run.place.root / "4kB-0"
    background = {run.row.kind: beside}
    outcome = load(run.port, small, meanwhile=look, requests=100, **background)
    _right(outcome, "beside them")
    return {
        **_counted(outcome),
        "beside": beside,
        "memory_each": (after - before) / beside,
    }


def _stalled(run: _Run) -> dict[str, Any]:
    before, after = kernel_memory(), 0

    def look() -> None:
        nonlocal after
        time.sleep(SETTLE)
        after = kernel_memory()

    small = run.place.root / "4kB-0"
    asked = {"stalled": run.row.clients, "requests": 20}
    outcome = load(run.port, *run.files, small, meanwhile=look, **asked)
    return {**_counted(outcome), "kernel_memory": after - before}


_KINDS = {
    "bulk": _bulk,
    "requests": _requests,
    "tls": _tls,
    "tls-requests": _requests,
    "tls-new": _handshakes,
    "tls-again": _handshakes,
    "rate": _rate,
    "tls-rate": _tls_rate,
    "idle": _beside,
    "stalled": _stalled,
    "slow": _beside,
}


def _right(outcome: Outcome, when: str) -> None:
    """The result of a load: nothing failed, something came."""
    if outcome.error.startswith(("status", "no Content-Length")):
        raise Unfit(f"{outcome.error}, {when}")
    if outcome.failed:
        raise Wrong(f"{outcome.failed} answers failed {when}: {outcome.error}")
    if not outcome.bytes:
        raise Wrong(f"nothing came {when}")


def _counted(outcome: Outcome) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in Outcome.__slots__}


@contextmanager
def _started(
    server: Server, place: Place, *, secure: bool
) -> Iterator[tuple[Processes, int]]:
    """A running server, which takes connections, and its port."""
    with suppress(ValueError, OSError):  # only root may have more than it was given
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        if secure:
            pair = _certificate(Path(folder))
            command = server.secure_command(port, place.root, pair)
        else:
            command = server.command(port, place.root)
        if command is None:
            raise Unfit("is not tried over HTTPS")
        processes = Processes(command, place.server_cpu, output, server.environment)
        with processes:
            until = time.monotonic() + READY
            while not _takes_connections(port):
                if not processes.running or time.monotonic() > until:
                    said = output.read_text("utf-8", "replace")[-500:].strip()
                    raise Unfit(f"{server.name} does not serve; it said: {said!r}")
                time.sleep(0.02)
            yield processes, port


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that nobody trusts, and its key."""
    pair = folder / "certificate.pem", folder / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "30"]
    make += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=127.0.0.1"]
    files = ["-out", pair[0], "-keyout", pair[1]]
    try:
        subprocess.run([*make, *files], check=True, capture_output=True)
    except FileNotFoundError:
        raise Unfit("openssl is missing: apt-get install openssl") from None
    pair[1].chmod(0o600)
    return pair


def _takes_connections(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def kernel_memory() -> int:
    """Bytes that TCP's buffers hold on this machine, for both ends of a loopback."""
    for line in Path("/proc/net/sockstat").read_text("ascii").splitlines():
        if line.startswith("TCP:"):
            return int(line.split()[-1]) * PAGE
    return 0

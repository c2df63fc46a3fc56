"""One HTTP server under one load, once."""

from __future__ import annotations

import resource
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    with _started(server, place, secure=row.kind == "tls") as (processes, port):
        return _KINDS[row.kind](row, processes, port, files, place, seed)


def _bulk(
    row: Row,
    processes: Processes,
    port: int,
    files: list[Path],
    place: Place,
    seed: int,
) -> dict[str, Any]:
    if seed == 1 and row.clients == 1:  # once, every byte of it
        _right(load(port, *files, requests=1), "one after the other")
    _right(load(port, *files, seconds=WARM, cut=WARM), "one after the other")
    most = BULK * place.cut
    return _used(
        processes,
        lambda: load(
            port,
            *files,
            clients=row.clients,
            seconds=most,
            cut=most,
            compare=COMPARED,
            seed=seed,
        ),
    )


def _tls(
    row: Row,
    processes: Processes,
    port: int,
    files: list[Path],
    place: Place,
    seed: int,
) -> dict[str, Any]:
    most = BULK * place.cut
    return _used(
        processes,
        lambda: load(
            port, *files, clients=row.clients, seconds=most, cut=most, tls=True
        ),
    )


def _requests(
    row: Row,
    processes: Processes,
    port: int,
    files: list[Path],
    place: Place,
    seed: int,
) -> dict[str, Any]:
    asked = {"range": row.part} if row.part else {}
    _right(load(port, *files, requests=FIRST, **asked), "one after the other")
    return _used(
        processes,
        lambda: load(
            port, *files, clients=row.clients, seconds=place.cut, seed=seed, **asked
        ),
    )


def _rate(
    row: Row,
    processes: Processes,
    port: int,
    files: list[Path],
    place: Place,
    seed: int,
) -> dict[str, Any]:
    return _used(
        processes,
        lambda: load(
            port,
            *files,
            clients=row.clients,
            requests=row.clients,
            rate=SLOWEST,
            compare=COMPARED,
        ),
    )


def _beside(
    row: Row,
    processes: Processes,
    port: int,
    files: list[Path],
    place: Place,
    seed: int,
) -> dict[str, Any]:
    """Connections that do nothing, and one client that asks beside them."""
    load(port, *files, requests=256)
    before, after = processes.memory(), 0

    def look() -> None:
        nonlocal after
        time.sleep(SETTLE)
        after = processes.memory()

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    beside = min(row.clients, allowed - SPARE)
    small = place.root / "4kB-0"
    outcome = load(port, small, meanwhile=look, requests=100, **{row.kind: beside})
    _right(outcome, "beside them")
    return {
        **_counted(outcome),
        "beside": beside,
        "memory_each": (after - before) / beside,
    }


def _stalled(
    row: Row,
    processes: Processes,
    port: int,
    files: list[Path],
    place: Place,
    seed: int,
) -> dict[str, Any]:
    before, after = kernel_memory(), 0

    def look() -> None:
        nonlocal after
        time.sleep(SETTLE)
        after = kernel_memory()

    small = place.root / "4kB-0"
    asked = {"stalled": row.clients, "requests": 20}
    outcome = load(port, *files, small, meanwhile=look, **asked)
    return {**_counted(outcome), "kernel_memory": after - before}


_KINDS = {
    "bulk": _bulk,
    "requests": _requests,
    "tls": _tls,
    "rate": _rate,
    "idle": _beside,
    "stalled": _stalled,
    "slow": _beside,
}


def _used(processes: Processes, run: Callable[[], Outcome]) -> dict[str, Any]:
    """What a load cost its server."""
    before = processes.cpu_seconds()
    outcome = run()
    used = processes.cpu_seconds() - before
    _right(outcome, "under load")
    gigabytes = outcome.bytes / 1e9
    return {
        **_counted(outcome),
        "server_cpu_seconds": used,
        "cpu_per_gb": used / gigabytes,
        "client_cpu_per_gb": outcome.cpu_seconds / gigabytes,
        "cpu_per_request": used / outcome.completed if outcome.completed else None,
        "client_cpu_per_request": (
            outcome.cpu_seconds / outcome.completed if outcome.completed else None
        ),
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
    subprocess.run([*make, *files], check=True, capture_output=True)
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

"""The HTTP load client, run as a program of its own on a CPU of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benches.load.client import GRACE, Wrong, command_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client counted; see `http.c`.

    Attributes:
        seconds: From the first request to the end of the last answer.
        cpu_seconds: The client's own, without those in which it looked in vain whether
            something had come: it never sleeps, so that no server has to wake it.
        bytes: Of heads and bodies that came.
        compared: Of these, bytes that were compared with the file.
        completed, failed, cut: Answers; `cut` were ended by us when time was up.
        connections: That were opened.
        resumed: Of these, those that went on with a TLS session.
        latency, latency_max: Seconds from a request to the end of its answer, on
            average and at the most.
        error: Why the first answer failed.
    """

    seconds: float
    cpu_seconds: float
    bytes: int
    compared: int
    completed: int
    failed: int
    cut: int
    connections: int
    resumed: int
    mb_per_s: float
    requests_per_s: float
    latency: float
    latency_max: float
    error: str


def load(
    port: int,
    *files: Path,
    meanwhile: Callable[[], None] | None = None,
    **options: float | bool,
) -> Outcome:
    """Ask a server on loopback, with the options of `http.c`.

    Args:
        port: The server's.
        files: Their names are what is asked for; clients take turns with them.
        meanwhile: Called once the connections that stay in the background stand, and
            before the load begins.
        options: `clients=64`, `range=4096`, `tls=True` and so on.

    Raises:
        Wrong: The client could not run, or did not end.
        Missing: The client cannot be built.
    """
    command = command_of("http", port, files, options)
    if meanwhile:
        command.append("--hold")
    limit = float(options.get("limit", 60.0)) + GRACE
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            if meanwhile:
                assert process.stdout
                if process.stdout.readline() == "ready\n":
                    meanwhile()
            said, complaint = process.communicate("\n", timeout=limit)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise Wrong("the load client hangs") from error
    if process.returncode:
        raise Wrong(f"the load client failed: {complaint}")
    return Outcome(**json.loads(said))

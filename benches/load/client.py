"""The load client, run as a program of its own on a CPU of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benches import programs

GRACE = 30.0
"""Seconds past its own limit after which the client is taken for hanging."""


class Wrong(Exception):
    """The client could not run, or a server sent what is not in the file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client counted; see `load.c`.

    Attributes:
        seconds: From the first request to the end of the last transfer.
        cpu_seconds: The client's own, without those in which it looked in vain whether
            something had come: it never sleeps, so that no server has to wake it. Where
            few clients let the server sleep, waking it is the client's cost.
        bytes: Compared with the file, in order, each once.
        completed, failed, cut: Transfers; `cut` were ended by us when time was up.
        answered: Half-open requests that got an answer.
        data_packets, data_bytes: DATA that arrived, repetitions and what the seed
            dropped included: what the server sent.
        duplicates: DATA of a block that was there already.
        retransmit_requests: Requests sent again, and ACKs sent for a gap or a time-out.
        lost_in, lost_out: Datagrams dropped by the seed.
        kernel_drops: Datagrams that the client's receive buffer had no room for.
        blksize, windowsize: What the server granted.
        error: Why the first transfer failed.
    """

    seconds: float
    cpu_seconds: float
    bytes: int
    completed: int
    failed: int
    cut: int
    answered: int
    mb_per_s: float
    transfers_per_s: float
    data_packets: int
    data_bytes: int
    duplicates: int
    retransmit_requests: int
    lost_in: int
    lost_out: int
    kernel_drops: int
    unsent: int
    datagrams: int
    batches: int
    blksize: int
    windowsize: int
    error: str


def command_of(
    name: str,
    port: int,
    files: Iterable[Path],
    options: Mapping[str, float | str | bool],
) -> list[str]:
    """The command of a load client that asks for files, as `load` takes its options.

    Raises:
        Missing: The client cannot be built.
    """
    command = [str(programs.compiled(name)), "--port", str(port)]
    command += [f"--file={path.name}={path}" for path in files]
    for option, value in options.items():
        flag = f"--{option.replace('_', '-')}"
        command += [flag] if value is True else [f"{flag}={value}"]
    return command


def load(port: int, *files: Path, **options: float | str | bool) -> Outcome:
    """Fetch files from a server on loopback, with the options of `load.c`.

    Args:
        port: The server's.
        files: Their names are what is asked for; transfers take turns with them.
        options: `clients=64`, `blksize=1428`, `half_open=True` and so on.

    Raises:
        Wrong: The client could not run.
        Missing: The client cannot be built.
    """
    command = command_of("load", port, files, options)
    limit = float(options.get("limit", 60.0)) + float(options.get("linger", 0.0))
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=limit + GRACE, check=True
        )
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", None) or error
        raise Wrong(f"the load client failed: {said}") from error
    return Outcome(**json.loads(result.stdout))

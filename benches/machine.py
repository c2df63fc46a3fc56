"""The facts of a machine that numbers are worth nothing without."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BUSY = 0.5
"""Load average of a machine on which numbers are worth little."""

PATIENCE = 120.0
"""Seconds that others' work is waited for: 4 of the load are 0.5 again by then."""

LOOK = 5.0
"""Seconds between looks; the kernel has a new average as often."""


def facts() -> dict[str, Any]:
    """The machine, as it is kept with results."""
    cpu = _cpuinfo()
    return {
        "host": platform.node(),
        "cpu": cpu.get("model name", platform.processor() or platform.machine()),
        "mhz": cpu.get("cpu MHz"),
        "cpus": os.cpu_count(),
        "virtual": "hypervisor" in cpu.get("flags", ""),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": _commit(),
    }


def _load() -> float:
    return os.getloadavg()[0]


def quiet(
    load: Callable[[], float] = _load, sleep: Callable[[float], None] = time.sleep
) -> float:
    """Wait until the machine has nothing else to do, but not for ever.

    Args:
        load: The load average now.
        sleep: Waits for some seconds.

    Returns:
        The load to begin with: above `BUSY` where it did not end.
    """
    now, left = load(), PATIENCE
    if now > BUSY:
        line = (
            f"this machine is busy (load {now:.1f}): {PATIENCE:.0f} s at most for quiet"
        )
        sys.stderr.write(f"{line}\n")
    while now > BUSY and left > 0:
        sleep(LOOK)
        now, left = load(), left - LOOK
    return now


def _cpuinfo() -> dict[str, str]:
    try:
        first = Path("/proc/cpuinfo").read_text("utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _commit() -> str:
    """The commit that was measured, with a plus where files differ from it."""
    here = Path(__file__).parent
    command = ["git", "describe", "--always", "--dirty=+"]
    result = subprocess.run(
        command, cwd=here, capture_output=True, text=True, check=False
    )
    return result.stdout.strip() or "?"

"""The facts of a machine that numbers are worth nothing without."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any


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

"""The command as a program that ends by itself, for tests of what it says."""

import os
import subprocess
import sys

COMMAND = [sys.executable, "-m", "fastboot"]

FREE = ("--tftp-port", "0", "--http-port", "0", "--address", "127.0.0.1")
"""Flags for ports that are free, and reached by nobody else."""


def run(*arguments, env=None, cwd=None, command=COMMAND, place=()):
    """A command that ends by itself; `place` runs it elsewhere or otherwise."""
    return subprocess.run(
        [*place, *command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )


def complaint(*arguments, code=2, **kinds):
    """The one line that a wrong command prints; its exit code is 2."""
    done = run(*arguments, **kinds)
    assert done.returncode == code, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("fastboot: ")
    return line


def allowed(soft, hard=""):
    """A `place` where a process may open so many files."""
    limits = f"ulimit -S -n {soft}; ulimit -H -n {hard or soft}"
    return ("sh", "-c", f'{limits}; exec "$@"', "sh")

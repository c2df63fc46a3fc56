"""What is built before anything is measured: C programs, a venv, unpacked packages.

All of it goes to `build/benches`, is made once, and made again when its source changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

BUILD = Path(__file__).parents[1] / "build" / "benches"
"""Where everything built for benches is; git ignores it."""

LOAD = Path(__file__).parent / "load"
"""The folder of the C sources."""

SYSTEM = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Folders with programs for root, which are not on everyone's PATH."""

LIBRARIES = {"http": ("ssl", "crypto")}
"""What C programs are linked with."""

PATIENCE = 300.0
"""Seconds for an installation."""


class Missing(Exception):
    """A program is not there; the text says what to install."""


def find(program: str, package: str) -> Path:
    """The path of an installed program.

    Raises:
        Missing: There is none; `package` is the Debian package that brings it.
    """
    path = shutil.which(program) or shutil.which(program, path=SYSTEM)
    if path is None:
        raise Missing(f"{program} is missing: apt-get install {package}")
    return Path(path)


def compiled(name: str) -> Path:
    """The program built from `load/<name>.c`, with the machine's C compiler.

    Raises:
        Missing: There is no compiler.
    """
    compiler = os.environ.get("CC") or "cc"
    if shutil.which(compiler) is None:
        raise Missing(f"no C compiler ({compiler}): apt-get install gcc libc6-dev")
    source, target = LOAD / f"{name}.c", BUILD / name
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        new = BUILD / f"{name}.{os.getpid()}"  # another run may be using the old one
        command = [compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", new, source]
        libraries = LIBRARIES.get(name, ())
        try:
            subprocess.run([*command, *(f"-l{one}" for one in libraries)], check=True)
        except subprocess.CalledProcessError:
            packages = " ".join(f"lib{one}-dev" for one in libraries[:1])
            raise Missing(f"{source} does not compile; {packages}?") from None
        new.rename(target)
    return target


def venv_with(requirement: str) -> Path:
    """The Python of a venv in which a package of the Python index is installed.

    All of them share one venv, apart from this project's own.

    Raises:
        Missing: It cannot be installed.
    """
    folder = BUILD / "venv"
    python = folder / "bin" / "python"
    mark = folder / "installed" / requirement
    if mark.exists():
        return python
    try:
        if not python.exists():
            _run(sys.executable, "-m", "venv", folder)
        _run(python, "-m", "pip", "install", "--quiet", requirement)
    except (subprocess.SubprocessError, OSError) as error:
        raise Missing(f"{requirement} does not install: {_reason(error)}") from error
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    return python


def unpacked(package: str, program: str) -> Path:
    """A program of a Debian package that is unpacked and not installed.

    For a package that conflicts with another one of the comparison.

    Raises:
        Missing: It cannot be fetched.
    """
    folder = BUILD / package
    target = folder / program
    if target.exists():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _run("apt-get", "download", package, cwd=folder)
        for archive in folder.glob("*.deb"):
            _run("dpkg", "-x", archive, folder)
    except (subprocess.SubprocessError, OSError) as error:
        raise Missing(f"{package} cannot be fetched: {_reason(error)}") from error
    return target


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    subprocess.run(
        command, cwd=cwd, check=True, capture_output=True, text=True, timeout=PATIENCE
    )


def _reason(error: Exception) -> str:
    text = getattr(error, "stderr", None) or str(error)
    return str(text).strip().splitlines()[-1]


def said(*command: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """The first line that a program prints."""
    result = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    text = result.stdout.strip() or result.stderr.strip()
    return text.splitlines()[0] if text else "?"

"""The compiled parts once more: with sanitizers, and telling which way a run took."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent

FLAGS = (
    "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined "
    "-fno-sanitize-recover=all"
)
COVERAGE = "-fsanitize-coverage=trace-pc"

OPTIONS = {
    # Python keeps what it has to the end; and a byte of a `bytes` that is read beyond
    # its end is only noticed where each has memory of its own.
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "PYTHONMALLOC": "malloc",
}


def build(place: Path, source: Path = ROOT) -> dict[str, str]:
    """Build a copy of the package; the environment in which Python finds it.

    Args:
        place: Where to; what lies there already is only brought up to date.
        source: Where `fastboot/` and `setup.py` are.

    Raises:
        subprocess.CalledProcessError: The compiler fails; it has said why.
    """
    _copy(source / "fastboot", place / "fastboot")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(source / name, place / name)
    coverage = place / "libcoverage.so"
    flags = ["-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-o", coverage, HERE / "coverage.c"], check=True)
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=place,
        check=True,
        stdout=subprocess.DEVNULL,
        env={
            **os.environ,
            "CC": "gcc",
            "CFLAGS": f"{FLAGS} {COVERAGE}",
            "LDFLAGS": FLAGS,
            "FASTBOOT_EXTENSIONS": "require",
        },
    )
    libraries = [_library("asan"), _library("ubsan"), str(coverage)]
    return {
        **os.environ,
        **OPTIONS,
        "LD_PRELOAD": " ".join(libraries),
        "PYTHONPATH": os.pathsep.join((str(place), str(ROOT))),
        "FASTBOOT_EXTENSIONS": "require",
    }


def _copy(source: Path, target: Path) -> None:
    """Bring a copy of the package's sources up to date."""
    wanted = {
        path.relative_to(source)
        for path in source.rglob("*")
        if path.is_file() and path.suffix not in (".c", ".so", ".pyc")
    }
    if target.exists():
        for path in target.rglob("*.p*"):
            if path.suffix != ".pyc" and path.relative_to(target) not in wanted:
                path.unlink()
    for name in wanted:
        one, other = source / name, target / name
        if not other.exists() or one.read_bytes() != other.read_bytes():
            other.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(one, other)


def _library(name: str) -> str:
    """gcc's own, which has to be there before anything else is."""
    command = ["gcc", f"-print-file-name=lib{name}.so"]
    return subprocess.check_output(command, text=True).strip()

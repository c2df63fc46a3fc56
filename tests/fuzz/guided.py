"""Fuzz the decoders in Python, guided by the ways that inputs take (atheris).

python -m tests.fuzz.guided                      every decoder, 20 seconds in all
python -m tests.fuzz.guided --seconds 3600 http
python -m tests.fuzz.guided http --input FILE    try one input again
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from .build import ROOT
from .decoders import DECODERS

HANG = 20
"""Seconds after which one input counts as a hang."""

LONGEST = 2048
"""Bytes of an input at the most."""

PYTHON_ALONE = {"FASTBOOT_EXTENSIONS": "no"}
"""The compiled parts have a fuzzer of their own, and show no ways to this one."""


def main() -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.guided",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("decoder", nargs="*", choices=[*DECODERS, []], help="or all")
    parser.add_argument("--seconds", type=float, default=20.0, help="in all; 20")
    parser.add_argument("--input", type=Path, help="try this input, and no other")
    parser.add_argument("--place", type=Path, default=ROOT / "build" / "fuzz")
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("skipped: atheris is missing, which there is for Linux on x86-64 alone")
        return 0
    chosen = arguments.decoder or [*DECODERS]
    if arguments.input and len(chosen) != 1:
        parser.error("say which decoder the input is for")
    if arguments.input:
        done = _child(chosen[0], str(arguments.input.resolve()))
        print(done.stdout)
        return done.returncode
    share = max(1, round(arguments.seconds / len(chosen)))
    found = [_fuzz(name, share, arguments.place) for name in chosen]
    return 1 if any(found) else 0


def _child(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process for one decoder: libFuzzer ends the one that it runs in."""
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided_run", name, *arguments],
        env=os.environ | PYTHON_ALONE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def _fuzz(name: str, seconds: int, place: Path) -> bool:
    """Fuzz one decoder; whether something was found, which is then told."""
    folder = place / f"decoder-{name}"
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    done = _child(
        name,
        str(corpus),
        f"-artifact_prefix={folder}/found-",
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        f"-timeout={HANG}",
        "-print_final_stats=1",
    )
    noise = ("INFO", "WARNING", "#")
    said = [line for line in done.stdout.splitlines() if not line.startswith(noise)]
    stats = [line.split() for line in said if line.startswith("stat::")]
    counts = {line[0]: line[-1] for line in stats}
    tried = counts.get("stat::number_of_executed_units:", "no")
    print(f"{name}: {tried} inputs, {len(list(corpus.iterdir()))} of them new ways")
    if done.returncode:
        print(*said, sep="\n")
        print("try it again, with the file named above:")
        print(f"  python -m tests.fuzz.guided {name} --input FILE", flush=True)
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())

"""One target, fuzzed by a process of its own, which a finding may well end.

    python -m tests.fuzz.run TARGET SEED SECONDS FOLDER      fuzz
    python -m tests.fuzz.run TARGET FILE                     try one input

What is tried next lies in FOLDER/now before it is tried, so that it is known whatever
happens; inputs that took a new way are kept in FOLDER/corpus.
"""

from __future__ import annotations

import ctypes
import faulthandler
import hashlib
import mmap
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from .mutate import LONGEST, Mutator

HERE = Path(__file__).parent

NOW_BYTES = 16 + LONGEST
"""The file `now`: how many were tried, the length of the input, and the input."""


class Target(Protocol):
    """A module `target_*.py`: one thing to fuzz, a compiled part beside its twin.

    Attributes:
        SEEDS: Inputs to begin with.
        WORDS: Pieces that mean something in an input.
    """

    SEEDS: tuple[bytes, ...]
    WORDS: tuple[bytes, ...]

    def run(self, data: bytes) -> None:
        """Take any input; whatever it raises is a finding."""


def names() -> list[str]:
    """Every target there is."""
    stems = sorted(path.stem for path in HERE.glob("target_*.py"))
    return [stem.removeprefix("target_").replace("_", "-") for stem in stems]


def target(name: str) -> Target:
    """The target of that name."""
    stem = f"target_{name.replace('-', '_')}"
    return cast("Target", import_module(f".{stem}", __package__))


def write_now(now: mmap.mmap, count: int, data: bytes) -> None:
    """Say what is tried."""
    now[:] = count.to_bytes(8) + len(data).to_bytes(8) + data.ljust(LONGEST, b"\0")


def read_now(path: Path) -> tuple[int, bytes]:
    """How many inputs were tried before, and the one that was tried last."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[8:16])
    return int.from_bytes(raw[:8]), raw[16 : 16 + length]


def fuzz(name: str, seed: str, seconds: float, folder: Path) -> None:
    """Try inputs for so long, each time with something new in mind."""
    tried = target(name)
    coverage = ctypes.CDLL(None)
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    with (folder / "now").open("r+b") as file:
        now = mmap.mmap(file.fileno(), NOW_BYTES)
    known = [*tried.SEEDS, *(p.read_bytes() for p in sorted(corpus.iterdir()))]
    mutator = Mutator(seed, tried.WORDS)
    until = time.monotonic() + seconds
    count = 0
    found = [data for data in known if _is_news(coverage, tried, now, 0, data)]
    known = found or known
    while time.monotonic() < until:
        count += 1
        data = mutator.next(known)
        if _is_news(coverage, tried, now, count, data):
            known.append(data)
            name_ = hashlib.sha256(data).hexdigest()[:16]
            (corpus / name_).write_bytes(data)
    edges = coverage.coverage_edges()
    print(f"{name}: {count} inputs, {len(known)} of them new ways, {edges} edges")


def _is_news(
    coverage: ctypes.CDLL, tried: Target, now: mmap.mmap, count: int, data: bytes
) -> bool:
    """Try an input; whether it took a way that none took before."""
    write_now(now, count, data)
    coverage.coverage_begin()
    tried.run(data)
    return bool(coverage.coverage_news())


def main() -> None:
    """Fuzz, or try one input; a finding ends the process with its traceback."""
    faulthandler.enable()
    name, *rest = sys.argv[1:]
    if len(rest) == 1:
        target(name).run(Path(rest[0]).read_bytes())
    else:
        fuzz(name, rest[0], float(rest[1]), Path(rest[2]))


if __name__ == "__main__":
    main()

"""Fuzz the compiled parts under AddressSanitizer and UBSan.

python -m tests.fuzz                        every target, two minutes in all
python -m tests.fuzz --seconds 3600 http-head
python -m tests.fuzz http-head --input FILE        try one input again
"""

from __future__ import annotations

import argparse
import hashlib
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from .build import ROOT, build
from .mutate import LONGEST
from .run import NOW_BYTES, names, read_now

HANG = 30.0
"""Seconds after which one input counts as a hang."""

PAUSE = 0.2
"""Seconds between two looks at a target."""


def main() -> int:
    """Run the command; its exit code."""
    arguments = _arguments()
    place: Path = arguments.place
    place.mkdir(parents=True, exist_ok=True)
    print("building with sanitizers", flush=True)
    environment = build(place)
    chosen = arguments.target or names()
    if arguments.input:
        command = _command(chosen[0], str(arguments.input.resolve()))
        return subprocess.run(
            command, env=environment, cwd=place, check=False
        ).returncode
    print(f"seed {arguments.seed}", flush=True)
    share = arguments.seconds / len(chosen)
    found = [_fuzz(name, arguments.seed, share, place, environment) for name in chosen]
    return 1 if any(found) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", nargs="*", help=f"of {', '.join(names())}; all")
    parser.add_argument("--seconds", type=float, default=120.0, help="in all; 120")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="a new one")
    parser.add_argument("--input", type=Path, help="try this input, and no other")
    parser.add_argument("--place", type=Path, default=ROOT / "build" / "fuzz")
    arguments = parser.parse_args()
    for name in arguments.target:
        if name not in names():
            parser.error(f"no target {name}; there are {', '.join(names())}")
    if arguments.input and len(arguments.target) != 1:
        parser.error("say which target the input is for")
    return arguments


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.fuzz.run", *arguments]


def _fuzz(
    name: str, seed: str, seconds: float, place: Path, environment: dict[str, str]
) -> bool:
    """Fuzz one target; whether something was found, which is then told."""
    folder = place / name
    folder.mkdir(exist_ok=True)
    now = folder / "now"
    now.write_bytes(bytes(NOW_BYTES))
    with (folder / "log").open("w+") as log:
        command = _command(name, seed, str(seconds), str(folder.resolve()))
        process = subprocess.Popen(
            command, cwd=place, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        hangs = _watch(process, now)
        log.seek(0)
        print(log.read(), end="", flush=True)
    if process.returncode == 0:
        return False
    count, data = read_now(now)
    path = folder / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data[:LONGEST])
    what = "hangs" if hangs else "fails"
    print(f"{name} {what} with the input after {count} others; try it again with")
    print(f"  python -m tests.fuzz {name} --input {path}", flush=True)
    return True


def _watch(process: subprocess.Popen[bytes], now: Path) -> bool:
    """Wait for a target's end; whether it had to be ended because one input hangs."""
    last, since = -1, time.monotonic()
    while process.poll() is None:
        time.sleep(PAUSE)
        count, _ = read_now(now)
        if count != last:
            last, since = count, time.monotonic()
        elif time.monotonic() - since > HANG:
            process.send_signal(signal.SIGABRT)  # its traceback says where it hangs
            process.wait()
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())

"""Besiege the program itself, built with sanitizers, again and again.

python -m tests.fuzz.siege                       two minutes
python -m tests.fuzz.siege --seconds 3600 --seed 17
python -m tests.fuzz.siege --plain               as it is installed, for its memory
python -m tests.fuzz.siege --python              with nothing compiled
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from .build import ROOT, build

sys.path.append(str(ROOT / "tests"))

from besieging import Crowd
from changing import Folder

PATIENCE = 60.0
"""Seconds until what does not happen is a finding."""

CLIENTS, AT_ONCE, ROUNDS = 150, 40, 6
SETTLED = 2.5
"""Seconds after which the compiled front answers what has not changed."""

WRONG = re.compile(
    r"AddressSanitizer|runtime error|Traceback|Exception ignored|\"Fault\"|Fatal"
)
"""What must not stand in the log."""

SETTINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("--http-max-requests", "7"),
    ("--http-max-connections", "20", "--http-max-per-client", "8"),
)


class Besieged:
    """The program, running.

    Attributes:
        pid: Its process.
        address: Where it serves HTTP.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid
        until(lambda: log.read_text().count("Listening") == 2 or self._has_ended)
        if self._has_ended:
            raise RuntimeError(log.read_text())
        first = json.loads(log.read_text().splitlines()[0])
        self.address = (first["address"], first["port"])

    @property
    def _has_ended(self) -> bool:
        return self._process.poll() is not None

    def sockets(self) -> int:
        """How many sockets it has."""
        place = Path(f"/proc/{self.pid}/fd")
        return sum(
            link.startswith("socket:") for link in map(_read_link, place.iterdir())
        )

    def memory(self) -> int:
        """Bytes of memory that it has."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) << 10

    def connections(self) -> int:
        """How many it says that it has, with the one that asks."""
        url = "http://{}:{}/_fastboot/health".format(*self.address)
        with urlopen(url, timeout=PATIENCE) as answer:
            count: int = json.load(answer)["engines"]["http"]["connections"]
        return count

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        self._process.send_signal(number)

    def end(self) -> list[str]:
        """Wait for its end; what is wrong with that, and in its log."""
        code = self._process.wait(PATIENCE)
        lines = self._log.read_text().splitlines()
        wrong = [line for line in lines if WRONG.search(line)]
        return ([f"exit code {code}"] if code else []) + wrong


@contextmanager
def besieged(
    folder: Path, environment: dict[str, str], settings: tuple[str, ...], workers: int
) -> Iterator[Besieged]:
    """The program, serving a folder."""
    with TemporaryDirectory(prefix="siege") as name:
        place = Path(name)
        command = [sys.executable, "-m", "fastboot", "serve", str(folder)]
        command += ["--address", "127.0.0.1", "--no-tftp", "--dhcp", "off"]
        command += ["--http-port", "0", "--https", "--https-port", "0"]
        command += ["--https-state", name, "--log-format", "json"]
        command += ["--workers", str(workers), *settings]
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=place,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # without a terminal SIGHUP reloads
            )
        try:
            yield Besieged(process, place / "log")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def live(seed: str, environment: dict[str, str]) -> list[str]:
    """One life of the program, from its start to its end in the middle of a siege."""
    rng = random.Random(seed)
    settings, workers = rng.choice(SETTINGS), rng.randrange(1, 4)
    print(f"{seed}: {workers} workers, {' '.join(settings)}", flush=True)
    with TemporaryDirectory(prefix="besieged") as name:
        folder = Folder(Path(name))
        with besieged(Path(name), environment, settings, workers) as server:
            refuses = bool(settings) and "requests" not in settings[0]
            crowd = Crowd(folder, server.address, seed, may_refuse=refuses)
            time.sleep(SETTLED)
            server.connections()  # whatever the first request opens
            before = server.sockets()

            def disturb() -> None:
                if rng.randrange(500) == 0:
                    server.signal(signal.SIGHUP)

            for _ in range(ROUNDS):
                crowd.besiege(CLIENTS, AT_ONCE, disturb)
                until(lambda: server.sockets() <= before)
                until(lambda: server.connections() == 1)
                print(
                    f"  {server.memory() >> 20} MiB, {dict(crowd.counts)}", flush=True
                )

            def end() -> None:
                if crowd.counts["answers"] > answers and not crowd.is_over:
                    crowd.may_refuse = crowd.is_over = True
                    server.signal(signal.SIGTERM)

            answers = crowd.counts["answers"]
            crowd.besiege(CLIENTS, AT_ONCE, end)
            crowd.close()
            return crowd.findings + server.end()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.01)


def _read_link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""  # closed since it was listed


def main() -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.siege",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="in all; 120")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="a new one")
    parser.add_argument("--plain", action="store_true", help="without sanitizers")
    parser.add_argument("--python", action="store_true", help="with nothing compiled")
    parser.add_argument("--place", type=Path, default=ROOT / "build" / "fuzz")
    arguments = parser.parse_args()
    if arguments.plain or arguments.python:
        wish = "no" if arguments.python else "require"
        environment = {**os.environ, "FASTBOOT_EXTENSIONS": wish}
    else:
        print("building with sanitizers", flush=True)
        arguments.place.mkdir(parents=True, exist_ok=True)
        environment = build(arguments.place)
    end, lives = time.monotonic() + arguments.seconds, 0
    while time.monotonic() < end:
        found = live(f"{arguments.seed}-{lives}", environment)
        lives += 1
        if found:
            print("\n".join(found[:50]))
            return 1
    print(f"{lives} lives, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())

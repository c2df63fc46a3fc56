"""The DHCP servers that are compared, and how one is started and asked.

All run as an administrator would run them; nothing is tuned further.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from benches import network, programs
from benches.comparison import Place, Unfit
from benches.load.client import Wrong
from benches.process import Processes
from benches.programs import said

Command = list[str | Path]
Numbers = dict[str, Any]

READY = 20.0
"""Seconds that a server has until it answers."""

TRY = ("--clients", 1, "--limit", 0.3, "--first", 2**32 - 2)
"""Options of a load client: one machine that no load has, for a moment."""


class Fastboot:
    """This project, with its compiled parts."""

    name = "fastboot"
    version = ""
    environment: ClassVar[dict[str, str]] = {"FASTBOOT_EXTENSIONS": "auto"}

    def prepare(self) -> None:
        """Nothing is missing: it is what runs this."""
        ask = [sys.executable, "-m", "fastboot", "--version"]
        self.version = said(*ask, environment=self.environment)

    def command(self, folder: Path, *flags: str | Path) -> Command:
        """The command that serves a folder."""
        return [sys.executable, "-m", "fastboot", "serve", folder, *flags]


class FastbootPython(Fastboot):
    """This project, in Python alone."""

    name = "fastboot-py"
    environment: ClassVar[dict[str, str]] = {"FASTBOOT_EXTENSIONS": "no"}


class Dnsmasq:
    """dnsmasq, of which only DHCP is switched on."""

    name = "dnsmasq"
    version = ""
    environment: ClassVar[dict[str, str]] = {}

    def prepare(self) -> None:
        """Find it."""
        self._program = programs.find("dnsmasq", "dnsmasq-base")
        self.version = " ".join(said(self._program, "--version").split()[:3])

    def command(self, folder: Path, *flags: str | Path) -> Command:
        """The command with these flags; it needs no folder."""
        return [
            *(self._program, "--keep-in-foreground", "--conf-file=/dev/null"),
            *("--port=0", "--pid-file=", "--user=root", "--quiet-dhcp"),
            *("--interface=eth0", "--bind-interfaces", "--log-facility=/dev/null"),
            *flags,
        ]


SERVERS = (Fastboot, FastbootPython, Dnsmasq)

Server = Fastboot | Dnsmasq


def ask(client: str, *options: str | float) -> Numbers:
    """What a load client counted that asks the server at `network.FAR`.

    Raises:
        Wrong: It could not run.
    """
    command = [programs.compiled(client), "--server", network.FAR, *options]
    try:
        result = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise Wrong(f"the load client failed: {error}") from error
    numbers: Numbers = json.loads(result.stdout)
    return numbers


def perfdhcp(*options: str | float) -> str:
    """What perfdhcp printed that asked the server at `network.FAR`.

    Raises:
        Unfit: It is not here.
    """
    try:
        program = programs.find("perfdhcp", "kea-admin")
    except programs.Missing as error:
        raise Unfit(str(error)) from None
    relay = ("-4", "-l", network.DEVICE, "-R", "1000000", "-W", "1")
    command = [program, *relay, *options, network.FAR]
    # It ends with 3 where some were dropped.
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=60
    ).stdout


@contextmanager
def started(
    server: Server,
    command: Command,
    output: Path,
    place: Place,
    answers: Callable[[], bool],
) -> Iterator[Processes]:
    """A running server, once it `answers`.

    Raises:
        Unfit: It does not.
    """
    with Processes(command, place.server_cpu, output, server.environment) as processes:
        until = time.monotonic() + READY
        while processes.running and time.monotonic() < until:
            if answers():
                break
        else:
            text = output.read_text("utf-8", "replace")[-500:].strip()
            raise Unfit(f"{server.name} does not answer; it said: {text!r}")
        yield processes

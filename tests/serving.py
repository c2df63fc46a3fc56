"""`python -m fastboot serve` as a process of its own, for tests that use real clients."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

READY = 30.0
"""Seconds in which a server must open its ports, on the slowest machine."""

STOP = 60.0
"""Seconds in which it must leave after SIGTERM."""

Event = dict[str, Any]


class Serving:
    """A running server; leaving the context stops it.

    Args:
        folder: What it serves.
        flags: More flags.
        protocols: Wait until each of these listens.
        place: Turns the command line into one that runs elsewhere.

    Attributes:
        lines: What it has printed so far, standard error included.
    """

    def __init__(
        self,
        folder: Path,
        *flags: str,
        protocols: tuple[str, ...] = ("tftp", "http"),
        place: Callable[..., list[str]] = lambda *command: list(command),
    ) -> None:
        self.lines: list[str] = []
        self._protocols = protocols
        self._news = threading.Condition()
        self._ended = False
        command = [sys.executable, "-m", "fastboot", "serve", str(folder)]
        self._process = subprocess.Popen(
            place(*command, "--log-format", "json", *flags),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            for line in output:
                with self._news:
                    self.lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return "".join(self.lines)

    @property
    def events(self) -> list[Event]:
        """What it has reported so far."""
        return [json.loads(line) for line in list(self.lines) if line.startswith("{")]

    def wait_for(self, *wanted: Event, timeout: float = READY) -> list[Event]:
        """Wait for one event with the fields of each of `wanted`, and return them."""

        def found() -> list[Event]:
            events = self.events
            return [
                next((e for e in events if fields.items() <= e.items()), {})
                for fields in wanted
            ]

        with self._news:
            self._news.wait_for(lambda: self._ended or all(found()), timeout)
        assert all(found()), f"the server did not report {wanted}:\n{self.log}"
        return found()

    def port(self, protocol: str) -> int:
        """The port on which it listens for a protocol."""
        event = {"event": "Listening", "protocol": protocol}
        return int(self.wait_for(event)[0]["port"])

    def __enter__(self) -> Self:
        self._reader.start()
        try:
            for protocol in self._protocols:
                self.port(protocol)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        code = self._stop()
        if error is None:
            assert code == 0, f"the server left with code {code}:\n{self.log}"
            faults = [event for event in self.events if event["event"] == "Fault"]
            assert not faults, f"mistakes in fastboot:\n{faults}"

    def _stop(self) -> int:
        self._process.terminate()
        try:
            code = self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join()
        return code

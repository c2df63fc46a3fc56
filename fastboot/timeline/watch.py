"""Who watches the page: what changed is sent as it changes (server-sent events).

Each watcher is told what the page is now, not all that happened: one who reads slowly
misses nothing that still matters, and nothing is queued for it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from fastboot.errors import Unavailable
from fastboot.seen import Carrying, Running
from fastboot.tree import Blob

from .page import FIELDS, SHOWN_MAX, Download, Setting, Writer, download
from .reader import Timeline

WATCHERS_MAX = 16
"""Who may watch at the same time: a browser's page is one."""

EVERY = 1.0
"""Seconds between two looks at what is under way, however many watch."""

STALE = 10.0
"""Seconds after which what an engine told is not what it carries any more."""

QUIET = 15.0
"""Seconds after which a watcher is sent an empty line, so that one who is gone is noticed."""

EVENTS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


class Hub:
    """The page, and those who watch it; from any thread.

    Args:
        timeline: The machines.
        writer: Writes the page's parts.
        carriers: The engines that carry files.
        setting: What the page says of the server.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        timeline: Timeline,
        writer: Writer,
        carriers: Callable[[], Iterable[object]],
        setting: Callable[[], Setting],
        clock: Callable[[], float],
    ) -> None:
        self._timeline = timeline
        self._writer = writer
        self._carriers = carriers
        self._setting = setting
        self._clock = clock
        self._lock = threading.RLock()
        self._carried = threading.Lock()  # of its own: who carries files takes it
        self._watchers = 0
        self._looked = float("-inf")
        self._running: dict[int, tuple[float, Sequence[Running]]] = {}
        self._before: dict[tuple[str, str], tuple[float, int, float]] = {}
        self._findings: tuple[float, str] = (float("-inf"), "")

    def page(self) -> Blob:
        """The page as it is now."""
        with self._lock:
            self._look()
            text = self._writer.page(self._setting(), self.downloads())
        kind = "text/html; charset=utf-8"
        return Blob.from_bytes(text.encode(), kind=kind, fields=FIELDS)

    def events(self, since: int) -> Blob:
        """What changes on the page from now on, and what did after that version.

        Raises:
            Unavailable: Too many watch already.
        """
        with self._lock:
            if self._watchers >= WATCHERS_MAX:
                raise Unavailable("too many watch the page already")
            self._watchers += 1
        watcher = Watcher(self, since)
        return Blob.from_feed(watcher, kind="text/event-stream", fields=EVENTS)

    def leave(self) -> None:
        """A watcher is gone."""
        with self._lock:
            self._watchers -= 1

    def news(self, since: int) -> tuple[int, list[tuple[str, dict[str, str]]]]:
        """The version now, and the parts of the page that changed after another."""
        with self._lock:
            self._look()
            version = self._timeline.version
            parts: list[tuple[str, dict[str, str]]] = []
            changed = (
                self._timeline.records(SHOWN_MAX, since) if version > since else []
            )
            for key, record in reversed(changed):
                html = self._writer.machine(key, record)
                parts.append(("machine", {"html": html}))
            parts.append(("findings", {"html": self._found()}))
            html = self._writer.downloads(self.downloads())
            parts.append(("downloads", {"html": html}))
            return version, parts

    def hello(self) -> dict[str, str]:
        """Which server it is, and its time."""
        return self._writer.hello(self._setting())

    def _found(self) -> str:
        """What needs doing, worked out once for all who watch."""
        now = self._clock()
        if now - self._findings[0] >= EVERY:
            found = self._timeline.records(SHOWN_MAX)
            self._findings = (now, self._writer.findings(found))
        return self._findings[1]

    def downloads(self) -> list[Download]:
        """What is under way, as of the last look if that was lately."""
        since = self._clock() - STALE
        with self._carried:
            told = [those for at, those in self._running.values() if at >= since]
            rates = dict(self._before)
        found = [one for those in told for one in those]
        return [
            download(
                self._timeline.key_of(one.client),
                *(one.name, one.size, one.done),
                rates[one.client, one.name][2],
            )
            for one in sorted(found, key=lambda one: -one.seconds)
            if not one.name.startswith("/_fastboot")
        ]

    def _look(self) -> None:
        """Have the engines tell what they carry, at most once in a while."""
        now = self._clock()
        if now - self._looked < EVERY:
            return
        self._looked = now
        for number, engine in enumerate(self._carriers()):
            if isinstance(engine, Carrying):
                engine.look(partial(self._take, number))

    def _take(self, number: int, told: Sequence[Running]) -> None:
        with self._carried:
            now = self._clock()
            self._running[number] = (now, told)
            for one in told:
                key = (one.client, one.name)
                at, done, rate = self._before.get(key, (now - one.seconds, 0, 0.0))
                if now - at > 0.2 and one.done >= done:
                    rate = (one.done - done) / (now - at)
                self._before[key] = (now, one.done, rate)
            live = {
                (one.client, one.name)
                for _, those in self._running.values()
                for one in those
            }
            self._before = {key: self._before[key] for key in live}


class Watcher:
    """One who watches; a `fastboot.blob.Feed`.

    Args:
        hub: What is watched.
        since: The version of the page that it has.
    """

    def __init__(self, hub: Hub, since: int) -> None:
        self._hub = hub
        self._since = since
        self._last: dict[str, str] = {}
        self._looks = 0.0
        self._open = True
        self._greeted = False

    def __call__(self) -> bytes:
        """What changed."""
        self._since, parts = self._hub.news(self._since)
        out = []
        if not self._greeted:
            self._greeted = True
            parts = [("hello", self._hub.hello()), *parts]
        for name, part in parts:
            text = f"event: {name}\ndata: {json.dumps(part)}\n\n"
            if name == "machine" or self._last.get(name) != text:
                out.append(text)
            if name != "machine":
                self._last[name] = text
        self._looks = 0.0 if out else self._looks + EVERY
        if not out and self._looks >= QUIET:
            self._looks = 0.0
            return b":\n\n"
        return "".join(out).encode()

    def close(self) -> None:
        """See `fastboot.blob.Feed`."""
        if self._open:
            self._open = False
            self._hub.leave()

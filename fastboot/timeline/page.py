"""The page for people: the machines, what they load, and what needs doing.

One template writes a machine both for the page and for what is sent when it changes, so
that what is drawn with a script is what is read without one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from ipaddress import IPv4Address
from typing import Any

import jinja2

from fastboot.doctor.cures import cure
from fastboot.pages.policy import policy
from fastboot.report import size

from .diagnosis import Diagnosis
from .reader import Timeline, short
from .record import Record
from .steps import Kind, Step
from .view import boot_of, rail, sentence, state

SHOWN_MAX = 100
"""Machines on the page, those heard of last."""

STEPS_SHOWN = 24
"""Steps of each, the last ones."""

_STYLE, _SCRIPT = (
    files("fastboot.timeline").joinpath(name).read_text("utf-8")
    for name in ("page.css", "page.js")
)

FIELDS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", policy(_STYLE, _SCRIPT, "connect-src 'self'")),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)
"""HTTP's fields of the page."""

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("fastboot.timeline", "."),
    undefined=jinja2.StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)

_WORDS = {
    "stopped": "Stopped",
    "booting": "Booting",
    "served": "Served",
    "seen": "Seen",
}


@dataclass(frozen=True, slots=True)
class Download:
    """A transfer under way, as people see it.

    Attributes:
        machine: Whose it is.
        name: The file.
        size: Bytes of it.
        done: Bytes that came across.
        rate: Bytes a second, lately.
    """

    machine: str
    name: str
    size: int
    done: int
    rate: float

    @property
    def percent(self) -> int:
        """How much of it came across."""
        return min(100, 100 * self.done // self.size) if self.size else 0

    @property
    def words(self) -> str:
        """The same in words."""
        return f"{size(self.done)} of {size(self.size)}, {size(round(self.rate))}/s"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the page says of the server itself.

    Attributes:
        version: The program's.
        began: When it started, seconds since 1970.
        entries: What the folder can boot: titles and kinds.
        complete: Whether these are all.
    """

    version: str
    began: float
    entries: Sequence[tuple[str, str]]
    complete: bool


class Writer:
    """Writes the page and its parts; from one thread at a time.

    Args:
        timeline: The machines.
        clock: Its clock.
        epoch: Seconds since 1970.
        standing: What keeps machines from booting whoever asks, and what to do: a
            sentence each.
    """

    def __init__(
        self,
        timeline: Timeline,
        clock: Callable[[], float],
        epoch: Callable[[], float],
        standing: Callable[[], Sequence[tuple[str, str]]] = tuple,
    ) -> None:
        self._timeline = timeline
        self._clock = clock
        self._epoch = epoch
        self._standing = standing
        self._template = _TEMPLATES.get_template("page.html.j2")
        self._parts: Any = self._template.module
        self._known: OrderedDict[str, tuple[tuple[int, str], str]] = OrderedDict()

    def page(self, setting: Setting, downloads: Sequence[Download]) -> str:
        """The whole page, as things are now."""
        version = self._timeline.version
        found = self._timeline.records(SHOWN_MAX)
        text: str = self._template.render(
            machines=[self.machine(key, record) for key, record in found],
            under_way=self.downloads(downloads),
            found=self.findings(found),
            setting=setting,
            now=self._time(self._clock()),
            version=version,
            style=_STYLE,
            script=_SCRIPT,
        )
        return text.lstrip()

    def hello(self, setting: Setting) -> dict[str, str]:
        """Which server writes, and its time."""
        now = self._time(self._clock())["exact"]
        return {"began": str(setting.began), "now": now}

    def machine(self, key: str, record: Record) -> str:
        """One machine."""
        found = self._timeline.diagnosis(record)
        mark = (record.version, found.sentence if found else "")
        known = self._known.get(key)
        if known is not None and known[0] == mark:
            return known[1]
        text = str(self._parts.machine(self._facts(key, record, found)))
        self._known[key] = (mark, text)
        self._known.move_to_end(key)
        if len(self._known) > SHOWN_MAX:
            self._known.popitem(last=False)
        return text

    def downloads(self, downloads: Iterable[Download]) -> str:
        """What is under way."""
        return str(self._parts.downloads(list(downloads)))

    def findings(self, found: Sequence[tuple[str, Record]]) -> str:
        """What needs doing: the doctor's findings, and why machines stopped, once each."""
        reasons: dict[Diagnosis, list[str]] = {}
        for key, record in found:
            diagnosis = self._timeline.diagnosis(record)
            if diagnosis is not None:
                reasons.setdefault(diagnosis, []).append(key)
        listed = [(why, keys, recipes(why)) for why, keys in reasons.items()]
        return str(self._parts.findings(listed, self._standing()))

    def _facts(
        self, key: str, record: Record, found: Diagnosis | None
    ) -> dict[str, Any]:
        word = state(record.attempt, found)
        steps = record.steps[-STEPS_SHOWN:]
        shift = len(record.steps) - len(steps)
        return {
            "key": key,
            "id": "m" + "".join(char if char.isalnum() else "-" for char in key),
            "address": record.address if record.mac else "",
            "kind": " · ".join(filter(None, (record.arch, record.firmware))),
            "state": word,
            "word": _WORDS[word],
            "last": self._time(record.last),
            "rail": rail(boot_of(record), found),
            "found": found,
            "steps": [
                {
                    "at": self._time(step.at),
                    "sentence": sentence(step),
                    "more": _more(step),
                    "mark": _mark(step),
                    "fresh": number + shift == record.began and number > 0,
                }
                for number, step in enumerate(steps)
            ],
            "traced": bool(self._timeline.packets(key)),
        }

    def _time(self, at: float) -> dict[str, str]:
        seconds = self._epoch() - self._clock() + at
        when = datetime.fromtimestamp(max(0.0, seconds), UTC)
        return {
            "exact": f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z",
            "shown": f"{when:%H:%M:%S}",
        }


def recipes(found: Diagnosis) -> list[tuple[str, str]]:
    """How the server that is to blame is changed: its product, and lines to type."""
    if found.cause is None:
        return []
    ours = IPv4Address(found.ours) if found.ours else None
    listed = cure(found.cause, ours, None).recipes
    return [(item.product, "\n".join(item.lines)) for item in listed]


def download(machine: str, name: str, size: int, done: int, rate: float) -> Download:
    """A transfer with its name in printable characters."""
    return Download(machine, short(name), size, done, rate)


def _more(step: Step) -> str:
    words = []
    if step.kind is Kind.GOT and step.seconds > 0:
        words.append(f"{size(step.size)}, {size(round(step.size / step.seconds))}/s")
    elif step.kind in (Kind.PROBED, Kind.GOT, Kind.SENT):
        words.append(size(step.size))
    if step.count > 1:
        words.append(f"{step.count} times")
    return ", ".join(words)


def _mark(step: Step) -> str:
    if step.kind in (Kind.LOST, Kind.REFUSED, Kind.MISSING, Kind.REFUSED_ADDRESS):
        return "bad"
    return "good" if step.kind in (Kind.GOT, Kind.SENT) else "plain"

"""Draws the README's picture: what a real run printed, and what the machine showed.

    python docs/picture.py

draws docs/serve.svg again from the facts that it carries; `docs/film.py` makes a run, and
facts, anew. The lines under the banner are made from the run's events by the program as
it is now: where it says something else today, the picture is out of date, and a test
says so.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from fastboot import events
from fastboot.report import text_line

PICTURE = Path(__file__).with_name("serve.svg")

WIDTH = 860
MARGIN = 18
LINE = 19
"""Pixels, as are all that follow; the terminal's letters are 13 high and 7.8 wide."""
BAR = 34
GAP = 14
SCREEN = (266, 200)
COLUMNS = 104

_STYLE = """
:root { --back: #f6f8fa; --edge: #d0d7de; --text: #1f2328; --dim: #59636e;
  --prompt: #1a7f37; --cyan: #0969da; --yellow: #9a6700 }
@media (prefers-color-scheme: dark) {
  :root { --back: #0d1117; --edge: #3d444d; --text: #e6edf3; --dim: #9198a1;
    --prompt: #3fb950; --cyan: #79c0ff; --yellow: #d29922 } }
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono",
  monospace; fill: var(--text); white-space: pre }
.box { fill: var(--back); stroke: var(--edge) }
.frame { fill: none; stroke: var(--edge) }
.dim { fill: var(--dim) } .prompt { fill: var(--prompt) } .b1 { font-weight: 700 }
.b36 { fill: var(--cyan) } .b33 { fill: var(--yellow) }
.caption { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
  fill: var(--dim); text-anchor: middle }
"""


@dataclass(frozen=True)
class Run:
    """One run of `fastboot serve`, from which one machine booted.

    Attributes:
        facts: "command": what was typed; "banner": the first screen's lines with the
            terminal's colours; "events": the time, and the event as JSON has it, of each
            line "printed"; "screens": what is said of each, and the part to show.
        screens: What the machine showed, each a PNG of 640 x 480 in base64.
    """

    facts: dict[str, Any]
    screens: list[str]

    @classmethod
    def read(cls, svg: str) -> Run:
        """The run that a picture shows."""
        (facts,) = re.findall(r"<metadata><!\[CDATA\[(.*?)\]\]></metadata>", svg)
        return cls(json.loads(facts), re.findall(r'href="data:[^,"]*,([^"]*)"', svg))


def lines_of(run: Run) -> list[str]:
    """What the server printed about the machine, as it would today."""
    return [f"{time} {text_line(_event(fact))}" for time, fact in run.facts["events"]]


def _event(fact: dict[str, Any]) -> events.Event:
    kind = getattr(events, fact["event"])
    made: events.Event = kind(**{k: v for k, v in fact.items() if k != "event"})
    return made


def draw(run: Run) -> str:
    """The picture of a run."""
    rows = [f'<tspan class="prompt">$ </tspan>{escape(run.facts["command"])}']
    rows += [_coloured(line) for line in run.facts["banner"]]
    rows += [_cut(line) for line in lines_of(run)]
    height = BAR + len(rows) * LINE + MARGIN
    parts = [
        f'<rect class="box" x=".5" y=".5" width="{WIDTH - 1}" height="{height}" rx="8"/>',
        f'<text class="dim" x="{MARGIN}" y="23">the server</text>',
    ]
    for number, row in enumerate(rows):
        parts.append(
            f'<text x="{MARGIN}" y="{BAR + LINE * (number + 1) - 5}">{row}</text>'
        )
    below = height + GAP
    parts += _screens(run, below)
    whole = below + SCREEN[1] + 28
    facts = json.dumps(run.facts, ensure_ascii=False).replace("]]>", "]] >")
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" '
                f'width="{WIDTH}" height="{whole}" role="img">'
            ),
            "<title>fastboot serves a folder, and a PC boots Debian from it</title>",
            f"<metadata><![CDATA[{facts}]]></metadata>",
            f"<style>{_STYLE}</style>",
            *parts,
            "</svg>\n",
        ]
    )


def _screens(run: Run, top: int) -> list[str]:
    """The machine's screens in a row, each with what it is below."""
    width, height = SCREEN
    step = (WIDTH - width) / max(1, len(run.screens) - 1)
    parts = []
    for number, (picture, (caption, part)) in enumerate(
        zip(run.screens, run.facts["screens"], strict=True)
    ):
        left = round(number * step)
        parts += [
            (
                f'<svg x="{left}" y="{top}" width="{width}" height="{height}" '
                f'viewBox="{" ".join(map(str, part))}"><image width="640" height="480" '
                f'href="data:image/png;base64,{picture}"/></svg>'
            ),
            (
                f'<rect class="frame" x="{left + 0.5}" y="{top + 0.5}" width="{width - 1}" '
                f'height="{height - 1}"/>'
            ),
            (
                f'<text class="caption" x="{left + width // 2}" y="{top + height + 20}">'
                f"{escape(caption)}</text>"
            ),
        ]
    return parts


def _cut(line: str) -> str:
    """A line with its time dimmed, and no longer than the picture is wide."""
    time, _, text = line.partition(" ")
    shown = text if len(line) <= COLUMNS else f"{text[: COLUMNS - len(time) - 2]}…"
    return f'<tspan class="dim">{time}</tspan> {escape(shown)}'


def _coloured(line: str) -> str:
    """A terminal's line: its colours become classes."""
    parts, style = [], ""
    for code, text in re.findall(r"(?:\x1b\[([\d;]*)m)?([^\x1b]*)", line):
        if code:
            style = " ".join(f"b{one}" for one in code.split(";") if one != "0")
        if text:
            parts.append(
                f'<tspan class="{style}">{escape(text)}</tspan>'
                if style
                else escape(text)
            )
    return "".join(parts)


if __name__ == "__main__":
    drawn = draw(Run.read(PICTURE.read_text("utf-8")))
    sys.exit(PICTURE.write_text(drawn, "utf-8") == 0)

"""What is made of the documents, from the program: `python docs/reference.py`.

The reference, the routers' lines, and the pictures of how machines boot.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import routers
import sequences
from commands import commands_page
from names import LEVELS, level_page, names_page

from fastboot import events
from fastboot.config.client import TftpClient
from fastboot.config.subnet import ReservationTable, SubnetTable
from fastboot.settings import Setting, settings

HERE = Path(__file__).parent

PARTS = {
    "": ("In general", ""),
    "tftp": ("TFTP", "[tftp]"),
    "http": ("HTTP", "[http]"),
    "https": ("HTTPS", "[https]"),
    "dhcp": ("DHCP", "[dhcp]"),
    "lease": ("Leases", "[lease]"),
    "boot": ("Booting", "[boot]"),
}
"""The parts of the settings: their headings, and their tables in a TOML file."""

TABLES = {
    "dhcp.subnet": SubnetTable,
    "dhcp.subnet.reservation": ReservationTable,
    "tftp.client": TftpClient,
}
"""The lists of tables, which only a file can say."""


def pages() -> dict[Path, str]:
    """Every file of the documents that is made, in whole or in part."""
    made = {
        "commands": commands_page(),
        "events": _events(),
        "names": names_page(),
        "settings": _settings(),
        **{level: level_page(level) for level in LEVELS},
    }
    return {
        **{HERE / f"reference/{name}.md": _page(lines) for name, lines in made.items()},
        **{
            HERE / "pictures" / name: text
            for name, text in sequences.pictures().items()
        },
        **routers.pages(),
    }


def _page(lines: Iterator[str]) -> str:
    """A page's text, never with two empty lines in a row."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n"


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Each is a flag of `fastboot serve`, a variable of the environment, and a key in"
    yield "the TOML file that `--config` names. What a flag says counts before a variable,"
    yield "and that before the file."
    part = None
    for setting in settings():
        if setting.part != part:
            part = setting.part
            heading, table = PARTS.get(part, (part, f"[{part}]"))
            yield from ("", f"## {heading}", "")
            if table:
                yield from (f"In a TOML file under `{table}`.", "")
            yield "| flag | variable | default | meaning |"
            yield "| --- | --- | --- | --- |"
        yield _row(setting)
    yield from ("", "## Tables that may be there several times", "")
    yield "Only a TOML file has these: each `[[...]]` begins another one."
    for name, table in TABLES.items():
        yield from ("", f"### [[{name}]]", "", inspect.getdoc(table) or "", "")
        yield from ("| key | default | meaning |", "| --- | --- | --- |")
        for item in dataclasses.fields(table):
            if "text" in item.metadata:
                default = "required" if item.default is dataclasses.MISSING else "none"
                yield f"| `{item.name}` | {default} | {item.metadata['text']} |"


def _row(setting: Setting) -> str:
    text = setting.text.replace("|", "\\|")
    if setting.choices:
        text += f" One of {', '.join(f'`{choice}`' for choice in setting.choices)}."
    default = "required" if setting.name == "folder" else setting.default or "none"
    return f"| `{setting.flag}` | `{setting.variable}` | {default} | {text} |"


def _events() -> Iterator[str]:
    yield "# Events"
    yield ""
    yield "What a running server reports, as dataclasses of `fastboot.events`; with"
    yield "`--log-format json` each is a line, its name under `event`."
    for name, kind in vars(events).items():
        if not inspect.isclass(kind) or not dataclasses.is_dataclass(kind):
            continue
        text, _, attributes = inspect.cleandoc(kind.__doc__ or "").partition(
            "\nAttributes:\n"
        )
        yield from ("", f"## {name}", "", text.strip(), "")
        yield from (f"- {line}" for line in _attributes(attributes))


def _attributes(text: str) -> list[str]:
    """`name: meaning` of each attribute, in one line each."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith("    ") and not line.startswith("     "):
            name, _, meaning = line.strip().partition(": ")
            found.append(f"`{name}`: {meaning}")
        elif line.strip() and found:
            found[-1] += " " + line.strip()
    return found


if __name__ == "__main__":
    for path, page in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(page, "utf-8")

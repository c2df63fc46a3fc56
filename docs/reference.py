"""The reference's pages, from what the program itself says: `python docs/reference.py`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path

from fastboot import events
from fastboot.settings import Setting, settings

HERE = Path(__file__).parent / "reference"

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


def pages() -> dict[str, str]:
    """Every page of the reference that is made, by its file's name."""
    return {
        "settings.md": "\n".join(_settings()) + "\n",
        "events.md": "\n".join(_events()) + "\n",
    }


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
            yield "| flag | variable | default | |"
            yield "| --- | --- | --- | --- |"
        yield _row(setting)


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
    HERE.mkdir(exist_ok=True)
    for name, page in pages().items():
        (HERE / name).write_text(page)

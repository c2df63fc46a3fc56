"""The reference's pages, from what the program itself says: `python docs/reference.py`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path

from fastboot import events
from fastboot.doctor import cures
from fastboot.settings import Setting, settings

HERE = Path(__file__).parent / "reference"

CHANGES = (
    ("Leave out option 60, `PXEClient`", cures.NO_CLASS),
    ("Leave out the boot file", cures.NO_FILE),
    ("Give name servers", cures.WITH_DNS),
)
"""What may have to be changed in a DHCP server, and how."""

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
        "routers.md": "\n".join(_routers()) + "\n",
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


def _routers() -> Iterator[str]:
    yield "# Routers and DHCP servers"
    yield ""
    yield "Most need no change. `fastboot doctor` says whether yours does, and which of"
    yield "these lines; `{network}` is the network's address, `{server}` the router's."
    products = dict.fromkeys(item.product for _, recipes in CHANGES for item in recipes)
    for product in products:
        yield from ("", f"## {product}")
        for title, recipes in CHANGES:
            for recipe in recipes:
                if recipe.product == product:
                    yield from ("", f"**{title}**", "", "```text")
                    yield from map(_unbraced, recipe.lines)
                    yield "```"


def _unbraced(line: str) -> str:
    return line.replace("{{", "{").replace("}}", "}")


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, page in pages().items():
        (HERE / name).write_text(page)

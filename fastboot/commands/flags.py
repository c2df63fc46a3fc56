"""Flags that are settings, and what is told by them, by a file and by a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fastboot.config import Config
from fastboot.settings import Setting, build, read_toml

from .manual import completed

CONFIG = click.Option(
    ["--config"],
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="FASTBOOT_CONFIG",
    help="A TOML file with settings.",
)
"""The option that names a file of settings."""


_STANDS_FOR = {
    "interface": "NAME",
    "name": "NAME",
    "address": "ADDRESS",
    "dns": "ADDRESS",
    "prefix": "NETWORK",
    "from": "NETWORK",
    "relay": "ADDRESS|NETWORK",
    "allow": "MAC|UUID",
    "port": "PORT",
    "ports": "PORTS",
    "bytes": "BYTES",
    "delay": "SECONDS",
    "time": "SECONDS",
    "timeout": "SECONDS",
    "file": "FILE",
    "certificate": "FILE",
    "key": "FILE",
}
"""What a flag's value is called in its help, by the last word of the setting's name."""

_KINDS = {int: "NUMBER", float: "NUMBER", Path: "FOLDER", str: "TEXT"}
"""The same for the others, by their type."""


def _stands_for(setting: Setting) -> str | None:
    if setting.kind is bool or setting.choices:
        return None  # click has words for those
    word = setting.name.rpartition("_")[2]
    return _STANDS_FOR.get(word, _KINDS[setting.kind])


def option(setting: Setting, text: str = "") -> click.Option:
    """The flag of one setting. It has no default here: `Config` has.

    Args:
        setting: The setting.
        text: What it means to this command, where that is not what it means to serving.
    """
    flag = setting.flag
    if setting.kind is bool:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    kind: Any = click.Choice(setting.choices) if setting.choices else setting.kind
    if kind is Path:
        kind = str  # `build` makes it a path: an empty one is none
    default = f"  [default: {setting.default}]" if setting.default else ""
    return click.Option(
        [f"{setting.part}.{setting.name}".replace(".", "__"), flag],
        type=None if kind is bool else kind,
        multiple=setting.many,
        default=None,
        envvar=setting.variable,
        show_envvar=False,
        metavar=_stands_for(setting),
        shell_complete=completed(setting.flag, setting.kind),
        help=(text or setting.text) + default,
    )


def _values(flags: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given, by part, as `settings.build` takes them."""
    values: dict[str, Any] = {}
    for name, value in flags.items():
        if value is None or value == ():
            continue
        part, _, field = name.rpartition("__")
        if part:
            values.setdefault(part, {})[field] = value
        else:
            values[field] = value
    return values


def configure(folder: str | None, config: Path | None, flags: dict[str, Any]) -> Config:
    """The settings that a folder, a file and flags make.

    Args:
        folder: The folder; None where none is named.
        config: A TOML file; None for none.
        flags: As click hands over what `option` made.

    Raises:
        ConfigError: They cannot be used.
    """
    values = read_toml(config) if config else {}
    given = _values(flags)
    for name, value in given.items():
        if isinstance(value, dict):
            values[name] = {**values.get(name, {}), **value}
        else:
            values[name] = value
    if folder is not None:
        values["folder"] = folder
    return build(values)

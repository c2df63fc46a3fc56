"""What one setting is: a field with its default, its help text and its bounds."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import field
from pathlib import Path
from typing import Any

from fastboot.errors import ConfigError

PORTS = (0, 0xFFFF)
"""What a port may be; 0 lets the system choose."""

SECONDS_MAX = 1_000_000
"""Longest timeout, seconds: eleven days, and far from where timers overflow."""

LEASE_TIMES = (30, 0xFFFFFFFE)
"""Seconds that a lease may last: less would be nothing but renewing, and all ones mean
for ever (RFC 2131, section 3.3), which no address comes back from."""

COUNT_MAX = 1_000_000
"""Most transfers or connections that can be allowed, more than descriptors allow."""

RATE_MAX = 1_000_000_000
"""Highest rate that can be demanded, bytes a second: more than most links have."""

CACHE_MAX = 1 << 40
"""Largest cache, bytes."""


def setting(default: Any, text: str, **more: Any) -> Any:  # noqa: ANN401
    """A field with its help text; `flag` names it where its own name would not do."""
    return field(default=default, metadata={"text": text, **more})


def flag(part: type, name: str) -> str:
    """How the command calls a field of `Config` or of one of its parts.

    A dataclass that is none of these, whose name does not end with "Config", is a table
    in a list of tables: it stands only in files, where a key is called by its name.

        >>> from fastboot.config import Config, HttpConfig
        >>> flag(HttpConfig, "idle_timeout"), flag(Config, "folder")
        ('--http-idle-timeout', 'FOLDER')
    """
    fields: dict[str, dataclasses.Field[Any]] = part.__dict__["__dataclass_fields__"]
    given = fields[name].metadata.get("flag")
    if given:
        return str(given)
    if not part.__name__.endswith("Config"):
        return name
    prefix = part.__name__.removesuffix("Config").lower()
    return "--" + f"{prefix} {name}".strip().replace(" ", "-").replace("_", "-")


def between(part: object, **bounds: tuple[float, float]) -> None:
    """Check that numbers lie between two, both included.

    Raises:
        ConfigError: One does not.
    """
    for name, (least, most) in bounds.items():
        value = getattr(part, name)
        if value is not None and not least <= value <= most:  # nan is not
            raise ConfigError(
                f"{flag(type(part), name)} is {value}; "
                f"it must be between {least} and {most}"
            )


def one_of(part: object, name: str, choices: tuple[str, ...]) -> None:
    """Check that a word is one of those known.

    Raises:
        ConfigError: It is not.
    """
    value = getattr(part, name)
    if value not in choices:
        raise ConfigError(
            f"{flag(type(part), name)} is {value!r}; it must be {' or '.join(choices)}"
        )


def no_nul(part: object, name: str, value: Path) -> None:
    """Check that a path can be one.

    Raises:
        ConfigError: It cannot.
    """
    if "\0" in str(value):
        raise ConfigError(f"{flag(type(part), name)} is no path: it holds a NUL")


def state_folder(*, privileged: bool) -> Path:
    """Where what a program keeps belongs (the FHS; the XDG Base Directories)."""
    if privileged:
        return Path("/var/lib/fastboot")
    own = os.environ.get("XDG_STATE_HOME", "")
    base = Path(own) if own.startswith("/") else Path.home() / ".local/state"
    return base / "fastboot"

"""Settings of what a machine is offered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .setting import SECONDS_MAX, between, no_nul, setting


@dataclass(frozen=True, slots=True)
class BootConfig:
    """What a machine is offered."""

    menu_timeout: float = setting(
        5.0,
        "Seconds until the only entry starts by itself; 0: it waits for a key, as a "
        "menu of several always does.",
    )
    programs: tuple[Path, ...] = setting(
        (Path("/usr/lib/ipxe"), Path("/usr/share/ipxe")),
        "Folders to look for iPXE in, after the served one (Debian's and Fedora's).",
    )

    def __post_init__(self) -> None:
        """Check each value."""
        between(self, menu_timeout=(0, SECONDS_MAX))
        for folder in self.programs:
            no_nul(self, "programs", folder)

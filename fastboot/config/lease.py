"""Settings of leases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fastboot.errors import ConfigError

from .setting import LEASE_TIMES, between, flag, no_nul, setting, state_folder


@dataclass(frozen=True, slots=True)
class LeaseConfig:
    """Leases of addresses: how long they last, and where they are kept."""

    file: Path | None = setting(  # noqa: RUF009 (Path is immutable)
        None,
        "Where leases are kept; /var/lib/fastboot/leases.sqlite as root, otherwise the "
        "same in ~/.local/state.",
        shown="fastboot/leases.sqlite",
    )
    time: int = setting(
        3600,
        "Seconds that a lease lasts if the client does not say: an hour, since machines "
        "that boot have three identities on their way, each with a lease.",
    )
    min_time: int = setting(
        120, "Seconds of the shortest lease given to a client that asks for less."
    )
    max_time: int = setting(
        86400, "Seconds of the longest lease given to a client that asks for more."
    )

    def __post_init__(self) -> None:
        """Check each value."""
        between(self, time=LEASE_TIMES, min_time=LEASE_TIMES, max_time=LEASE_TIMES)
        if self.max_time < self.min_time:
            raise ConfigError(
                f"{flag(LeaseConfig, 'max_time')} is {self.max_time}; it must not be "
                f"less than {flag(LeaseConfig, 'min_time')}, {self.min_time}"
            )
        if self.file is not None:
            no_nul(self, "file", self.file)

    def resolved(self, *, privileged: bool) -> LeaseConfig:
        """The same with the file that is used if none is named.

        Args:
            privileged: Whether the system's folders are ours to use.
        """
        if self.file is not None:
            return self
        folder = state_folder(privileged=privileged)
        return replace(self, file=folder / "leases.sqlite")

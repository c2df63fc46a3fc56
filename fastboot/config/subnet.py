"""Settings of the networks whose addresses are given away: tables of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from fastboot.errors import ConfigError

from .setting import LEASE_TIMES, between, setting


@dataclass(frozen=True, slots=True)
class ReservationTable:
    """`[[dhcp.subnet.reservation]]`: what one machine always gets."""

    mac: str = setting("", 'The machine\'s MAC, "52:54:00:12:34:56".')
    client_id: str = setting(
        "", 'Its client identifier (option 61): a text, or "hex:ff00".'
    )
    uuid: str = setting("", "Its UUID (option 97), as its firmware shows it.")
    address: str = setting("", "The address it gets; without one, any of the pool.")
    hostname: str = setting("", "The name that it is told to have.")
    options: Mapping[str, Any] | None = setting(
        None, "Options by name or number, before those of the subnet."
    )

    def __post_init__(self) -> None:
        """Check that it is somebody's."""
        if not (self.mac or self.client_id or self.uuid):
            raise ConfigError("it names no machine: give mac, client_id or uuid")


@dataclass(frozen=True, slots=True)
class SubnetTable:
    """`[[dhcp.subnet]]`: a network of ours, or one behind a relay."""

    network: str = setting(MISSING, 'The network, "192.0.2.0/24".')
    pool: tuple[str, ...] = setting(
        (),
        'Addresses to give, "192.0.2.100-192.0.2.199", or a list of such; without one, '
        "only reservations are given.",
    )
    router: tuple[str, ...] = setting((), "Routers (option 3).")
    dns: tuple[str, ...] = setting((), "DNS servers (option 6).")
    ntp: tuple[str, ...] = setting((), "NTP servers (option 42).")
    domain: str = setting("", "The domain name (option 15).")
    lease_time: int | None = setting(
        None, "Seconds that a lease lasts here, if not `lease_time` of [dhcp]."
    )
    options: Mapping[str, Any] | None = setting(
        None, "More options, by name or number."
    )
    reservation: tuple[ReservationTable, ...] = ()

    def __post_init__(self) -> None:
        """Check what can be checked without knowing the options."""
        between(self, lease_time=LEASE_TIMES)

"""A service manager: what it handed over is used, and it hears how we are.

systemd, and whoever speaks as it does, names a socket in NOTIFY_SOCKET; a service tells
it what has become of it, a line for each fact (sd_notify(3)). What is not told: that the
service is alive now and then (WATCHDOG=1), since no thread could say so of the others.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping, Sequence

from .config import Config
from .errors import ConfigError

Handed = Mapping[str, Sequence[socket.socket]]
"""Sockets that were handed over, by protocol."""

_ON = {
    "tftp": "FASTBOOT_TFTP=yes",
    "http": "FASTBOOT_HTTP=yes",
    "https": "FASTBOOT_HTTPS=yes",
    "dhcp": "FASTBOOT_DHCP=proxy",
}
"""What turns on the part that a socket can be for."""


class Manager:
    """Whoever started this program, and wants to hear how it is.

        >>> Manager("").ready()  # nobody: nothing is told

    Args:
        address: Its socket: a path, or "@" and a name in the abstract namespace; ""
            where there is nobody.
        status: What `systemctl status` shows while everything runs; one line.
    """

    def __init__(self, address: str, status: str = "") -> None:
        self._address = address
        self._status = status

    @classmethod
    def of_this_program(cls, status: str) -> Manager:
        """The one that NOTIFY_SOCKET names, which programs that we start do not see."""
        return cls(os.environ.pop("NOTIFY_SOCKET", ""), status)

    def __bool__(self) -> bool:
        return bool(self._address)

    def ready(self) -> None:
        """Everything runs, for the first time or again."""
        self._tell("READY=1", f"STATUS={self._status}")

    def reloading(self, now: float) -> None:
        """What is kept in files is read again; `ready` follows.

        Args:
            now: Seconds on the monotonic clock.
        """
        self._tell("RELOADING=1", f"MONOTONIC_USEC={int(now * 1e6)}")

    def stopping(self) -> None:
        """What runs is finished, and nothing new is taken."""
        self._tell("STOPPING=1", "STATUS=finishing what runs")

    def _tell(self, *facts: str) -> None:
        if not self._address:
            return
        path = self._address
        if path.startswith("@"):
            path = f"\0{path[1:]}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(facts).encode(), path)
        except OSError:
            pass  # it is gone, or busy: what we serve matters more


def check_handed_over(config: Config, protocols: Iterable[str]) -> None:
    """Refuse sockets that nobody would ever read.

    Args:
        config: Resolved.
        protocols: Those that sockets were handed over for.

    Raises:
        ConfigError: One of them is off.
    """
    on = {
        "tftp": config.tftp.enabled,
        "http": config.http.enabled,
        "https": config.https.enabled,
        "dhcp": config.dhcp.mode != "off",
    }
    for protocol in protocols:
        if not on[protocol]:
            raise ConfigError(
                f"systemd hands over a socket for {protocol.upper()}, which is off: set "
                f"{_ON[protocol]}, or `systemctl disable --now` its socket unit"
            )

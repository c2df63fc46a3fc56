"""Every setting of fastboot with its default and the reason for it.

This is the only place where settings are written down: `settings` makes the command's
flags, the keys of the TOML file and the environment variables from these fields.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from fastboot import _ext
from fastboot.errors import ConfigError

from .boot import BootConfig
from .dhcp import DhcpConfig
from .http import HttpConfig
from .https import HttpsConfig
from .lease import LeaseConfig
from .setting import SECONDS_MAX, between, flag, no_nul, one_of, setting, state_folder
from .tftp import TftpConfig

__all__ = [
    "BootConfig",
    "Config",
    "DhcpConfig",
    "HttpConfig",
    "HttpsConfig",
    "LeaseConfig",
    "TftpConfig",
    "flag",
]

FILES_RESERVE = 128
"""Open files that are no transfer's: timers, the loop, the folder, the standard streams,
ports, and connections that are told that there is no room."""

FILES_PLACE = 10
"""Open files for each interface or address named: two sockets of TFTP and one each of
HTTP and HTTPS, for IPv4 and IPv6, and two of DHCP."""

FILES_WORKER = 40
"""Open files of each worker beyond the first, for each interface or address named: for
IPv4 and IPv6 nine sockets of TFTP and one each of HTTP and HTTPS; and, of each of the
three, what it waits with."""

FILES_TRANSFER = 1
"""Open files of a TFTP transfer."""

FILES_CONNECTION = 1
"""Open files of an HTTP connection: its socket."""

FILES_CONTENT = 1024
"""Files that HTTP's connections read at the same time: all who read the same share one,
and who only waits reads none. Where more are wanted there is a 503."""


WORKERS_MAX = 64
"""Most workers: each is a thread for each protocol, and a share of its limits."""

WORKERS_USUAL = 4
"""Workers where there are more cores: the rest of the machine is for others."""


def usual_workers() -> int:
    """How many workers are of use on this machine.

    One without the compiled parts, since Python runs one thread at a time; and one where
    the kernel does not spread what comes over those that share a port, as macOS's.
    """
    if not sys.platform.startswith("linux") or not _ext.active():
        return 1
    return min(WORKERS_USUAL, len(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a server is told.

    >>> Config(Path("images"), tftp=TftpConfig(port=6969)).tftp.port
    6969
    """

    folder: Path = field(
        metadata={
            "text": "The folder to serve.",
            "flag": "FOLDER",
            "missing": "no folder to serve was named; say for example: "
            "fastboot serve ./images",
        }
    )
    interface: tuple[str, ...] = setting(
        (), "Serve on this interface only; may be given again."
    )
    address: tuple[str, ...] = setting(
        (), "Serve on this address only; may be given again."
    )
    any_case: bool = setting(
        True,
        "Find a file by a name that differs from its own in case alone, as Windows' "
        "loaders ask for it, where no file has exactly that name.",
    )
    world_readable: bool = setting(
        False,
        "Serve only files that everybody on this machine may read: what is private "
        "stays so, though it lies or is linked in the folder.",
    )
    loop: str = setting(
        "uvloop",
        "The event loop: uvloop, asyncio or trio.",
        choices=("uvloop", "asyncio", "trio"),
    )
    workers: int | None = setting(
        None,
        "Threads that serve files, for TFTP and for HTTP each; each client is one "
        "thread's.",
        shown="the cores, at most 4",
    )
    log_format: str = setting(
        "text",
        "text: lines for people; json: one object a line.",
        choices=("text", "json"),
    )
    drain_timeout: float = setting(
        30.0, "Seconds that running transfers have to finish after SIGTERM."
    )
    tftp: TftpConfig = field(default_factory=TftpConfig)
    http: HttpConfig = field(default_factory=HttpConfig)
    https: HttpsConfig = field(default_factory=HttpsConfig)
    dhcp: DhcpConfig = field(default_factory=DhcpConfig)
    lease: LeaseConfig = field(default_factory=LeaseConfig)
    boot: BootConfig = field(default_factory=BootConfig)

    def __post_init__(self) -> None:
        """Check each value."""
        for address in self.address:
            try:
                ip_address(address)
            except ValueError:
                raise ConfigError(
                    f"--address is {address!r}; it must be an IP address"
                ) from None
        one_of(self, "loop", ("uvloop", "asyncio", "trio"))
        one_of(self, "log_format", ("text", "json"))
        between(self, drain_timeout=(0, SECONDS_MAX), workers=(1, WORKERS_MAX))
        no_nul(self, "folder", self.folder)

    def resolved(self, *, privileged: bool) -> Config:
        """The same with each default filled in that depends on who runs it.

        Args:
            privileged: Whether the ports below 1024 are ours to open.

        Raises:
            ConfigError: Everything is switched off.
        """
        ports = (69, 80, "proxy", 443) if privileged else (6969, 8080, "off", 8443)
        tftp, http, https, dhcp = self.tftp, self.http, self.https, self.dhcp
        if tftp.port is None:
            tftp = dataclasses.replace(tftp, port=ports[0])
        if http.port is None:
            http = dataclasses.replace(http, port=ports[1])
        if https.port is None:
            https = dataclasses.replace(https, port=ports[3])
        if https.state is None:
            https = dataclasses.replace(
                https, state=state_folder(privileged=privileged)
            )
        if dhcp.mode is None:
            dhcp = dataclasses.replace(dhcp, mode=ports[2])
        lease = self.lease.resolved(privileged=privileged)
        if not (tftp.enabled or http.enabled or https.enabled or dhcp.mode != "off"):
            raise ConfigError(
                "there is nothing to serve: TFTP, HTTP and DHCP are all off; "
                "leave out --no-tftp or --no-http"
            )
        return dataclasses.replace(
            self,
            workers=self.workers or usual_workers(),
            tftp=tftp,
            http=http,
            https=https,
            dhcp=dhcp,
            lease=lease,
        )

    def within(self, files: int) -> Config:
        """The same, with no more at the same time than so many open files carry.

        What is asked for is scaled down alike for every protocol that is on.

        Args:
            files: How many files this process may have open.

        Raises:
            ConfigError: They are too few to serve anything.
        """
        named = len(self.interface + self.address)
        each = FILES_WORKER * max(1, named)
        # Where files are few, clients need them more than workers do.
        more = min((self.workers or 1) - 1, files // 8 // each)
        reserve = FILES_RESERVE + FILES_PLACE * named + each * more
        workers = self.workers and 1 + more
        wanted = self.tftp.max_transfers * FILES_TRANSFER * self.tftp.enabled
        ports = self.http.enabled + self.https.enabled
        connections = self.http.max_connections * FILES_CONNECTION * ports
        content = min(FILES_CONTENT, connections)
        wanted += connections
        left = files - reserve
        if left >= wanted + content:
            return dataclasses.replace(self, workers=workers)
        least = FILES_TRANSFER + FILES_CONNECTION + 1
        if left < least:
            raise ConfigError(
                f"only {files} files may be open at a time, and fastboot needs "
                f"{reserve + least}; allow more with `ulimit -n`"
            )
        left -= min(content, left // least)
        transfers = max(1, self.tftp.max_transfers * left // wanted)
        connections = max(1, self.http.max_connections * left // wanted)
        return dataclasses.replace(
            self,
            workers=workers,
            tftp=dataclasses.replace(self.tftp, max_transfers=transfers),
            http=dataclasses.replace(self.http, max_connections=connections),
        )

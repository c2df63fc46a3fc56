"""Every setting of fastboot with its default and the reason for it.

This is the only place where settings are written down: `settings` makes the command's
flags, the keys of the TOML file and the environment variables from these fields.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from .errors import ConfigError

PORTS = (0, 0xFFFF)
"""What a port may be; 0 lets the system choose."""

SECONDS_MAX = 1_000_000
"""Longest timeout, seconds: eleven days, and far from where timers overflow."""

COUNT_MAX = 1_000_000
"""Most transfers or connections that can be allowed, more than descriptors allow."""

CACHE_MAX = 1 << 40
"""Largest cache, bytes."""

FILES_RESERVE = 128
"""Open files that are no transfer's: timers, the loop, the folder, the standard streams,
ports, and connections that are told that there is no room."""

FILES_PLACE = 8
"""Open files for each interface or address named: two sockets of TFTP and one of HTTP,
for IPv4 and IPv6, and two of DHCP."""

FILES_TRANSFER = 1
"""Open files of a TFTP transfer."""

FILES_CONNECTION = 2
"""Open files of an HTTP connection: its socket, and what it reads."""


def _setting(default: Any, text: str, **more: Any) -> Any:  # noqa: ANN401
    """A field with its help text; `flag` names it where its own name would not do."""
    return field(default=default, metadata={"text": text, **more})


def flag(part: type, name: str) -> str:
    """How the command calls a field of `Config` or of one of its parts.

    >>> flag(HttpConfig, "idle_timeout"), flag(Config, "folder")
    ('--http-idle-timeout', 'FOLDER')
    """
    fields: dict[str, dataclasses.Field[Any]] = part.__dict__["__dataclass_fields__"]
    given = fields[name].metadata.get("flag")
    if given:
        return str(given)
    prefix = part.__name__.removesuffix("Config").lower()
    return "--" + f"{prefix} {name}".strip().replace(" ", "-").replace("_", "-")


def _between(part: object, **bounds: tuple[float, float]) -> None:
    for name, (least, most) in bounds.items():
        value = getattr(part, name)
        if value is not None and not least <= value <= most:  # nan is not
            raise ConfigError(
                f"{flag(type(part), name)} is {value}; "
                f"it must be between {least} and {most}"
            )


def _one_of(part: object, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(part, name)
    if value not in choices:
        raise ConfigError(
            f"{flag(type(part), name)} is {value!r}; it must be {' or '.join(choices)}"
        )


def _path(part: object, name: str, value: Path) -> None:
    if "\0" in str(value):
        raise ConfigError(f"{flag(type(part), name)} is no path: it holds a NUL")


@dataclass(frozen=True, slots=True)
class TftpConfig:
    """TFTP (RFC 1350 and its options)."""

    enabled: bool = _setting(True, "Serve over TFTP.", flag="--tftp")
    port: int | None = _setting(
        None, "Port for requests; 69 as root, 6969 otherwise.", shown="69 or 6969"
    )
    max_blksize: int = _setting(
        65464,
        "Largest block granted, bytes; the interface's MTU bounds it as well.",
    )
    max_windowsize: int = _setting(
        64,
        "Largest window granted, blocks: past 64 clients gain little (RFC 7440's own "
        "table) and their receive buffers overflow.",
    )
    idle_timeout: float = _setting(
        60.0,
        "Seconds without progress after which a transfer ends: longer than GRUB and "
        "Raspberry Pi pause to write what they have.",
    )
    cache_bytes: int = _setting(
        256 << 20,
        "Bytes of memory for files ready to be sent, shared by all clients; 0: none.",
    )
    max_per_client: int = _setting(
        128,
        "Transfers of one address at the same time: a machine has one, a network "
        "behind one address some dozens.",
    )
    max_transfers: int = _setting(
        4096, "Transfers at the same time; requests beyond it get no answer."
    )

    def __post_init__(self) -> None:
        """Check each value."""
        _between(self, port=PORTS)
        # The bounds of RFC 2348, section 2, and of RFC 7440, section 3.
        _between(self, max_blksize=(8, 65464), max_windowsize=(1, 65535))
        _between(self, idle_timeout=(1, SECONDS_MAX), cache_bytes=(0, CACHE_MAX))
        _between(self, max_transfers=(1, COUNT_MAX), max_per_client=(1, COUNT_MAX))


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """HTTP/1.1 (RFC 9110, RFC 9112)."""

    enabled: bool = _setting(True, "Serve over HTTP.", flag="--http")
    port: int | None = _setting(
        None, "Port; 80 as root, 8080 otherwise.", shown="80 or 8080"
    )
    head_timeout: float = _setting(
        15.0, "Seconds for a request's head to arrive, on a LAN more than enough."
    )
    idle_timeout: float = _setting(
        75.0,
        "Seconds a connection may stay without a request: firmware keeps its "
        "connection while a person looks at a prompt.",
    )
    stall_timeout: float = _setting(
        120.0,
        "Seconds a client may take nothing of an answer before it is cut off; iPXE "
        "itself gives up after as long.",
    )
    max_connections: int = _setting(4096, "Connections at the same time.")

    def __post_init__(self) -> None:
        """Check each value."""
        _between(self, port=PORTS)
        seconds = (1, SECONDS_MAX)
        _between(self, head_timeout=seconds, idle_timeout=seconds)
        _between(self, stall_timeout=seconds, max_connections=(1, COUNT_MAX))


@dataclass(frozen=True, slots=True)
class DhcpConfig:
    """Discovery: DHCP answers for machines that boot from the network."""

    mode: str | None = _setting(
        None,
        "proxy: answer boot clients beside the network's own DHCP server; off: stay "
        "silent. proxy as root, off otherwise.",
        flag="--dhcp",
        shown="proxy or off",
        choices=("proxy", "off"),
    )
    port: int = _setting(67, "Port for DISCOVERs; clients know only 67.")
    pxe_port: int = _setting(4011, "Port for PXE requests; clients know only 4011.")

    def __post_init__(self) -> None:
        """Check each value."""
        if self.mode is not None:
            _one_of(self, "mode", ("proxy", "off"))
        _between(self, port=PORTS, pxe_port=PORTS)


@dataclass(frozen=True, slots=True)
class BootConfig:
    """What a machine is offered."""

    menu_timeout: float = _setting(
        5.0,
        "Seconds until the only entry starts by itself; 0: it waits for a key, as a "
        "menu of several always does.",
    )
    programs: tuple[Path, ...] = _setting(
        (Path("/usr/lib/ipxe"), Path("/usr/share/ipxe")),
        "Folders to look for iPXE in, after the served one (Debian's and Fedora's).",
    )

    def __post_init__(self) -> None:
        """Check each value."""
        _between(self, menu_timeout=(0, SECONDS_MAX))
        for folder in self.programs:
            _path(self, "programs", folder)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a server is told.

    >>> Config(Path("images"), tftp=TftpConfig(port=6969)).tftp.port
    6969
    """

    folder: Path = field(metadata={"text": "The folder to serve.", "flag": "FOLDER"})
    interface: tuple[str, ...] = _setting(
        (), "Serve on this interface only; may be given again."
    )
    address: tuple[str, ...] = _setting(
        (), "Serve on this address only; may be given again."
    )
    loop: str = _setting(
        "uvloop",
        "The event loop: uvloop, asyncio or trio.",
        choices=("uvloop", "asyncio", "trio"),
    )
    log_format: str = _setting(
        "text",
        "text: lines for people; json: one object a line.",
        choices=("text", "json"),
    )
    drain_timeout: float = _setting(
        30.0, "Seconds that running transfers have to finish after SIGTERM."
    )
    tftp: TftpConfig = TftpConfig()
    http: HttpConfig = HttpConfig()
    dhcp: DhcpConfig = DhcpConfig()
    boot: BootConfig = BootConfig()

    def __post_init__(self) -> None:
        """Check each value."""
        for address in self.address:
            try:
                ip_address(address)
            except ValueError:
                raise ConfigError(
                    f"--address is {address!r}; it must be an IP address"
                ) from None
        _one_of(self, "loop", ("uvloop", "asyncio", "trio"))
        _one_of(self, "log_format", ("text", "json"))
        _between(self, drain_timeout=(0, SECONDS_MAX))
        _path(self, "folder", self.folder)

    def resolved(self, *, privileged: bool) -> Config:
        """The same with each default filled in that depends on who runs it.

        Args:
            privileged: Whether the ports below 1024 are ours to open.

        Raises:
            ConfigError: Everything is switched off.
        """
        ports = (69, 80, "proxy") if privileged else (6969, 8080, "off")
        tftp, http, dhcp = self.tftp, self.http, self.dhcp
        if tftp.port is None:
            tftp = dataclasses.replace(tftp, port=ports[0])
        if http.port is None:
            http = dataclasses.replace(http, port=ports[1])
        if dhcp.mode is None:
            dhcp = dataclasses.replace(dhcp, mode=ports[2])
        if not tftp.enabled and not http.enabled and dhcp.mode == "off":
            raise ConfigError(
                "there is nothing to serve: TFTP, HTTP and DHCP are all off; "
                "leave out --no-tftp or --no-http"
            )
        return dataclasses.replace(self, tftp=tftp, http=http, dhcp=dhcp)

    def within(self, files: int) -> Config:
        """The same, with no more at the same time than so many open files carry.

        What is asked for is scaled down alike for every protocol that is on.

        Args:
            files: How many files this process may have open.

        Raises:
            ConfigError: They are too few to serve anything.
        """
        reserve = FILES_RESERVE + FILES_PLACE * len(self.interface + self.address)
        wanted = self.tftp.max_transfers * FILES_TRANSFER * self.tftp.enabled
        wanted += self.http.max_connections * FILES_CONNECTION * self.http.enabled
        left = files - reserve
        if left >= wanted:
            return self
        least = FILES_TRANSFER + FILES_CONNECTION
        if left < least:
            raise ConfigError(
                f"only {files} files may be open at a time, and fastboot needs "
                f"{reserve + least}; allow more with `ulimit -n`"
            )
        transfers = max(1, self.tftp.max_transfers * left // wanted)
        connections = max(1, self.http.max_connections * left // wanted)
        return dataclasses.replace(
            self,
            tftp=dataclasses.replace(self.tftp, max_transfers=transfers),
            http=dataclasses.replace(self.http, max_connections=connections),
        )

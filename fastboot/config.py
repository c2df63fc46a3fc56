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


def _setting(default: Any, text: str, **more: Any) -> Any:  # noqa: ANN401
    """A field with its help text; `flag` names it where its own name would not do."""
    return field(default=default, metadata={"text": text, **more})


def _at_least(part: object, **least: float) -> None:
    for name, bound in least.items():
        value = getattr(part, name)
        if value is not None and value < bound:
            raise ConfigError(f"{name} is {value}; it must be {bound} or more")


def _port(part: object, *names: str) -> None:
    for name in names:
        value = getattr(part, name)
        if value is not None and not 0 <= value <= 0xFFFF:
            raise ConfigError(f"{name} is {value}; a port is between 0 and 65535")


def _one_of(part: object, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(part, name)
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}; it must be {' or '.join(choices)}")


@dataclass(frozen=True, slots=True)
class TftpConfig:
    """TFTP (RFC 1350 and its options)."""

    enabled: bool = _setting(True, "Serve over TFTP.", flag="tftp")
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
    max_transfers: int = _setting(
        4096, "Transfers at the same time; requests beyond it get no answer."
    )

    def __post_init__(self) -> None:
        """Check each value."""
        _port(self, "port")
        _at_least(self, max_blksize=8, max_windowsize=1, idle_timeout=1)
        _at_least(self, max_transfers=1, cache_bytes=0)


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """HTTP/1.1 (RFC 9110, RFC 9112)."""

    enabled: bool = _setting(True, "Serve over HTTP.", flag="http")
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
        _port(self, "port")
        _at_least(self, head_timeout=1, idle_timeout=1, stall_timeout=1)
        _at_least(self, max_connections=1)


@dataclass(frozen=True, slots=True)
class DhcpConfig:
    """Discovery: DHCP answers for machines that boot from the network."""

    mode: str | None = _setting(
        None,
        "proxy: answer boot clients beside the network's own DHCP server; off: stay "
        "silent. proxy as root, off otherwise.",
        flag="dhcp",
        shown="proxy or off",
        choices=("proxy", "off"),
    )
    port: int = _setting(67, "Port for DISCOVERs; clients know only 67.")
    pxe_port: int = _setting(4011, "Port for PXE requests; clients know only 4011.")

    def __post_init__(self) -> None:
        """Check each value."""
        if self.mode is not None:
            _one_of(self, "mode", ("proxy", "off"))
        _port(self, "port", "pxe_port")


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
        _at_least(self, menu_timeout=0)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a server is told.

    >>> Config(Path("images"), tftp=TftpConfig(port=6969)).tftp.port
    6969
    """

    folder: Path = field(metadata={"text": "The folder to serve."})
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
                    f"address is {address!r}; it must be an IP address"
                ) from None
        _one_of(self, "loop", ("uvloop", "asyncio", "trio"))
        _one_of(self, "log_format", ("text", "json"))
        _at_least(self, drain_timeout=0)

    def resolved(self, *, privileged: bool) -> Config:
        """The same with each default filled in that depends on who runs it.

        Args:
            privileged: Whether the ports below 1024 are ours to open.
        """
        ports = (69, 80, "proxy") if privileged else (6969, 8080, "off")
        tftp, http, dhcp = self.tftp, self.http, self.dhcp
        if tftp.port is None:
            tftp = dataclasses.replace(tftp, port=ports[0])
        if http.port is None:
            http = dataclasses.replace(http, port=ports[1])
        if dhcp.mode is None:
            dhcp = dataclasses.replace(dhcp, mode=ports[2])
        return dataclasses.replace(self, tftp=tftp, http=http, dhcp=dhcp)

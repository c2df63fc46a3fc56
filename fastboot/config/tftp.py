"""Settings of TFTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastboot.errors import ConfigError

from .client import TftpClient
from .setting import (
    CACHE_MAX,
    COUNT_MAX,
    PORTS,
    SECONDS_MAX,
    between,
    no_nul,
    setting,
)

BYTES_MAX = 1 << 60
"""Largest limit on a disk, bytes: an exabyte is no limit."""

UPLOADS_MAX = 1000
"""Most files that can be sent at the same time: each holds some MB of memory while the
disk is slow."""


def port_range(text: str) -> range | None:
    """The ports that `TftpConfig.ports` names; None where it names none.

    >>> port_range("50000-50007"), port_range("single")
    (range(50000, 50008), None)

    Raises:
        ConfigError: It is neither a range nor a word that is known.
    """
    if text in ("pool", "single", "each"):
        return None
    low, dash, high = text.partition("-")
    if dash and all(part.isdecimal() and len(part) <= 5 for part in (low, high)):
        ports = range(int(low), int(high) + 1)
        if 0 < int(low) <= int(high) <= PORTS[1]:
            return ports
    raise ConfigError(
        f"--tftp-ports is {text!r}; it must be pool, each, single or LOW-HIGH, "
        "as 50000-50007"
    )


@dataclass(frozen=True, slots=True)
class TftpConfig:
    """TFTP (RFC 1350 and its options)."""

    enabled: bool = setting(True, "Serve over TFTP.", flag="--tftp")
    port: int | None = setting(
        None, "Port for requests; 69 as root, 6969 otherwise.", shown="69 or 6969"
    )
    ports: str = setting(
        "pool",
        "Ports that files leave from: pool: a few of the system's choice; LOW-HIGH: of "
        "these, for a firewall; each: one for each transfer; single: the port for "
        "requests, for NAT and Kubernetes.",
    )
    max_blksize: int = setting(
        65464,
        "Largest block granted, bytes; the interface's MTU bounds it as well.",
    )
    max_windowsize: int = setting(
        64,
        "Largest window granted, blocks: past 64 clients gain little (RFC 7440's own "
        "table) and their receive buffers overflow.",
    )
    msftwindow: bool = setting(
        False,
        "Let Windows' loader change the window with every ACK (msftwindow). Off: there "
        "is firmware that fails with it, and windowsize serves as well.",
    )
    idle_timeout: float = setting(
        60.0,
        "Seconds without progress after which a transfer ends: longer than GRUB and "
        "Raspberry Pi pause to write what they have.",
    )
    answer_timeout: float = setting(
        30.0,
        "Seconds that a file made to order may take; most firmware gives up earlier.",
    )
    cache_bytes: int = setting(
        256 << 20,
        "Bytes of memory for files ready to be sent, shared by all clients; 0: none.",
    )
    max_per_client: int = setting(
        128,
        "Transfers of one address at the same time: a machine has one, a network "
        "behind one address some dozens.",
    )
    max_request_rate: float = setting(
        100.0,
        "Requests of one address a second that come to nothing, after ten seconds' "
        "worth at once; 0: any number. A machine asks for some dozen files that are not "
        "there when it boots. Requests in somebody else's name are answered to him.",
    )
    client: tuple[TftpClient, ...] = setting(
        (), "Rules for clients that fail with what others are glad of."
    )
    max_transfers: int = setting(
        4096, "Transfers at the same time; requests beyond it get no answer."
    )
    uploads: Path | None = setting(  # noqa: RUF009 (a path never changes)
        None,
        "Folder that takes files from clients (WRQ). Whoever reaches the port may send: "
        "choose one that is not served, unless machines may boot what anybody sent.",
        shown="off",
    )
    uploads_overwrite: bool = setting(
        False, "Let a file that is sent take the place of one of the same name."
    )
    uploads_file_bytes: int = setting(
        1 << 30,
        "Bytes of one file that is sent, at the most: logs, configurations and memory "
        "dumps of small machines.",
    )
    uploads_free_bytes: int = setting(
        1 << 30, "Bytes of the disk that stay free whatever is sent."
    )
    uploads_at_once: int = setting(
        16, "Files that are sent at the same time: their blocks wait for one disk."
    )

    def __post_init__(self) -> None:
        """Check each value."""
        between(self, port=PORTS)
        port_range(self.ports)
        # RFC 2348, section 2. Of 65536 block numbers a window may use less than half,
        # so that an old ACK never looks like a new one.
        between(self, max_blksize=(8, 65464), max_windowsize=(1, 32767))
        seconds = (1, SECONDS_MAX)
        between(self, idle_timeout=seconds, answer_timeout=seconds)
        between(self, cache_bytes=(0, CACHE_MAX))
        between(self, uploads_file_bytes=(0, BYTES_MAX))
        between(self, uploads_free_bytes=(0, BYTES_MAX))
        between(self, uploads_at_once=(1, UPLOADS_MAX))
        if self.uploads is not None:
            no_nul(self, "uploads", self.uploads)
        between(self, max_transfers=(1, COUNT_MAX), max_per_client=(1, COUNT_MAX))
        between(self, max_request_rate=(0, COUNT_MAX))

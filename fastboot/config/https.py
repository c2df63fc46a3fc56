"""Settings of HTTPS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from fastboot.errors import ConfigError

from .setting import PORTS, between, flag, no_nul, setting


def _is_reachable(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return _HOST.fullmatch(name) is not None
    return True


_HOST = re.compile(r"(\*\.)?[\w-]+(\.[\w-]+)*\.?")
"""A host name in any script, or a wildcard of one."""


@dataclass(frozen=True, slots=True)
class HttpsConfig:
    """HTTP over TLS 1.2 and 1.3 (RFC 5246, RFC 8446); its limits are those of HTTP."""

    enabled: bool = setting(
        False,
        "Serve over HTTPS as well; what machines must be told is shown by "
        "`fastboot cert`.",
        flag="--https",
    )
    port: int | None = setting(
        None, "Port; 443 as root, 8443 otherwise.", shown="443 or 8443"
    )
    certificate: tuple[Path, ...] = setting(
        (),
        "A certificate to use in place of our own, PEM, with what stands between it "
        "and its root; may be given again, with a key of another kind.",
    )
    key: tuple[Path, ...] = setting(
        (), "The key of each certificate, in the same order; PEM, without a password."
    )
    name: tuple[str, ...] = setting(
        (),
        "A host name or address that machines reach us by, for our own certificate; "
        "may be given again. Those of this machine are in it anyway.",
    )
    state: Path | None = setting(  # noqa: RUF009 (neither can change)
        None,
        "The folder where our own certificates are kept.",
        shown="/var/lib/fastboot or ~/.local/state/fastboot",
    )
    legacy: bool = setting(
        False,
        "Allow RSA without forward secrecy: what iPXE knew before 2022, and UEFI that "
        "was built without elliptic curves, as Debian 12's OVMF.",
    )
    kernel: bool = setting(True, "Let the kernel encrypt files where it can.")
    boot_urls: bool = setting(
        False,
        "Send machines to https URLs; otherwise to http ones, which no machine has to "
        "be told about.",
    )

    def __post_init__(self) -> None:
        """Check each value."""
        between(self, port=PORTS)
        for path in self.certificate:
            no_nul(self, "certificate", path)
        for path in self.key:
            no_nul(self, "key", path)
        if self.state is not None:
            no_nul(self, "state", self.state)
        for name in self.name:
            if not _is_reachable(name):
                raise ConfigError(
                    f"{flag(type(self), 'name')} is {name!r}; "
                    "it must be a host name or an IP address"
                )
        if len(self.certificate) != len(self.key):
            raise ConfigError(
                f"there are {len(self.certificate)} --https-certificate and "
                f"{len(self.key)} --https-key; give one key with each certificate"
            )

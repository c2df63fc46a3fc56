"""Which certificates a `Config` asks for: those given, or our own."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path
from platform import node
from typing import TYPE_CHECKING

from .config import Config
from .errors import ConfigError
from .interfaces import Interfaces
from .tls.context import make_context
from .tls.enrol import write_instructions

if TYPE_CHECKING:
    from .tls.store import Store


def context(config: Config, now: datetime) -> ssl.SSLContext:
    """What HTTPS's sockets need; our own certificates are made where they are missing.

    Args:
        config: Resolved.
        now: UTC.

    Raises:
        ConfigError: They cannot be used or made.
    """
    https = config.https
    pairs = list(zip(https.certificate, https.key, strict=True))
    if not pairs:
        pairs = store(config).pairs(names(config), now)
    return make_context(pairs, legacy=https.legacy, kernel=https.kernel)


def instructions(config: Config, now: datetime) -> str:
    """What people must do so that machines trust our own certificates.

    Raises:
        ConfigError: They cannot be made.
    """
    kept, reached = store(config), names(config)
    kept.pairs(reached, now)
    port = config.https.port or 443
    return write_instructions(
        kept.authority, kept.authority_der, kept.fingerprint(), reached, port
    )


def store(config: Config) -> Store:
    """Where our own certificates are kept.

    Raises:
        ConfigError: What makes them is not installed.
    """
    try:
        from .tls.store import Store
    except ImportError:
        raise ConfigError(
            "making certificates needs the package cryptography; install "
            "fastboot[tls], or name a certificate with --https-certificate"
        ) from None
    return Store(config.https.state or Path(), node() or "fastboot")


def names(config: Config) -> tuple[str, ...]:
    """The host names and addresses that machines may reach this one by."""
    found = [node(), "localhost", *config.https.name]
    if config.address:
        found += (address.partition("%")[0] for address in config.address)
    else:
        for card in Interfaces().all():
            if not config.interface or card.name in config.interface:
                found += (str(address) for address in card.ipv4)
                # One of a link needs the link's name, which no certificate can say.
                found += (str(own) for own in card.ipv6 if not own.is_link_local)
    return tuple(dict.fromkeys(name for name in found if name))

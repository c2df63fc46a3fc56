"""Which certificates a `Config` asks for: those given, or our own."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from itertools import chain
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


class Certificates:
    """The certificates in use, which may be read again.

    With the context live the keys of TLS's session tickets, which OpenSSL draws for it
    and never changes: in memory alone, the same for all engines, and good as long as
    the certificates are the same. Who has new ones may have had to, and begins without
    old sessions; who reads the old ones again keeps them.

    Whoever learns such a key can read what was sent in sessions of TLS 1.2 whose
    tickets it is for, of those that were recorded, too (RFC 9325, section 3.4; with TLS
    1.3 each connection has secrets of its own, RFC 8446, section 2.2). So a server has
    the context made anew once a day.

    Args:
        config: Resolved.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._read = b""
        self._context: ssl.SSLContext | None = None

    def context(self, now: datetime, *, renew: bool = False) -> ssl.SSLContext:
        """What HTTPS's sockets need: what it was before where nothing has changed.

        Our own certificates are made where they are missing.

        Args:
            now: UTC.
            renew: Whether it is to be another one anyway, with keys of its own for
                sessions: clients begin anew.

        Raises:
            ConfigError: They cannot be used or made.
        """
        https = self._config.https
        pairs = list(zip(https.certificate, https.key, strict=True))
        if not pairs:
            pairs = store(self._config).pairs(names(self._config), now)
        read = _digest(pairs)
        # A key that others can read is refused, be it the same.
        made = make_context(pairs, legacy=https.legacy, kernel=https.kernel)
        if renew or self._context is None or read != self._read:
            self._context, self._read = made, read
        return self._context


def _digest(pairs: Iterable[tuple[Path, Path]]) -> bytes:
    """Tells certificates and keys from others; b"" where one cannot be read."""
    found = sha256()
    try:
        for path in chain.from_iterable(pairs):
            found.update(sha256(path.read_bytes()).digest())
    except OSError:
        return b""
    return found.digest()


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

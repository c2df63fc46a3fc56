"""Our own certificates in a folder: made at the first start, renewed when it is time.

ca.pem ca.key           the authority, which machines come to trust
ca.der                  the same certificate as UEFI's setup reads it
ecdsa.pem ecdsa.key     the server, and the same with another kind of key
rsa.pem rsa.key
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from fastboot.errors import ConfigError

from .authority import (
    KINDS,
    Identity,
    certificate_der,
    certificate_pem,
    key_pem,
    new_authority,
    new_identity,
    read_identity,
    still_good,
)
from .context import check_private


class Store:
    """The folder.

    Args:
        folder: Where; it is made where it is not there yet.
        host: This machine's name.
    """

    def __init__(self, folder: Path, host: str) -> None:
        self.folder = folder
        self._host = host

    @property
    def authority(self) -> Path:
        """The certificate that machines come to trust, as PEM."""
        return self.folder / "ca.pem"

    @property
    def authority_der(self) -> Path:
        """The same as DER."""
        return self.folder / "ca.der"

    def fingerprint(self) -> str:
        """The SHA-256 of the authority's certificate, as `openssl x509` shows it."""
        return sha256(self.authority_der.read_bytes()).digest().hex(":").upper()

    def pairs(self, names: Iterable[str], now: datetime) -> list[tuple[Path, Path]]:
        """Certificate and key of each kind, made or renewed where that is due.

        Args:
            names: The host names and IP addresses that the server is reached by.
            now: UTC.

        Raises:
            ConfigError: The folder cannot be used, or holds something else.
        """
        names = tuple(names)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            authority = self._authority(now)
            for kind in KINDS:
                self._renew(authority, kind, names, now)
        except OSError as error:
            raise ConfigError(
                f"cannot keep certificates in {self.folder}: {error.strerror}; choose "
                "another --https-state, or name a certificate with --https-certificate"
            ) from None
        except UnicodeError as error:
            raise ConfigError(f"--https-name is no host name: {error}") from None
        return [self._paths(kind) for kind in KINDS]

    def _paths(self, kind: str) -> tuple[Path, Path]:
        return self.folder / f"{kind}.pem", self.folder / f"{kind}.key"

    def _authority(self, now: datetime) -> Identity:
        """The authority; one that is there and cannot be read is never replaced."""
        certificate, key = self._paths("ca")
        if not key.exists():
            made = new_authority(self._host, now)
            self._write(made, certificate, key)
            _write(self.authority_der, certificate_der(made.certificate), 0o644)
            return made
        found = self._read(certificate, key)
        if found is None:
            raise ConfigError(
                f"{certificate} and {key} are no authority; restore them, or remove "
                "both to have a new one made, which machines must be told of"
            )
        return found

    def _renew(
        self, authority: Identity, kind: str, names: tuple[str, ...], now: datetime
    ) -> None:
        certificate, key = self._paths(kind)
        found = self._read(certificate, key) if key.exists() else None
        if found is None or not still_good(found, authority, names, now):
            made = new_identity(authority, kind, names, now)
            self._write(made, certificate, key)

    def _read(self, certificate: Path, key: Path) -> Identity | None:
        check_private(key)
        try:
            return read_identity(key.read_bytes(), certificate.read_bytes())
        except (ValueError, TypeError, FileNotFoundError):
            return None

    def _write(self, made: Identity, certificate: Path, key: Path) -> None:
        _write(key, key_pem(made.key), 0o600)
        _write(certificate, certificate_pem(made.certificate), 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Put a whole file in the place of another, with this mode from the beginning."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
    new.replace(path)

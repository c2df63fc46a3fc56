"""What a TLS socket needs: versions, suites, certificates.

TLS 1.2 stays on, since iPXE knows nothing newer, and 1.3 is on beside it. A server has
two certificates: iPXE up to 2024 reads RSA alone, and ECDSA costs a tenth of it.
"""

from __future__ import annotations

import os
import ssl
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fastboot.errors import ConfigError

from .sockets import TlsSocket, kernel_knows_tls

SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+SHA256:ECDHE+SHA384"
"""TLS 1.2's suites with forward secrecy, as newer UEFI and iPXE since 2022 have them."""

LEGACY = "DHE+aRSA+AESGCM:DHE+aRSA+AES:kRSA+AESGCM:kRSA+AES"
"""Suites for iPXE before that, and for UEFI that was built without elliptic curves, as
Debian 12's OVMF (EDK2 2022.11) was. The DHE ones have forward secrecy too, but cost ten
times as much; the others protect what is sent as long as the key does not leak, now or
later."""

FFDHE2048 = """\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""The group for DHE (RFC 7919, appendix A.1): it is known to be sound, and what EDK2 and
iPXE do not know by name they take by its numbers."""

ENABLE_KTLS = getattr(ssl, "OP_ENABLE_KTLS", 1 << 3)
"""Let the kernel encrypt (OpenSSL 3; Python names it since 3.12)."""

TICKETS = 1
"""Tickets that a client of TLS 1.3 gets after a full handshake, where OpenSSL would send
two: each costs a sixteenth of the handshake, and boot clients come back one by one."""


def make_context(
    pairs: Sequence[tuple[Path, Path]], *, legacy: bool = False, kernel: bool = True
) -> ssl.SSLContext:
    """A server's context.

    Args:
        pairs: Certificate, with what stands between it and its root, and key; one for
            each kind of key.
        legacy: Whether iPXE of before 2022 is to be served, or UEFI as old.
        kernel: Whether the kernel may encrypt where it can.

    Raises:
        ConfigError: A certificate or key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = TlsSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{SUITES}:{LEGACY}" if legacy else SUITES)
    if legacy:
        _load_group(context)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Sessions are resumed, TLS 1.2's too, whose secrecy is then that of the ticket's key:
    # it is drawn for this context, never leaves memory and is gone with the process. No
    # early data is taken, as OpenSSL takes none unless it is told to.
    context.num_tickets = TICKETS
    if kernel and kernel_knows_tls():
        context.options |= ENABLE_KTLS
    for certificate, key in pairs:
        check_private(key)
        try:
            # Without a password's text OpenSSL would ask for one on the terminal.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except ssl.SSLError as error:
            raise ConfigError(
                f"the certificate {certificate} cannot be used with the key {key}: "
                f"{_text(error)}; both must be PEM, belong to each other, and the key "
                "must have no password"
            ) from None
        except OSError as error:
            raise ConfigError(f"cannot read {certificate}: {error.strerror}") from None
    return context


def _load_group(context: ssl.SSLContext) -> None:
    """Have DHE's group; without one OpenSSL leaves those suites out."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # it takes no text
        file.write(FFDHE2048)
        file.flush()
        context.load_dh_params(file.name)


def _text(error: ssl.SSLError) -> str:
    return (error.reason or "no PEM").lower().replace("_", " ")


def check_private(key: Path) -> None:
    """Refuse a key that others could have read.

    Raises:
        ConfigError: It can be read by others, is not ours, or is not there.
    """
    try:
        status = key.stat()
    except OSError as error:
        raise ConfigError(f"cannot read the key {key}: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"the key {key} is not a file")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigError(
            f"the key {key} belongs to another user, who can read it; run "
            f"`chown {os.geteuid()} {key}`, better with a new key"
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise ConfigError(
            f"the key {key} can be read by others (its mode is {mode:04o}); run "
            f"`chmod 600 {key}`, better with a new key"
        )

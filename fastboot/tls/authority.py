"""An authority of our own, and the certificates that it signs for a server (RFC 5280).

Machines trust the authority, once; the server's certificates can then be made anew, with
another name or address, and nothing has to be enrolled again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=20 * 365)
"""How long an authority is good for: enrolling means a walk to each machine."""

SERVER_LIFE = timedelta(days=825)
"""How long a certificate is good for: the longest that any client accepts (Apple's)."""

RENEW = timedelta(days=60)
"""A certificate is made anew when no more than this is left of its life."""

BACKDATE = timedelta(days=365)
"""How far before its making a certificate begins: the clock of a machine that boots may
be off, and without a battery stands at the date of its firmware."""

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

KINDS = ("ecdsa", "rsa")
"""The kinds of a server's keys, the cheaper first."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A key and its certificate."""

    key: Key
    certificate: x509.Certificate


def new_key(kind: str) -> Key:
    """A key: P-256 for "ecdsa", 2048 bits for "rsa", which is what all clients know."""
    if kind == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def new_authority(host: str, now: datetime) -> Identity:
    """An authority, which signs itself; with RSA, since old clients know nothing else.

    Args:
        host: Its machine's name, to tell several authorities apart.
        now: UTC.
    """
    key = new_key("rsa")
    name = _name(f"fastboot on {host}"[:64])
    builder = _builder(key, name, name, now, AUTHORITY_LIFE)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    builder = builder.add_extension(_usage(sign_certificates=True), critical=True)
    return Identity(key, builder.sign(key, hashes.SHA256()))


def new_identity(
    authority: Identity, kind: str, names: Iterable[str], now: datetime
) -> Identity:
    """A server's key and certificate.

    Args:
        authority: Who signs.
        kind: One of `KINDS`.
        names: The host names and IP addresses that it is for, at least one. UEFI looks
            for an address among the alternative names and nowhere else.
        now: UTC.
    """
    key = new_key(kind)
    names = sorted(set(names))
    issuer = authority.certificate.subject
    builder = _builder(key, _name(f"fastboot {kind}"), issuer, now, SERVER_LIFE)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_usage(sign_certificates=False), critical=True)
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
    alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
    builder = builder.add_extension(alternatives, critical=False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(
        authority.key.public_key()
    )
    builder = builder.add_extension(above, critical=False)
    return Identity(key, builder.sign(authority.key, hashes.SHA256()))


def still_good(
    identity: Identity, authority: Identity, names: Iterable[str], now: datetime
) -> bool:
    """Whether a certificate is ours, is for all these names, and lasts a while."""
    certificate = identity.certificate
    try:
        certificate.verify_directly_issued_by(authority.certificate)
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    if certificate.not_valid_after_utc - now < RENEW:
        return False
    return {_general(name) for name in names} <= set(found)


def key_pem(key: Key) -> bytes:
    """A key as PEM, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def certificate_der(certificate: x509.Certificate) -> bytes:
    """A certificate as DER, which UEFI's setup screens read."""
    return certificate.public_bytes(serialization.Encoding.DER)


def read_identity(key: bytes, certificate: bytes) -> Identity:
    """What `key_pem` and `certificate_pem` wrote.

    Raises:
        ValueError: It is something else, or the two do not belong together.
    """
    private = serialization.load_pem_private_key(key, password=None)
    if not isinstance(private, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise TypeError("a key of another kind")
    found = x509.load_pem_x509_certificate(certificate)
    if private.public_key() != found.public_key():
        raise ValueError("the key is not the certificate's")
    return Identity(private, found)


def _builder(
    key: Key, subject: x509.Name, issuer: x509.Name, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + life)
    )
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.add_extension(own, critical=False)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_encipherment=not sign_certificates,  # RSA's old way to agree on keys
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode() if name else name)

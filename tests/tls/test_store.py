"""Certificates of our own: made once, kept, renewed, and never of a weaker kind."""

from __future__ import annotations

import os
import stat
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fastboot.errors import ConfigError
from fastboot.tls.authority import RENEW, SERVER_LIFE
from fastboot.tls.enrol import write_instructions
from fastboot.tls.store import Store
from peers import need
from tls.conftest import NAMES

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def load(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_certificate_of_each_kind_is_made(made):
    _, pairs = made
    keys = [load(certificate).public_key() for certificate, _ in pairs]
    assert isinstance(keys[0], ec.EllipticCurvePublicKey)
    assert isinstance(keys[0].curve, ec.SECP256R1)
    assert isinstance(keys[1], rsa.RSAPublicKey)
    assert keys[1].key_size == 2048


def test_a_certificate_names_every_host_and_address(made):
    """UEFI looks for an address among the alternative names and nowhere else."""
    for certificate, _ in made[1]:
        names = (
            load(certificate)
            .extensions.get_extension_for_class(x509.SubjectAlternativeName)
            .value
        )
        assert {str(name.value) for name in names} == set(NAMES)


@pytest.mark.parametrize("purpose", ["sslserver", "any"])
def test_openssl_finds_nothing_wrong_with_them(made, purpose):
    store, pairs = made
    for certificate, _ in pairs:
        verify = [need("openssl"), "verify", "-x509_strict", "-purpose", purpose]
        subprocess.run(
            [
                *verify,
                "-CAfile",
                store.authority,
                "-verify_ip",
                "127.0.0.1",
                certificate,
            ],
            check=True,
            capture_output=True,
        )


def test_the_root_is_not_in_what_is_sent(made):
    """iPXE once stumbled over it, and no client needs it."""
    for certificate, _ in made[1]:
        assert certificate.read_bytes().count(b"BEGIN CERTIFICATE") == 1


def test_H9_keys_are_readable_by_their_owner_alone_from_the_beginning(tmp_path):
    old = os.umask(0)
    try:
        store = Store(tmp_path / "state", "host")
        store.pairs(NAMES, NOW)
    finally:
        os.umask(old)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()
    }
    assert modes == {
        **dict.fromkeys(("ca.key", "ecdsa.key", "rsa.key"), 0o600),
        **dict.fromkeys(("ca.pem", "ca.der", "ecdsa.pem", "rsa.pem"), 0o644),
    }
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def contents(store):
    return {path.name: path.read_bytes() for path in store.folder.iterdir()}


@pytest.fixture
def store(tmp_path):
    """A store with certificates made at NOW."""
    made = Store(tmp_path / "state", "host")
    made.pairs(NAMES, NOW)
    return made


@pytest.mark.parametrize(
    ("names", "later"),
    [
        (NAMES, timedelta(0)),
        (NAMES[1:], timedelta(0)),  # an interface that is down just now
        (NAMES, SERVER_LIFE - RENEW - timedelta(days=1)),
    ],
)
def test_what_is_good_stays(store, names, later):
    before = contents(store)
    store.pairs(names, NOW + later)
    assert contents(store) == before


@pytest.mark.parametrize(
    ("names", "later"),
    [
        ((*NAMES, "10.0.0.9"), timedelta(0)),
        (NAMES, SERVER_LIFE - RENEW + timedelta(days=1)),
        (NAMES, SERVER_LIFE + timedelta(days=1)),
    ],
)
def test_what_is_not_is_made_anew_and_the_authority_stays(store, names, later):
    before = contents(store)
    store.pairs(names, NOW + later)
    after = contents(store)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"ecdsa.pem", "ecdsa.key", "rsa.pem", "rsa.key"}


@pytest.mark.parametrize("name", ["ecdsa.pem", "rsa.key", "rsa.pem"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_servers_certificate_that_is_spoilt_is_made_anew(store, name, content):
    path = store.folder / name
    path.unlink() if content is None else path.write_bytes(content)
    pairs = store.pairs(NAMES, NOW)
    for certificate, _ in pairs:
        load(certificate).verify_directly_issued_by(load(store.authority))


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_an_authority_that_is_spoilt_is_not_replaced(store, name):
    """Every machine that trusts it would have to be told."""
    (store.folder / name).write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="no authority; restore them, or remove"):
        store.pairs(NAMES, NOW)


@pytest.mark.parametrize("name", ["ca.key", "ecdsa.key", "rsa.key"])
def test_H9_a_key_of_ours_that_others_can_read_is_refused(store, name):
    (store.folder / name).chmod(0o644)
    with pytest.raises(ConfigError, match=f"{name} can be read by others"):
        store.pairs(NAMES, NOW)


def test_a_folder_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="choose another --https-state"):
        Store(tmp_path / "file" / "state", "host").pairs(NAMES, NOW)


@pytest.mark.parametrize("name", ["a" * 64, "é" * 100, "a..b"])
def test_a_name_that_no_host_has_is_one_line(tmp_path, name):
    with pytest.raises(ConfigError, match="--https-name"):
        Store(tmp_path / "state", "host").pairs([name], NOW)


def test_a_name_in_any_script_is_written_as_dns_has_it(tmp_path):
    store = Store(tmp_path / "state", "host")
    ((certificate, _), _) = store.pairs(["büro.example"], NOW)
    assert b"xn--bro-hoa.example" in load(certificate).public_bytes(
        serialization.Encoding.DER
    )
    before = contents(store)
    store.pairs(["büro.example"], NOW)
    assert contents(store) == before


def test_the_clock_of_a_machine_may_be_a_year_behind(made):
    for certificate, _ in made[1]:
        begins = load(certificate).not_valid_before_utc
        assert begins < datetime.now(UTC) - timedelta(days=364)


def test_people_are_told_what_to_enrol_and_where(made):
    store, _ = made
    text = write_instructions(
        store.authority, store.authority_der, store.fingerprint(), NAMES, 8443
    )
    assert str(store.authority) in text
    assert str(store.authority_der) in text
    assert f"TRUST={store.authority}" in text
    assert "https://boot.example:8443/" in text
    shown = subprocess.run(
        [
            *(need("openssl"), "x509", "-noout", "-fingerprint", "-sha256"),
            *("-in", store.authority),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert shown.strip().partition("=")[2] in text

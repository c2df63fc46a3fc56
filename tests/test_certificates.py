"""Certificates that are read again: sessions go on unless there are new ones."""

from __future__ import annotations

import dataclasses
import os
import shutil
from datetime import UTC, datetime

import pytest

from fastboot.certificates import Certificates
from fastboot.config import Config, HttpsConfig
from fastboot.errors import ConfigError

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Two certificates, each with its key."""
    store = pytest.importorskip("fastboot.tls.store").Store(
        tmp_path_factory.mktemp("tls") / "state", "host"
    )
    return store.pairs(["127.0.0.1"], NOW)


@pytest.fixture
def given(tmp_path, pairs):
    """The place of a certificate and its key, and a configuration that names them."""
    paths = tmp_path / "own.pem", tmp_path / "own.key"
    put(pairs[0], paths)
    https = HttpsConfig(enabled=True, certificate=(paths[0],), key=(paths[1],))
    return paths, dataclasses.replace(Config(folder=tmp_path), https=https)


def put(pair, paths):
    for one, path in zip(pair, paths, strict=True):
        shutil.copy(one, path)


def test_the_same_read_again_keep_their_context_and_its_sessions(given):
    paths, config = given
    certificates = Certificates(config)
    before = certificates.context(NOW)
    for path in paths:
        os.utime(path, (0, 0))
    assert certificates.context(NOW) is before


def test_new_ones_have_a_context_of_their_own(given, pairs):
    paths, config = given
    certificates = Certificates(config)
    before = certificates.context(NOW)
    put(pairs[1], paths)
    after = certificates.context(NOW)
    assert after is not before
    assert certificates.context(NOW) is after


def test_once_a_day_the_same_have_a_new_context_without_sessions(given):
    _, config = given
    certificates = Certificates(config)
    before = certificates.context(NOW)
    after = certificates.context(NOW, renew=True)
    assert after is not before
    assert certificates.context(NOW) is after


def test_H9_the_same_key_is_refused_once_others_can_read_it(given):
    paths, config = given
    certificates = Certificates(config)
    certificates.context(NOW)
    paths[1].chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        certificates.context(NOW)


def test_what_cannot_be_read_changes_nothing(given):
    paths, config = given
    certificates = Certificates(config)
    before = certificates.context(NOW)
    kept = paths[0].read_bytes()
    paths[0].unlink()
    with pytest.raises(ConfigError, match="cannot read"):
        certificates.context(NOW)
    paths[0].write_bytes(kept)
    assert certificates.context(NOW) is before


def test_our_own_are_read_again_as_well(tmp_path):
    pytest.importorskip("cryptography")
    https = HttpsConfig(enabled=True, state=tmp_path / "state")
    config = dataclasses.replace(
        Config(folder=tmp_path, address=("127.0.0.1",)), https=https
    )
    certificates = Certificates(config)
    assert certificates.context(NOW) is certificates.context(NOW)

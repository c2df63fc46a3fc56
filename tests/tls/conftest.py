"""Certificates for tests, made once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fastboot.tls.store import Store

NAMES = ("localhost", "127.0.0.1", "::1", "boot.example")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A store, and its certificates with their keys."""
    store = Store(tmp_path_factory.mktemp("tls") / "state", "host")
    return store, store.pairs(NAMES, datetime.now(UTC))

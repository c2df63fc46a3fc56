"""A missing peer is a skipped test that says what to install, or a failure on demand."""

from __future__ import annotations

import os

import pytest

import peers


@pytest.fixture
def wish(monkeypatch):
    """Sets FASTBOOT_TEST_REQUIRE_PEERS, on a machine without any program."""
    monkeypatch.setattr(peers.shutil, "which", lambda *_, **__: None)
    return lambda value: monkeypatch.setenv("FASTBOOT_TEST_REQUIRE_PEERS", value)


def test_a_test_without_its_program_is_skipped_and_names_the_package(wish):
    wish("")
    with pytest.raises(pytest.skip.Exception, match="apt-get install tftp-hpa"):
        peers.need("tftp")


def test_a_test_without_its_program_fails_where_all_are_required(wish):
    wish("1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install tftp-hpa"):
        peers.need("tftp")


def test_a_test_without_its_file_is_skipped_and_names_the_package(wish, tmp_path):
    wish("")
    with pytest.raises(pytest.skip.Exception, match="apt-get install ovmf"):
        peers.need_file(tmp_path / "OVMF_CODE_4M.fd", "ovmf")


def test_a_test_for_root_is_skipped_for_anyone_else(wish, monkeypatch):
    wish("")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(pytest.skip.Exception, match="needs root"):
        peers.need_root()

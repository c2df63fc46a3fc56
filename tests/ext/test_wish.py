"""Whether the compiled twins are used is what the environment says."""

import shutil
from pathlib import Path

import pytest

import fastboot
from command import complaint, run
from fastboot._ext import twin
from fastboot.errors import ConfigError


@pytest.mark.parametrize("wish", ["auto", "no"])
def test_a_twin_that_was_not_built_is_done_without(monkeypatch, wish):
    monkeypatch.setenv("FASTBOOT_EXTENSIONS", wish)
    assert twin("never_built") is None


def test_a_twin_that_is_required_and_was_not_built_is_an_error(monkeypatch):
    monkeypatch.setenv("FASTBOOT_EXTENSIONS", "require")
    with pytest.raises(ConfigError, match="requires the compiled part never_built"):
        twin("never_built")


@pytest.mark.parametrize("wish", ["", "yes", "0", "NO"])
def test_a_wish_that_makes_no_sense_is_an_error(monkeypatch, wish):
    monkeypatch.setenv("FASTBOOT_EXTENSIONS", wish)
    with pytest.raises(ConfigError, match="say auto, require or no"):
        twin("http_message")


@pytest.mark.parametrize("arguments", [["--version"], ["serve", "."]])
def test_the_command_refuses_such_a_wish_in_one_line(arguments):
    line = complaint(*arguments, env={"FASTBOOT_EXTENSIONS": "maybe"})
    assert line == ("fastboot: FASTBOOT_EXTENSIONS is 'maybe': say auto, require or no")


@pytest.fixture
def uncompiled(tmp_path):
    """The package without its compiled parts, where Python looks first."""
    home = Path(fastboot.__file__).parent
    leave_out = shutil.ignore_patterns("*.so", "*.c", "*.pyx", "__pycache__")
    shutil.copytree(home, tmp_path / "fastboot", ignore=leave_out)
    return {"PYTHONPATH": str(tmp_path)}


def test_the_command_refuses_to_run_without_what_is_required(uncompiled, tmp_path):
    env = {**uncompiled, "FASTBOOT_EXTENSIONS": "require"}
    line = complaint("serve", tmp_path, env=env, cwd=tmp_path)
    assert "requires the compiled part " in line
    assert "build it, or say auto" in line
    auto = {**uncompiled, "FASTBOOT_EXTENSIONS": "auto"}
    assert run("serve", "--help", env=auto, cwd=tmp_path).returncode == 0

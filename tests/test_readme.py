"""The README promises nothing that is not there."""

import re
import tomllib
from pathlib import Path

import pytest

from fastboot.cli import command
from fastboot.settings import build, settings

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def text():
    if not README.exists():
        pytest.skip("the README is not installed")
    return README.read_text("utf-8")


def test_the_first_screen_has_two_commands(text):
    first = "\n".join(text.splitlines()[:24])
    assert len(re.findall(r"```sh\n.+\n```", first)) == 2


def test_the_folder_of_the_first_command_is_there(text):
    folder = re.search(r"fastboot serve (examples/\S+)", text)[1]
    assert list((README.parent / folder).iterdir())


def test_every_flag_and_variable_in_it_exists(text):
    parameters = command.commands["serve"].params
    flags = {opt for p in parameters for opt in (*p.opts, *p.secondary_opts)}
    variables = {setting.variable for setting in settings()}
    own = {"FASTBOOT_EXTENSIONS", "FASTBOOT_TEST_REQUIRE_PEERS"}
    for flag in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text):
        assert flag in flags | {"--help", "--version", "--seconds"}, flag
    for variable in re.findall(r"FASTBOOT_[A-Z_]+", text):
        assert variable in variables | own, variable


def test_every_module_in_it_exists(text):
    for name in re.findall(r"`(fastboot(?:\.\w+)+)`", text):
        path = README.parent / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or path.is_dir(), name


def test_the_python_in_it_compiles_and_imports(text):
    for block in re.findall(r"```python\n(.+?)```", text, re.DOTALL):
        exec(compile(block, "README.md", "exec"), {})


def test_its_settings_files_can_be_used(text):
    files = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(files) >= 2
    for content in files:
        build({"folder": ".", **tomllib.loads(content)})

"""The README promises nothing that is not there."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import download
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
    parameters = [one for part in command.commands.values() for one in part.params]
    flags = {opt for p in parameters for opt in (*p.opts, *p.secondary_opts)}
    variables = {setting.variable for setting in settings()}
    own = {"FASTBOOT_EXTENSIONS", "FASTBOOT_TEST_REQUIRE_PEERS"}
    for flag in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text):
        assert flag in flags | {"--help", "--version", "--seconds", "--dist"}, flag
    for variable in re.findall(r"FASTBOOT_[A-Z_]+", text):
        assert variable in variables | own, variable


def test_every_module_in_it_exists(text):
    for name in re.findall(r"`(fastboot(?:\.\w+)+)`", text):
        assert find_spec(name), name


def test_the_library_example_works_when_it_is_pasted(text, tmp_path, monkeypatch):
    (example,) = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    assert "tftp=6969, http=8080" in example
    example = example.replace("tftp=6969, http=8080", "tftp=0, http=0")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "file").write_bytes(b"content")
    monkeypatch.chdir(tmp_path)
    got, printed = {}, []

    def while_it_waits(prompt):
        server = scope["server"]
        for name in ("ipxe/525400123456.ipxe", "file"):
            got[name] = {
                download.tftp(server.port("tftp"), name),
                download.http_get(server.port("http"), name),
            }

    scope = {"__name__": "__main__", "input": while_it_waits, "print": printed.append}
    exec(compile(example, "README.md", "exec", dont_inherit=True), scope)
    script = b"#!ipxe\necho 52:54:00:12:34:56 at 127.0.0.1\nchain /boot.ipxe\n"
    assert got == {"ipxe/525400123456.ipxe": {script}, "file": {b"content"}}
    assert len(printed) == 4


def test_its_settings_files_can_be_used(text):
    files = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(files) >= 2
    for content in files:
        build({"folder": ".", **tomllib.loads(content)})

"""The README promises nothing that is not there."""

import importlib.util
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import download
from fastboot.cli import command
from fastboot.settings import build, settings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
NO_PACKAGES = {"tests", "benches", "docs", "examples", ".ci"}
"""What a tour of the source shows besides fastboot's own folders."""


def counting():
    spec = importlib.util.spec_from_file_location("counts", ROOT / "docs" / "counts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def text():
    if not README.exists():
        pytest.skip("the README is not installed")
    return README.read_text("utf-8")


def test_the_first_screen_has_two_commands_and_a_picture(text):
    first = "\n".join(text.splitlines()[:25])
    assert len(re.findall(r"```sh\n.+\n```", first)) == 2
    (picture,) = re.findall(r"!\[[^]]+\]\((.+)\)", first)
    assert (ROOT / picture).is_file()


def test_it_is_short_enough_to_be_read(text):
    written = re.sub(r"(?s)<!-- bench:(\w+) -->.*?<!-- /bench:\1 -->", "", text)
    assert len(written.splitlines()) < 280


def test_the_tour_has_every_folder_of_the_source_and_no_other(text):
    if not (ROOT / "fastboot").exists():
        pytest.skip("the package is installed, without its source")
    shown = re.findall(r"^\| `([\w.-]+(?:/[\w.-]+)?)/` \|", text, re.MULTILINE)
    inside = {path.parent.name for path in ROOT.glob("fastboot/*/__init__.py")}
    folders = {"fastboot", *(f"fastboot/{name}" for name in inside), *NO_PACKAGES}
    assert sorted(shown) == sorted(folders)


def test_the_counts_of_tests_are_about_right(text):
    line = re.search("(?s)<!-- counts -->\n(.*)\n<!-- /counts -->", text)[1]
    said = [int(one.replace(",", "")) for one in re.findall(r"[\d,]*\d", line)]
    counted = counting().counts()
    names = ("tests", "files", "firmware", "interop", "faults", "hostile")
    there = [counted[name] for name in names]
    assert said == pytest.approx(there, rel=0.2, abs=5), "run python docs/counts.py"


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


def test_every_test_that_it_names_exists(text):
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    named = set(re.findall(r"`(?:tests/)?(test_\w+\.py)`", text))
    assert len(named) > 3
    assert named <= there


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


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_its_settings_files_can_be_used(page, text):
    for content in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL):
        build({"folder": ".", **tomllib.loads(content)})

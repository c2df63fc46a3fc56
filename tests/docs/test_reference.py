"""The reference has every flag, setting, event, exit code and public name."""

import dataclasses
import importlib
import inspect
import re
import typing

import click
import pytest

import documents
import fastboot
from fastboot import events
from fastboot.cli import command
from fastboot.config import Config
from fastboot.settings import settings

REFERENCE = documents.DOCS / "reference"
MAKER = documents.maker()


MADE = MAKER.pages()


@pytest.mark.parametrize("path", list(MADE), ids=lambda path: path.name)
def test_what_is_made_is_what_the_program_says(path):
    assert path.read_text("utf-8") == MADE[path], "run python docs/reference.py"


def every_command(group, path):
    yield path, group
    for name, one in getattr(group, "commands", {}).items():
        yield from every_command(one, f"{path} {name}")


@pytest.mark.parametrize(
    ("path", "one"),
    [pytest.param(*pair, id=pair[0]) for pair in every_command(command, "fastboot")],
)
def test_every_command_is_there_with_every_flag(path, one):
    text = (REFERENCE / "commands.md").read_text("utf-8")
    _, heading, rest = text.partition(f"\n## {path}\n")
    assert heading
    section = rest.partition("\n## ")[0]
    for parameter in one.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            for flag in (*parameter.opts, *parameter.secondary_opts):
                assert re.search(rf"[` ]{flag}[` ,]", section), flag


def test_every_setting_is_there_by_flag_and_variable():
    text = (REFERENCE / "settings.md").read_text("utf-8")
    for setting in settings():
        assert f"`{setting.flag}`" in text
        assert f"`{setting.variable}`" in text


def tables(kind, path=""):
    """The dataclasses of which a file may have several, with the names of their tables."""
    for item in dataclasses.fields(kind):
        hint = typing.get_type_hints(kind)[item.name]
        inner = next(iter(typing.get_args(hint)), None)
        name = f"{path}.{item.name}".lstrip(".")
        if dataclasses.is_dataclass(hint):
            yield from tables(hint, name)
        elif dataclasses.is_dataclass(inner):
            yield name, inner
            yield from tables(inner, name)


def test_every_key_of_a_table_that_only_a_file_has_is_there():
    found = dict(tables(Config))
    assert found == MAKER.TABLES
    text = (REFERENCE / "settings.md").read_text("utf-8")
    for name, kind in found.items():
        section = text.partition(f"### [[{name}]]")[2].partition("\n### ")[0]
        for item in dataclasses.fields(kind):
            assert f"`{item.name}`" in section or f"{name}.{item.name}" in found


def test_every_event_is_there_with_what_it_tells():
    text = (REFERENCE / "events.md").read_text("utf-8")
    for kind in typing.get_args(events.Event):
        section = text.partition(f"\n## {kind.__name__}\n")[2].partition("\n## ")[0]
        for item in dataclasses.fields(kind):
            assert f"- `{item.name}`: " in section, f"{kind.__name__}.{item.name}"


def test_every_public_name_is_there():
    found = documents.headings(REFERENCE / "names.md")
    assert set(fastboot.__all__) < set(found)


@pytest.mark.parametrize("level", MAKER.LEVELS)
def test_every_public_name_of_a_module_is_there(level):
    text = (REFERENCE / f"{level}.md").read_text("utf-8")
    names = importlib.import_module("names")
    assert names.modules(level)
    for module in names.modules(level):
        section = text.partition(f"\n## {module}\n")[2].partition("\n## ")[0]
        loaded = importlib.import_module(module)
        of_its_own = {
            name
            for name, value in vars(loaded).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module
        }
        defined = set(getattr(loaded, "__all__", of_its_own))
        for name in {*defined, *names.public(module)}:
            assert re.search(rf"^(### |`){name}\b", section, re.MULTILINE), name


def test_every_public_function_of_the_package_is_explained():
    for name in fastboot.__all__:
        value = getattr(fastboot, name)
        if inspect.isclass(value):
            for own, function in vars(value).items():
                if inspect.isfunction(function) and not own.startswith("_"):
                    assert function.__doc__, f"{name}.{own}"

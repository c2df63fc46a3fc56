"""What is public: the package, its documentation and its types say the same."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastboot

ROOT = Path(__file__).parents[1]
SOURCE = Path(fastboot.__file__).read_text("utf-8")


@pytest.fixture(scope="module")
def text():
    page = ROOT / "docs" / "library.md"
    if not page.exists():
        pytest.skip("the documentation is not installed")
    return page.read_text("utf-8")


def imported_for_types():
    """The imports that type checkers see."""
    for node in ast.parse(SOURCE).body:
        if isinstance(node, ast.If):
            for statement in node.body:
                for alias in statement.names:
                    yield alias.name, statement.module


def test_type_checkers_see_what_programs_get():
    assert dict(imported_for_types()) == fastboot._HOME
    assert sorted(fastboot._HOME) == sorted(fastboot.__all__) == dir(fastboot)


@pytest.mark.parametrize("name", fastboot.__all__)
def test_each_name_is_there_and_documented(name, text):
    value = getattr(fastboot, name)
    assert re.search(rf"`{name}`", text), f"docs/library.md does not name {name}"
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__


def test_the_documentation_names_nothing_else(text):
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert rows
    assert set(rows) <= set(fastboot.__all__)
    for name in re.findall(r"`fastboot\.([A-Za-z]\w*)`", text):
        assert name in fastboot.__all__ or importlib.import_module(f"fastboot.{name}")


def test_each_public_module_is_there(text):
    modules = re.findall(r"^\| `(fastboot\.[\w.]+)` \|", text, re.MULTILINE)
    assert len(modules) > 10
    for name in modules:
        assert importlib.import_module(name).__doc__, name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fastboot.nothing  # noqa: B018 (the look is what is tried)


def run(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_importing_loads_nothing_that_is_not_used():
    assert run("import sys, fastboot; print(len(sys.modules))") <= run(
        "import sys, typing, importlib; import fastboot.errors; print(len(sys.modules))"
    )
    loaded = run("import sys, fastboot; fastboot.DecodeError; print(*sys.modules)")
    for heavy in ("psutil", "jinja2", "click", "rich", "asyncio", "trio", "ssl"):
        assert heavy not in loaded.split()


def test_the_package_says_that_it_is_typed():
    assert (Path(fastboot.__file__).parent / "py.typed").exists()

"""What is public: the package, its documentation and its types say the same."""

import ast
import importlib
import inspect
import os
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


@pytest.mark.slow
def test_importing_loads_nothing_that_is_not_used():
    assert run("import sys, fastboot; print(len(sys.modules))") <= run(
        "import sys, typing, importlib; import fastboot.errors; print(len(sys.modules))"
    )
    loaded = run("import sys, fastboot; fastboot.DecodeError; print(*sys.modules)")
    for heavy in ("psutil", "jinja2", "click", "rich", "asyncio", "trio", "ssl"):
        assert heavy not in loaded.split()


@pytest.mark.slow
def test_codecs_and_machines_load_no_socket_and_no_loop(text):
    rows = re.findall(
        r"^\| `(fastboot[\w.]+)` \| (codecs|machines) \|", text, re.MULTILINE
    )
    assert len(rows) > 8
    names = ", ".join(name for name, _ in rows)
    loaded = run(f"import sys, {names}; print(*sys.modules)").split()
    for heavy in ("socket", "asyncio", "trio", "ssl", "psutil", "jinja2", "click"):
        assert heavy not in loaded


def test_the_package_says_that_it_is_typed():
    assert (Path(fastboot.__file__).parent / "py.typed").exists()


def blocks(text):
    return re.findall(r"```python\n(.+?)```", text, re.DOTALL)


def test_the_examples_in_the_documentation_work(text, tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "file").write_bytes(b"content")
    monkeypatch.chdir(tmp_path)
    scope = {"print": lambda *words: None}
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for block in blocks(text):
        code = compile(block, "docs/library.md", "exec", flags, dont_inherit=True)
        if "import fastboot\n" in block:
            exec(code, scope)
    client = fastboot.Client("192.0.2.7", "http")
    assert scope["app"].open("log/7", client).size == 7


@pytest.mark.slow
def test_the_tests_in_the_documentation_pass(text, tmp_path):
    tests = [block for block in blocks(text) if "def test_" in block]
    (tmp_path / "test_it.py").write_text("\n\n".join(tests))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "fastboot.testing.plugin"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    result = subprocess.run(
        [*command, "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr

"""The documents: what they show works, what they name exists, nothing is forgotten."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import click
import pytest

from fastboot.cli import command

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
ELSEWHERE = {"python3", "sudo apt-get"}
"""What begins a command that is not ours, and that these tests do not run."""


def blocks(page, *languages):
    """The code blocks of a page; those in a list item without what they are indented."""
    found = re.findall(
        r"^( *)```(\w+)\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL
    )
    return [
        re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)
        for indent, language, code in found
        if language in languages
    ]


def reference():
    spec = spec_from_file_location("reference", DOCS / "reference.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines():
    """Every command that a page tells people to type, in a block or in its text."""
    for page in PAGES:
        shown = [line for block in blocks(page, "sh") for line in block.splitlines()]
        shown += re.findall(r"`((?:sudo )?fastboot [^`]+)`", page.read_text())
        for line in shown:
            yield pytest.param(line, id=f"{page.name}: {line}")


@pytest.mark.parametrize("line", list(lines()))
def test_a_command_that_is_shown_exists_with_its_flags(line):
    for part in line.split(" && "):
        words = shlex.split(part)
        if any(part.startswith(word) for word in ELSEWHERE) or "pip" in words[0]:
            continue
        words = words[1:] if words[0] == "sudo" else words
        assert words[0].removeprefix(".venv/bin/") == "fastboot"
        known = command.commands[words[1]]
        with click.Context(command) as context:
            parser = known.make_parser(context)
        flags = {*parser._long_opt, *parser._short_opt}
        for word in words[2:]:
            if word.startswith("-"):
                assert word.partition("=")[0] in flags, word


@pytest.mark.parametrize("name", list(reference().pages()))
def test_the_reference_says_what_the_program_says(name):
    page = (DOCS / "reference" / name).read_text()
    assert page == reference().pages()[name], "run python docs/reference.py"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "library.md"], ids=lambda p: p.name
)
def test_a_program_that_is_shown_runs(page, tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        ast.parse(block)
        done = subprocess.run(
            [sys.executable, "-c", block],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

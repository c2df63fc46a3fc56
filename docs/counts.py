"""Fills counts into the pages while they are built: `{{ name }}` becomes a number."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"


def counts() -> dict[str, int]:
    """How many tests there are, in the whole and of each kind, as they are written.

    With its parameters (loops, twins, firmware) one of them runs several times.
    """
    files = {path: _tests(path) for path in TESTS.rglob("test_*.py")}
    numbers = {"tests": sum(map(len, files.values())), "files": len(files)}
    for kind in ("firmware", "interop", "faults"):
        of_kind = (tests for path, tests in files.items() if kind in path.parts)
        numbers[kind] = sum(map(len, of_kind))
    hostile = {
        match[1]
        for tests in files.values()
        for test in tests
        if (match := re.match(r"test_([A-Z]\d+)_", test))
    }
    return {**numbers, "hostile": len(hostile)}


def _tests(path: Path) -> list[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return [
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]


def on_page_markdown(markdown: str, **_: object) -> str:
    """See mkdocs' hooks: a page before it is rendered."""
    numbers = counts() if "{{ " in markdown else {}
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: f"{numbers[match[1]]:,}", markdown)

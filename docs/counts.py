"""Counts of the tests: in the pages while they are built, and in the README by command.

In a page `{{ name }}` becomes a number; `python docs/counts.py` writes the README's.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
README = ROOT / "README.md"

SENTENCE = """\
About {tests:,} tests are written down in {files} files; with their parameters (compiled and
in Python, each event loop, each kind of firmware) they run as several times as many. In {firmware}
of them machines are switched on in QEMU, {interop} use real clients and servers, {faults} kill or
starve the server, and {hostile} attacks and accidents have tests that carry their names."""


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


def with_counts(readme: str) -> str:
    """The README's text with the counts as they are."""
    marked = re.compile("(<!-- counts -->\n).*?(<!-- /counts -->)", re.DOTALL)
    sentence = SENTENCE.format(**counts())
    return marked.sub(lambda match: f"{match[1]}{sentence}\n{match[2]}", readme)


if __name__ == "__main__":
    README.write_text(with_counts(README.read_text("utf-8")), "utf-8")

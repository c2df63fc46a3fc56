"""The documents as tests read them: pages, their code blocks, their links and headings."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
CHANGELOG = ROOT / "CHANGELOG.md"

PAGES = sorted(DOCS.rglob("*.md"))
"""Those of the site."""


WRITTEN = [page for page in PAGES if page.parent.name != "reference"]
"""Those that a person wrote."""

RUN = ("sh", "console")
"""The languages of blocks that are run: commands, and commands with what they print."""

ELSEWHERE = "bash"
"""The language of commands that cannot be run here; a test knows the reason of each."""

_FENCE = re.compile(
    r'^(?P<indent> *)```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n'
    r"(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code.

    Attributes:
        language: What is written behind the fence.
        title: The file that it is the content of; "" for none.
        code: Its lines, without what they are indented by in a list item.
    """

    language: str
    title: str
    code: str


def name_of(page: Path) -> str:
    """A page as the tests' names have it."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    """The code blocks of a page, from top to bottom."""
    for found in _FENCE.finditer(page.read_text("utf-8")):
        code = re.sub(rf"^{found['indent']}", "", found["code"], flags=re.MULTILINE)
        yield Block(found["language"], found["title"] or "", code)


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """The commands of a block, each with what it is shown to print."""
    lines = block.code.replace("\\\n", " ").splitlines()
    if block.language != "console":
        yield from ((line, []) for line in lines if line and not line.startswith("#"))
        return
    command, printed = "", list[str]()
    for line in [*lines, "$ "]:
        if line.startswith("$ "):
            if command:
                yield command, printed
            command, printed = line[2:], []
        else:
            printed.append(line)


def headings(page: Path) -> list[str]:
    """The headings of a page."""
    return re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)


def maker() -> ModuleType:
    """The program that makes the pages of the reference."""
    folder = str(DOCS)
    sys.path.insert(0, folder)
    try:
        import reference
    finally:
        sys.path.remove(folder)
    return reference

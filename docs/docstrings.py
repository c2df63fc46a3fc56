"""Docstrings as Markdown: paragraphs, drawings, examples, and what Google's style names."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
"""Headings of parts; what follows one is indented."""

_SECTION = re.compile(rf"({'|'.join(SECTIONS)}):")
_ITEM = re.compile(r"(\*{0,2}[\w.]+(?:, [\w.]+)*): (.*)")


def markdown(docstring: str) -> list[str]:
    """The lines of a docstring as those of a page."""
    lines: list[str] = []
    for block in _blocks(inspect.cleandoc(docstring).splitlines()):
        title, *rest = block
        if _SECTION.fullmatch(title):
            lines += [f"**{title.rstrip(':')}**", "", *_items(rest), ""]
        elif title.startswith(">>> "):
            lines += ["```pycon", *block, "```", ""]
        elif title.startswith("  "):
            lines += _kept(block)
        else:
            lines += [*block, ""]
    return lines


def summary(docstring: str) -> str:
    """Its first paragraph, in one line."""
    first, *_ = inspect.cleandoc(docstring).split("\n\n")
    return " ".join(first.split())


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Paragraphs; what is indented belongs to a part's heading, or to what is before."""
    block: list[str] = []
    for paragraph in "\n".join(lines).split("\n\n"):
        part = paragraph.strip("\n").splitlines()
        if not part:
            continue
        if block and part[0].startswith("  ") and _goes_on(block):
            block += ["", *part]
        else:
            if block:
                yield block
            block = part
    if block:
        yield block


def _goes_on(block: list[str]) -> bool:
    return block[0].startswith("  ") or bool(_SECTION.fullmatch(block[0]))


def _items(lines: list[str]) -> Iterator[str]:
    """What a part names, in a line each; of one that names nothing the text."""
    items: list[str] = []
    for line in textwrap.dedent("\n".join(lines)).splitlines():
        if not line.startswith(" ") and (found := _ITEM.fullmatch(line)):
            items.append(f"- `{found[1]}`: {found[2]}")
        elif line.strip() and items:
            items[-1] += " " + line.strip()
        elif line.strip():
            items.append(line.strip())
    yield from items


def _kept(block: list[str]) -> list[str]:
    """A drawing or an example, as it stands."""
    text = textwrap.dedent("\n".join(block))
    if text.startswith(">>> "):
        language = "pycon"
    else:
        language = "python" if _is_python(text) else "text"
    return [f"```{language}", *text.splitlines(), "```", ""]


def _is_python(text: str) -> bool:
    try:
        return bool(ast.parse(text).body) and ("(" in text or "=" in text)
    except SyntaxError:
        return False

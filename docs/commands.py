"""The page of commands, from the same definitions as the flags and the manual page."""

from __future__ import annotations

from collections.abc import Iterator

import click

from fastboot.cli import command
from fastboot.commands.manual_page import EXITS
from fastboot.commands.walk import flags, paragraphs, usage, walk


def commands_page() -> Iterator[str]:
    """Every command with every flag."""
    yield from (
        "# Commands",
        "",
        "`fastboot man` prints the same as a manual page; `fastboot COMMAND --help` the",
        "part of one command.",
        "",
    )
    for one, context in walk(command):
        path, pieces = usage(context)
        yield from (f"## {path}", "", "```text", f"{path} {pieces}", "```", "")
        yield from _text(one.help or "")
        yield from _flags(context)
    yield from ("## Exit codes", "", "| code | meaning |", "| --- | --- |")
    for code, meaning in EXITS:
        yield f"| {code} | {meaning} |"


def _text(text: str) -> Iterator[str]:
    for lines, kept in paragraphs(text):
        if kept:
            yield from ("```text", *lines, "```", "")
        else:
            yield from (*(line.replace("*", "\\*") for line in lines), "")


def _flags(context: click.Context) -> Iterator[str]:
    yield from ("| flag | meaning |", "| --- | --- |")
    for row in flags(context):
        # A bar ends a cell, in code too.
        names, text = (cell.replace("|", "/") for cell in row)
        yield f"| `{names}` | {text} |"
    yield ""

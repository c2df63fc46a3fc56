"""The page of commands, from the same definitions as the flags and the manual page."""

from __future__ import annotations

from collections.abc import Iterator

import click

from fastboot.cli import command
from fastboot.commands.manual_page import EXITS


def commands_page() -> Iterator[str]:
    """Every command with every flag."""
    yield from (
        "# Commands",
        "",
        "`fastboot man` prints the same as a manual page; `fastboot COMMAND --help` the",
        "part of one command.",
        "",
    )
    yield from _command(command, None)
    yield from ("## Exit codes", "", "| code | meaning |", "| --- | --- |")
    for code, meaning in EXITS:
        yield f"| {code} | {meaning} |"


def _command(one: click.Command, parent: click.Context | None) -> Iterator[str]:
    """One command, then those below it."""
    with click.Context(one, parent, info_name=one.name) as context:
        usage = " ".join([context.command_path, *one.collect_usage_pieces(context)])
        yield from (f"## {context.command_path}", "", "```text", usage, "```", "")
        yield from _text(one.help or "")
        yield from _flags(one, context)
        if isinstance(one, click.Group):
            for sub in one.commands.values():
                yield from _command(sub, context)


def _text(text: str) -> Iterator[str]:
    r"""Paragraphs as click writes them: one that begins with \b keeps its lines."""
    for paragraph in text.strip().split("\n\n"):
        lines = [line for line in paragraph.split("\n") if line.strip()]
        if lines[0].strip() == "\b":
            yield from ("```text", *lines[1:], "```", "")
        else:
            yield from (*(line.replace("*", "\\*") for line in lines), "")


def _flags(one: click.Command, context: click.Context) -> Iterator[str]:
    rows = [option.get_help_record(context) for option in one.get_params(context)]
    yield from ("| flag | meaning |", "| --- | --- |")
    for row in rows:
        if row is not None:
            # A bar ends a cell, in code too.
            flags, text = (cell.replace("|", "/") for cell in row)
            yield f"| `{flags}` | {text} |"
    yield ""

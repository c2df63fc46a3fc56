"""The doctor at work: find out, judge, print."""

from __future__ import annotations

import json

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastboot.report import clean

from .examine import Wish, examine
from .facts import Facts
from .finding import Finding, Severity
from .findings import findings, will_boot
from .outlook import outlooks
from .words import as_json, finding_lines, rows, servers

EXIT_WONT_BOOT = 1
"""Something will not boot."""


def run(wish: Wish, *, json_wanted: bool) -> int:
    """Find out what is wished, print it, and tell the exit code.

    Raises:
        ConfigError: An interface was named that is not there.
    """
    return show(examine(wish), json_wanted=json_wanted)


def show(facts: Facts, *, json_wanted: bool) -> int:
    """Print what was found, and tell the exit code."""
    found = findings(facts)
    wrong = any(item.severity is Severity.ERROR for item in found)
    if json_wanted:
        print(json.dumps(as_json(facts, found), indent=1))  # noqa: T201
    else:
        _print(facts, found, wrong=wrong)
    return EXIT_WONT_BOOT if wrong else 0


_STYLES = {
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
}


def _print(facts: Facts, found: list[Finding], *, wrong: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    told: set[str] = set()
    for finding in found:
        first, *more = finding_lines(finding, recipes=finding.cure not in told)
        told.add(finding.cure)
        console.print(f"[{_STYLES[finding.severity]}]{escape(first)}[/]")
        for line in more:
            console.print(escape(line))
        console.print()
    table = Table(box=None, pad_edge=False)
    for title in ("interface", "machine", "what it will do"):
        table.add_column(title, overflow="fold")
    for row in rows(facts):
        table.add_row(*(escape(clean(text)) for text in row))
    if table.row_count:
        console.print(table)
    if wrong:
        for line in servers(facts):
            console.print(f"heard on {escape(line)}")
    elif table.row_count and all(will_boot(look, facts) for look in outlooks(facts)):
        console.print("[green]All will boot.[/]")

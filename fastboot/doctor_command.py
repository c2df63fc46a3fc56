"""`fastboot doctor`: why will this machine not boot?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .config import Config
from .doctor.ask import WAIT
from .doctor.examine import Wish, examine
from .doctor.facts import Facts
from .doctor.finding import Finding, Severity
from .doctor.findings import findings, will_boot
from .doctor.machines import KINDS, USUAL
from .doctor.outlook import outlooks
from .doctor.words import as_json, finding_lines, rows, servers
from .listen import is_privileged
from .report import clean

EXIT_WONT_BOOT = 1
"""Something will not boot."""

_HELP = """Tell what machines on this network will do when they boot, and why.

\b
Examples:
  sudo fastboot doctor ./images     would machines boot from this folder?
  sudo fastboot doctor              what does this network tell machines to boot?
  sudo fastboot doctor --machine arm64 --machine raspberry-pi ./images
  sudo fastboot doctor --json ./images

It plays machines: on each interface it asks as a BIOS, a UEFI, a UEFI that boots by
HTTP and an iPXE would, takes no address, hears every server's offer and works out what
the firmware makes of them all, with fastboot's own offer: as it runs here, or as it
would if it ran with the same flags. It asks for the size of each file that machines
would load. Then it tells what will not boot, what the machine's screen shows, and what
to change, line by line for the DHCP servers that people have.

It takes about ten seconds. Without root it can only look at this machine, not ask the
network. The exit code is 0 if everything boots, 1 if something does not, 2 if the
question itself is wrong.

--json prints one object: ok, folder, running, machines (interface, machine, boots,
steps, why, screen), findings (severity, what, where, stage, code, cure, machines,
recipes) and offers (interface, machine, server, source, port, address, next_server,
file, options in hex).
"""

_SETTINGS = {
    ("", "interface"),
    ("boot", "programs"),
    ("dhcp", "mode"),
    ("http", "port"),
    ("http", "enabled"),
    ("tftp", "enabled"),
}
"""The settings that change what machines are told."""


def doctor_command(
    config: click.Option,
    option: Callable[[Any], click.Option],
    configure: Callable[[str | None, Path | None, dict[str, Any]], Config],
    settings: Any,  # noqa: ANN401 (an iterable of `settings.Setting`)
) -> click.Command:
    """The command, as click sees it.

    Args:
        config: The option that names a file of settings.
        option: Makes the flag of a setting.
        configure: Makes a `Config` of a folder, such a file, and flags.
        settings: Every setting there is.
    """

    def run(
        folder: str | None,
        config: Path | None,
        machine: tuple[str, ...],
        *,
        as_json: bool,
        wait: float,
        **flags: Any,  # noqa: ANN401
    ) -> int:
        settled = configure(folder or ".", config, flags)
        privileged = is_privileged()
        kinds = [KINDS[name] for name in machine] or list(USUAL)
        wish = Wish(
            # What root would open is what machines ask for, whoever asks us.
            config=settled.resolved(privileged=True),
            folder=folder is not None,
            kinds=kinds,
            privileged=privileged,
            wait=wait,
        )
        return show(examine(wish), json_wanted=as_json)

    return click.Command(
        "doctor",
        help=_HELP,
        callback=run,
        params=[
            click.Argument(["folder"], required=False, envvar="FASTBOOT_FOLDER"),
            config,
            click.Option(
                ["--machine"],
                type=click.Choice(list(KINDS)),
                multiple=True,
                help="Play this kind of machine; may be given again.  "
                f"[default: {' '.join(kind.name for kind in USUAL)}]",
            ),
            click.Option(
                ["--wait"],
                type=click.FloatRange(0.1, 60),
                default=WAIT,
                show_default=True,
                help="Seconds to listen for offers.",
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="For programs."),
            *(option(item) for item in settings if (item.part, item.name) in _SETTINGS),
        ],
    )


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

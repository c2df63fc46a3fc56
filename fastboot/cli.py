"""The command: its parts put together, its exit codes."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version

import click

from . import _ext
from .commands.cert import cert_command
from .commands.client import get_command, put_command
from .commands.doctor import doctor_command
from .commands.leases import leases_group
from .commands.machines import clients_command, trace_command
from .commands.manual import completion_command, man_command
from .commands.serve import serve_command
from .commands.teaching import Commands, usage
from .errors import SetupError
from .report import complain

EXIT_SETUP = 2
"""What was asked for cannot be done: a wrong flag or file, a taken port."""

EXIT_INTERRUPTED = 130
"""Ctrl-C before anything was served; shells count SIGINT so."""

_ABOUT = """The server that a machine without an operating system talks to first.

\b
Examples:
  sudo fastboot serve ./images       boot every machine on this network
  fastboot serve ./images            without root: ports 6969 and 8080, no DHCP
  fastboot clients                   how far did each machine come?
  sudo fastboot doctor ./images      why does a machine not boot?
  fastboot get tftp://192.0.2.1/boot.img
  fastboot serve --help              all about serving, settings and signals
"""

_PURPOSES = {
    "Boot machines": ("serve", "cert"),
    "See what happens": ("clients", "trace", "doctor", "leases"),
    "Fetch and send files": ("get", "put"),
    "Read and complete": ("man", "completion"),
}
"""The commands, by what they are for; cert comes with serve --https."""


def _version_text() -> str:
    parts = _ext.active()
    compiled = (
        f"compiled parts active: {', '.join(parts)}"
        if parts
        else ("compiled parts not active: everything runs in Python, slower")
    )
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"fastboot {version('fastboot')} ({compiled}; {python})"


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(_version_text())
        context.exit()


command = Commands(
    _PURPOSES,
    name="fastboot",
    help=_ABOUT,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Show the version and whether the compiled parts are active.",
        )
    ],
    commands=[
        serve_command(),
        leases_group(),
        get_command(),
        put_command(),
        clients_command(),
        trace_command(),
        doctor_command(),
        man_command(),
        completion_command(),
        cert_command(),
    ],
    context_settings={"help_option_names": ["-h", "--help"]},
)
"""The command line, as click sees it."""


def main() -> None:
    """Run the command and leave with its exit code."""
    arguments = sys.argv[1:]
    try:
        code = command.main(
            arguments or ["--help"], prog_name="fastboot", standalone_mode=False
        )
        if not arguments:
            code = EXIT_SETUP
    except click.UsageError as error:
        complain(usage(error, command, arguments))
        code = EXIT_SETUP
    except click.Abort:
        code = EXIT_INTERRUPTED
    except SetupError as error:
        complain(str(error))
        code = EXIT_SETUP
    sys.exit(code)

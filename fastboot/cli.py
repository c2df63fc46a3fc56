"""The command: arguments to settings, settings to a running server, words for people."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from . import _ext
from .banner import write_banner
from .config import Config
from .drivers.service import run_service
from .errors import SetupError
from .report import Report, clean, json_line, text_line
from .server import Server
from .settings import Setting, build, read_toml, settings

EXIT_SETUP = 2
"""What was asked for cannot be done: a wrong flag or file, a taken port."""

EXIT_CUT = 1
"""Stopped with transfers still running."""

_HELP = """Serve FOLDER to machines that boot from the network.

\b
Examples:
  sudo fastboot serve ./images        boot every machine on this network
  fastboot serve ./images             without root: ports 6969 and 8080, no DHCP
  sudo fastboot serve ./images --interface eth1 --no-tftp
  fastboot serve --config boot.toml   with settings from a file

A directory with a kernel (linux, vmlinuz*, bzImage) and an initrd (initrd*,
initramfs*) is offered for booting; a text file `cmdline` beside them holds the
kernel's arguments. Every .efi and every .ipxe file is offered too. A file that is
added is seen without a restart.

Each setting can also stand in the environment (FASTBOOT_HTTP_PORT=8080) or in a TOML
file (--config), where the flag --http-port is the key `port` in the table [http].
Flags go before the environment, the environment before the file.
"""


def _option(setting: Setting) -> click.Option:
    """The flag of one setting. It has no default here: `Config` has."""
    flag = setting.flag
    if setting.kind is bool:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    kind: Any = click.Choice(setting.choices) if setting.choices else setting.kind
    if kind is Path:
        kind = click.Path(path_type=Path)
    default = f"  [default: {setting.default}]" if setting.default else ""
    return click.Option(
        [f"{setting.part}.{setting.name}".replace(".", "__"), flag],
        type=None if kind is bool else kind,
        multiple=setting.many,
        default=None,
        envvar=setting.variable,
        show_envvar=False,
        help=setting.text + default,
    )


def _values(flags: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given, by part, as `settings.build` takes them."""
    values: dict[str, Any] = {}
    for name, value in flags.items():
        if value is None or value == ():
            continue
        part, _, field = name.rpartition("__")
        if part:
            values.setdefault(part, {})[field] = value
        else:
            values[field] = value
    return values


def _configure(
    folder: Path | None, config: Path | None, flags: dict[str, Any]
) -> Config:
    values = read_toml(config) if config else {}
    given = _values(flags)
    for name, value in given.items():
        if isinstance(value, dict):
            values[name] = {**values.get(name, {}), **value}
        else:
            values[name] = value
    if folder is not None:
        values["folder"] = folder
    elif config and "folder" in values:
        values["folder"] = config.parent / Path(values["folder"]).expanduser()
    return build(values)


def _serve(folder: Path | None, config: Path | None, **flags: Any) -> int:  # noqa: ANN401
    settled = _configure(folder, config, flags)
    privileged = not hasattr(os, "geteuid") or os.geteuid() == 0
    settled = settled.resolved(privileged=privileged)
    _raise_file_limit()
    as_json = settled.log_format == "json"
    line = json_line if as_json else _stamped(text_line)
    report = Report(_write, line, time.monotonic)
    server = Server(settled, report)

    def ready() -> None:
        if as_json:
            server.announce(report)
        else:
            write_banner(Console(highlight=False), server, privileged=privileged)

    try:
        finished = run_service(server, settled.loop, ready)
    finally:
        server.close()
        report.close()
    return 0 if finished else EXIT_CUT


def _write(line: str) -> None:
    """One line, out at once, in one piece."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:
        pass  # whoever read the log is gone; serving goes on


def _stamped(line: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda event: f"{time.strftime('%H:%M:%S')} {line(event)}"


def _raise_file_limit() -> None:
    """Take as many descriptors as we may: each transfer holds its file open."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


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


command = click.Group(
    "fastboot",
    help="The server that a machine without an operating system talks to first.",
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
        click.Command(
            "serve",
            help=_HELP,
            callback=_serve,
            params=[
                click.Argument(
                    ["folder"],
                    required=False,
                    type=click.Path(path_type=Path),
                    envvar="FASTBOOT_FOLDER",
                ),
                click.Option(
                    ["--config"],
                    type=click.Path(path_type=Path),
                    envvar="FASTBOOT_CONFIG",
                    help="A TOML file with settings.",
                ),
                *(_option(item) for item in settings() if item.name != "folder"),
            ],
        )
    ],
    context_settings={"help_option_names": ["-h", "--help"]},
)
"""The command line, as click sees it."""


def main() -> None:
    """Run the command and leave with its exit code."""
    try:
        code = command.main(prog_name="fastboot", standalone_mode=False)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "fastboot"
        text = " ".join(error.format_message().split())
        code = _complain(f"{text.rstrip('.')}; see {path} --help")
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = EXIT_SETUP
    except click.Abort:
        code = EXIT_CUT
    except SetupError as error:
        code = _complain(str(error))
    sys.exit(code)


def _complain(text: str) -> int:
    click.echo(f"fastboot: {clean(text)}", err=True)
    return EXIT_SETUP

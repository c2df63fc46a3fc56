"""The command: arguments to settings, settings to a running server, words for people."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from . import _ext, certificates
from .banner import write_banner
from .client_command import get_command, put_command
from .config import Config
from .doctor_command import doctor_command
from .embedding import sockets_of_systemd
from .errors import ConfigError, EngineFailed, SetupError
from .events import Fault
from .interfaces import Interfaces
from .leases_command import leases_group
from .listen import is_privileged
from .machines_command import clients_command, trace_command
from .manual_command import completed, completion_command, man_command
from .report import Report, clean, complain, json_line, text_line, write_to
from .server import Server
from .service import run_service
from .settings import Setting, build, read_toml, settings
from .systemd import Handed, Manager, check_handed_over

EXIT_SETUP = 2
"""What was asked for cannot be done: a wrong flag or file, a taken port."""

EXIT_CUT = 1
"""Stopped with transfers still running, or by a mistake in fastboot."""

EXIT_INTERRUPTED = 130
"""Ctrl-C before anything was served; shells count SIGINT so."""

OPEN_MAX = 10240
"""Descriptors that macOS allows where it calls its limit infinite (sys/syslimits.h)."""

_ABOUT = """The server that a machine without an operating system talks to first.

\b
Examples:
  sudo fastboot serve ./images       boot every machine on this network
  fastboot serve ./images            without root: ports 6969 and 8080, no DHCP
  sudo fastboot doctor               why does a machine not boot?
  fastboot get tftp://192.0.2.1/boot.img
  fastboot serve --help              all about serving, settings and signals
"""

_HELP = """Serve FOLDER to machines that boot from the network.

\b
Examples:
  sudo fastboot serve ./images        boot every machine on this network
  fastboot serve ./images             without root: ports 6969 and 8080, no DHCP
  sudo fastboot serve ./images --interface eth1 --no-tftp
  sudo fastboot serve ./images --dhcp server   give addresses too, where no router does
  fastboot serve --config boot.toml   with settings from a file

A directory with a kernel (linux, vmlinuz*, bzImage) and an initrd (initrd*,
initramfs*) is offered for booting; a text file `cmdline` beside them holds the
kernel's arguments. Every .efi and every .ipxe file is offered too. A file that is
added is seen without a restart.

Each setting can also stand in the environment (FASTBOOT_HTTP_PORT=8080) or in a TOML
file (--config), where the flag --http-port is the key `port` in the table [http].
Flags go before the environment, the environment before the file. A switch is one
variable: --no-tftp is FASTBOOT_TFTP=no.

SIGTERM, SIGINT (Ctrl-C) and SIGHUP end it once what runs is finished, a second one
at once. Where there is no terminal, SIGHUP has the certificates of --https read again.
"""


_CERT_HELP = """Show what machines must be told in order to trust us over HTTPS.

The certificates are made if they are not there yet, in the folder that
`fastboot serve --https` uses; give the same flags to both.
"""


def _option(setting: Setting) -> click.Option:
    """The flag of one setting. It has no default here: `Config` has."""
    flag = setting.flag
    if setting.kind is bool:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    kind: Any = click.Choice(setting.choices) if setting.choices else setting.kind
    if kind is Path:
        kind = str  # `build` makes it a path: an empty one is none
    default = f"  [default: {setting.default}]" if setting.default else ""
    return click.Option(
        [f"{setting.part}.{setting.name}".replace(".", "__"), flag],
        type=None if kind is bool else kind,
        multiple=setting.many,
        default=None,
        envvar=setting.variable,
        show_envvar=False,
        shell_complete=completed(setting.flag, setting.kind),
        help=setting.text + default,
    )


_HEADINGS = {"": "Options", "lease": "Leases", "boot": "What machines are offered"}
"""Headings of parts that are not called after their protocol."""


class _Serve(click.Command):
    """The command with its many flags under a heading for each part."""

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        parts: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None:
                part, _, _ = (option.name or "").rpartition("__")
                parts.setdefault(part, []).append(record)
        for part, records in parts.items():
            if records:
                with formatter.section(_HEADINGS.get(part, part.upper())):
                    formatter.write_dl(records)


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
    folder: str | None, config: Path | None, flags: dict[str, Any]
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
    return build(values)


def _serve(folder: str | None, config: Path | None, **flags: Any) -> int:  # noqa: ANN401
    settled = _configure(folder, config, flags)
    privileged = is_privileged()
    settled = _within_files(settled.resolved(privileged=privileged))
    _check_addresses(settled)
    sockets = sockets_of_systemd()
    check_handed_over(settled, sockets)
    as_json = settled.log_format == "json"
    line = json_line if as_json else _stamped(text_line)
    report = Report(write_to(sys.stdout), line, time.monotonic)
    with closing(report), closing(_open(settled, report, sockets)) as server:

        def ready() -> None:
            if as_json:
                server.announce(report)
                return
            console = Console(highlight=False)
            with console.capture() as screen:
                write_banner(console, server, privileged=privileged or bool(sockets))
            report.say(screen.get().rstrip("\n"))

        try:
            told = f"serving {clean(str(settled.folder))}"
            manager = Manager.of_this_program(told)
            finished = run_service(server, settled.loop, ready, manager)
        except EngineFailed as failure:
            name = server.protocol_of(failure.engine)
            report(Fault(name, failure.error))
            complain(f"{name.upper()} failed, so the server stops: {failure.error!r}")
            finished = False
    return 0 if finished else EXIT_CUT


def _open(config: Config, report: Report, sockets: Handed) -> Server:
    try:
        return Server(config, report, sockets=sockets)
    except OSError as error:
        raise SetupError(f"cannot open what serving needs: {error}") from error


def _check_addresses(config: Config) -> None:
    """Refuse an address that none of the interfaces named has."""
    if not config.interface:
        return
    cards = [card for card in Interfaces().all() if card.name in config.interface]
    there = {str(address) for card in cards for address in (*card.ipv4, *card.ipv6)}
    for address in config.address:
        bare = str(ip_address(address.partition("%")[0]))  # without its scope
        if cards and bare not in there:
            raise ConfigError(
                f"--address {address} is not on {' or '.join(config.interface)}; "
                f"name one of {', '.join(sorted(there))} or leave out --interface"
            )


def _stamped(line: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda event: f"{time.strftime('%H:%M:%S')} {line(event)}"


def _within_files(config: Config) -> Config:
    """The same with limits that the descriptors suffice for; says so where they bite."""
    limit = _raise_file_limit()
    if limit is None:
        return config
    fitting = config.within(limit)
    if fitting != config:
        most: list[str] = []
        if fitting.workers != config.workers:
            most.append(f"{fitting.workers} of {config.workers} workers")
        if fitting.tftp.enabled:
            most.append(f"{fitting.tftp.max_transfers} TFTP transfers")
        if fitting.http.enabled or fitting.https.enabled:
            most.append(f"{fitting.http.max_connections} HTTP connections")
        complain(
            f"only {limit} files may be open at a time, so at most "
            f"{_listed(most)}; allow more with `ulimit -n`"
        )
    return fitting


def _listed(parts: list[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def _raise_file_limit() -> int | None:
    """Take as many descriptors as we may: each transfer holds its file open.

    Returns:
        How many there are; None where no number is known.
    """
    try:
        import resource
    except ImportError:
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, OPEN_MAX):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
        except (OSError, ValueError):
            pass  # macOS does not take its own hard limit
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _cert(config: Path | None, **flags: Any) -> int:  # noqa: ANN401
    settled = _configure(".", config, flags)
    privileged = is_privileged()
    settled = settled.resolved(privileged=privileged)
    if settled.https.certificate:
        given = " and ".join(map(str, settled.https.certificate))
        raise ConfigError(
            f"{given} is given with --https-certificate: what machines must trust is "
            "the authority that signed it, which fastboot does not know"
        )
    click.echo(certificates.instructions(settled, datetime.now(UTC)), nl=False)
    return 0


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


_CONFIG = click.Option(
    ["--config"],
    type=click.Path(path_type=Path),
    envvar="FASTBOOT_CONFIG",
    help="A TOML file with settings.",
)

command = click.Group(
    "fastboot",
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
        _Serve(
            "serve",
            help=_HELP,
            callback=_serve,
            params=[
                click.Argument(
                    ["folder"],
                    required=False,
                    envvar="FASTBOOT_FOLDER",
                    shell_complete=completed("FOLDER", Path),
                ),
                _CONFIG,
                *(_option(item) for item in settings() if item.name != "folder"),
            ],
        ),
        leases_group(_CONFIG),
        get_command(),
        put_command(),
        clients_command(),
        trace_command(),
        doctor_command(_CONFIG, _option, _configure, settings()),
        man_command(),
        completion_command(),
        click.Command(
            "cert",
            help=_CERT_HELP,
            callback=_cert,
            params=[
                _CONFIG,
                *(
                    _option(item)
                    for item in settings()
                    if item.part == "https" or item.name in ("interface", "address")
                ),
            ],
        ),
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
        path = error.ctx.command_path if error.ctx else "fastboot"
        text = " ".join(error.format_message().split())
        complain(f"{text.rstrip('.')}; see {path} --help")
        code = EXIT_SETUP
    except click.Abort:
        code = EXIT_INTERRUPTED
    except SetupError as error:
        complain(str(error))
        code = EXIT_SETUP
    sys.exit(code)

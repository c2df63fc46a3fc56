"""`fastboot serve`: settings to a running server, words for people."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from fastboot.config import Config
from fastboot.embedding import sockets_of_systemd
from fastboot.errors import ConfigError, EngineFailed, SetupError
from fastboot.events import Fault
from fastboot.interfaces import Interfaces
from fastboot.listen import is_privileged
from fastboot.report import Report, clean, complain, json_line, text_line, write_to
from fastboot.server import Server
from fastboot.service import run_service
from fastboot.settings import settings
from fastboot.systemd import Handed, Manager, check_handed_over

from .banner import write_banner
from .flags import CONFIG, configure, option
from .manual import completed

EXIT_CUT = 1
"""Stopped with transfers still running, or by a mistake in fastboot."""

OPEN_MAX = 10240
"""Descriptors that macOS allows where it calls its limit infinite (sys/syslimits.h)."""

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


def serve_command() -> click.Command:
    """`fastboot serve`, as click sees it."""
    return _Serve(
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
            CONFIG,
            *(option(item) for item in settings() if item.name != "folder"),
        ],
    )


_HEADINGS = {"": "Options", "lease": "Leases", "boot": "What machines are offered"}
"""Headings of parts that are not called after their protocol."""


class _Serve(click.Command):
    """The command with its many flags under a heading for each part."""

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        parts: dict[str, list[tuple[str, str]]] = {}
        for flag in self.get_params(ctx):
            record = flag.get_help_record(ctx)
            if record is not None and isinstance(flag, click.Option):
                part, _, _ = (flag.name or "").rpartition("__")
                parts.setdefault(part, []).append(record)
        for part, records in parts.items():
            if records:
                with formatter.section(_HEADINGS.get(part, part.upper())):
                    formatter.write_dl(records)


def _serve(folder: str | None, config: Path | None, **flags: Any) -> int:  # noqa: ANN401
    settled = configure(folder, config, flags)
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

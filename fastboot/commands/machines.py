"""`fastboot clients` and `fastboot trace`: what a running server knows of machines."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastboot.errors import ConfigError, SetupError
from fastboot.report import clean, size

CLIENTS_HELP = """Show the machines that a running `fastboot serve` has seen.

\b
Examples:
  fastboot clients                        a table, the last machine first
  fastboot clients 52:54:00:12:34:56      what that machine did, and where it stopped
  fastboot clients --json                 for programs
  fastboot clients --server http://192.0.2.2

The same can be read in a browser, at /_fastboot/ on the server.
"""

TRACE_HELP = """Write the last datagrams of a machine to FILE, for Wireshark.

\b
Example:
  fastboot trace 52:54:00:12:34:56 boot.pcap

In it are its DHCP messages and the answers, those of other servers too where they can
be heard, and its TFTP requests with the first answers.
"""

SERVERS = ("http://127.0.0.1:80", "http://127.0.0.1:8080")
"""Where a server is looked for on this machine: as root, and otherwise."""

PATIENCE = 10.0
"""Seconds that a server may take."""

ANSWER_MAX = 64 << 20
"""Bytes of the longest answer that is read."""

_MAC = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}")
_COLOURS = {"stopped": "red", "served": "green", "booting": "yellow", "seen": "dim"}


class _NothingThere(Exception):
    """Nobody answers at a server's address."""


def fetch(server: str | None, path: str) -> bytes:
    """What a running server has at a path under `/_fastboot/`.

    Args:
        server: Its URL; None to look for it on this machine.
        path: With the slashes in their place, quoted.

    Raises:
        SetupError: There is no server, or it does not tell.
    """
    reasons = []
    for url in (server,) if server else SERVERS:
        try:
            return _get(url, path)
        except _NothingThere as error:
            reasons.append(str(error))
    where = server or " or ".join(SERVERS)
    raise SetupError(
        f"no server answers at {where} ({reasons[0]}); start one with `fastboot serve`, or "
        "name it with --server http://ADDRESS:PORT"
    )


def _get(url: str, path: str) -> bytes:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"--server is {url!r}; it must be such as http://192.0.2.2")
    # Not by a proxy: it would ask in its own name, and be refused.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url.rstrip('/')}/_fastboot/{path}", None, PATIENCE) as got:
            if not str(got.headers.get("Server", "")).startswith("fastboot"):
                raise _NothingThere("another program's answer")
            data: bytes = got.read(ANSWER_MAX)
            return data
    except urllib.error.HTTPError as error:
        if not str(error.headers.get("Server", "")).startswith("fastboot"):
            raise _NothingThere(f"another program's answer, {error.code}") from None
        if error.code == 404:
            raise SetupError(
                f"the server at {url} knows nothing of that: the machine did not ask "
                "since the server started, or --no-http-status is set there"
            ) from None
        said = clean(error.read(500).decode("utf-8", "replace").strip())
        raise SetupError(f"the server at {url} does not tell: {said}") from None
    except (OSError, HTTPException, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise _NothingThere(getattr(why, "strerror", None) or str(why)) from None


def read_key(text: str) -> str:
    """A machine's hardware address as servers write it; an address stays as it is."""
    lower = text.lower()
    return lower.replace("-", ":") if _MAC.fullmatch(lower) else lower


def show_all(server: str | None, *, as_json: bool) -> None:
    """Print the machines: a table for people, or what the server said."""
    data = fetch(server, "clients")
    if as_json:
        click.echo(data, nl=False)
        return
    found = _load(data)
    console = Console(highlight=False)
    if not found["machines"]:
        console.print("no machine asked since the server started")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("machine", "address", "kind", "state", "stage", "last"):
        table.add_column(title, no_wrap=True)
    for one in found["machines"]:
        state = str(one["state"])
        table.add_row(
            *(_cell(one["machine"]), _cell(one["address"]), _cell(_kind(one))),
            f"[{_COLOURS.get(state, 'dim')}]{_cell(state)}[/]",
            *(_cell(one["stage"]), _ago(found["now"] - float(one["last"]))),
        )
    console.print(table)
    for one in found["machines"]:
        if one["diagnosis"]:
            _print_diagnosis(console, one)


def show_one(server: str | None, which: str, *, as_json: bool) -> None:
    """Print what one machine did, step by step, and where it stopped."""
    data = fetch(server, f"clients/{quote(read_key(which), safe='')}")
    if as_json:
        click.echo(data, nl=False)
        return
    one = _load(data)
    console = Console(highlight=False)
    head = " ".join(filter(None, (one["machine"], one["address"], _kind(one))))
    console.print(f"[bold]{_cell(head)}[/]")
    for number, step in enumerate(one["steps"]):
        if number == one["attempt"] and number:
            console.print()
        when = time.strftime("%H:%M:%S", time.localtime(step["at"]))
        console.print(f"{when}  {_cell(step['sentence'])}{_more(step)}", soft_wrap=True)
    if one["diagnosis"]:
        console.print()
        _print_diagnosis(console, one)


def write_trace(server: str | None, which: str, file: Path) -> None:
    """Write a machine's last datagrams to a file."""
    data = fetch(server, f"trace/{quote(read_key(which), safe='')}")
    try:
        file.write_bytes(data)
    except OSError as error:
        raise SetupError(
            f"cannot write {file}: {error.strerror}; name another file"
        ) from None
    click.echo(f"{size(len(data))} in {file}; open it with wireshark or tshark -r")


def _load(data: bytes) -> Any:  # noqa: ANN401 (JSON)
    try:
        return json.loads(data)
    except ValueError:
        raise SetupError("the server's answer is no JSON; is it another one?") from None


def _cell(text: object) -> str:
    return escape(clean(str(text)))


def _kind(one: dict[str, Any]) -> str:
    return " ".join(filter(None, (str(one["arch"]), str(one["firmware"]))))


def _more(step: dict[str, Any]) -> str:
    words = []
    if step["size"] and step["kind"] == "got":
        words.append(size(int(step["size"])))
        if step["seconds"]:
            words.append(f"{size(round(step['size'] / step['seconds']))}/s")
    if step["count"] > 1:
        words.append(f"{step['count']} times")
    return f" ({', '.join(words)})" if words else ""


def _ago(seconds: float) -> str:
    """How long ago, in a word.

    >>> _ago(3.2), _ago(600), _ago(90_000)
    ('3 s ago', '10 min ago', '25 h ago')
    """
    if seconds < 90:
        return f"{max(0, round(seconds))} s ago"
    if seconds < 5400:
        return f"{round(seconds / 60)} min ago"
    return f"{round(seconds / 3600)} h ago"


def _print_diagnosis(console: Console, one: dict[str, Any]) -> None:
    found = one["diagnosis"]
    shown = f" ({found['code']})" if found["code"] else ""
    head = f"{one['machine']} stopped at the {found['stage']}{shown}: "
    console.print(f"[red]{_cell(head)}[/]{_cell(found['sentence'])}", soft_wrap=True)
    if found["cure"]:
        console.print(f"  [green]to do:[/] {_cell(found['cure'])}", soft_wrap=True)


_SERVER = click.Option(
    ["--server"],
    envvar="FASTBOOT_SERVER",
    metavar="URL",
    help="Where the server runs; without it, this machine.",
)


def clients_command() -> click.Command:
    """`fastboot clients`, as click sees it."""

    def run(which: str | None, server: str | None, *, as_json: bool) -> None:
        if which is None:
            show_all(server, as_json=as_json)
        else:
            show_one(server, which, as_json=as_json)

    return click.Command(
        "clients",
        help=CLIENTS_HELP,
        callback=run,
        params=[
            click.Argument(["which"], required=False, metavar="[MAC|ADDRESS]"),
            _SERVER,
            click.Option(["--json", "as_json"], is_flag=True, help="For programs."),
        ],
    )


def trace_command() -> click.Command:
    """`fastboot trace`, as click sees it."""
    return click.Command(
        "trace",
        help=TRACE_HELP,
        callback=lambda which, file, server: write_trace(server, which, file),
        params=[
            click.Argument(["which"], metavar="MAC|ADDRESS"),
            click.Argument(["file"], type=click.Path(path_type=Path)),
            _SERVER,
        ],
    )

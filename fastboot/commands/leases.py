"""`fastboot leases`: who has which address, and taking one back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastboot.dhcp.database import read, release
from fastboot.dhcp.leases import Lease, State
from fastboot.errors import ConfigError, SetupError
from fastboot.listen import is_privileged
from fastboot.report import clean
from fastboot.settings import build, read_toml

from .flags import CONFIG

_LEASES_HELP = """Show who has which address from `fastboot serve --dhcp server`.

\b
Examples:
  sudo fastboot leases                        a table
  sudo fastboot leases --json                 an object a line
  sudo fastboot leases release 192.0.2.100    take an address back
  sudo fastboot leases release 52:54:00:12:34:56

It may run while the server does. A machine whose lease is released is not told so: it
keeps the address until it asks for more time, and then gets another one if somebody
else has it by now.
"""

_MAC = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}")

_RELEASE_HELP = """Release the lease of an address, or all of a MAC.

\b
Examples:
  sudo fastboot leases release 192.0.2.100
  sudo fastboot leases release 52:54:00:12:34:56
"""


def show(path: Path, *, as_json: bool) -> None:
    """Print the leases in a file: a table for people, or one object a line.

    Raises:
        SetupError: The file cannot be used.
    """
    now, leases = time.time(), _read(path)
    if as_json:
        for lease in leases:
            print(_json(lease, now))  # noqa: T201
        return
    console = Console(highlight=False)
    if not leases:
        console.print(f"no leases in {escape(clean(str(path)))}")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("address", "MAC", "name", "state", "until"):
        table.add_column(title, no_wrap=True)
    for lease in leases:
        table.add_row(*(escape(clean(text)) for text in _row(lease, now)))
    console.print(table)


def take_back(path: Path, which: str) -> None:
    """Release the leases of an address or of a hardware address, and say which.

    Raises:
        SetupError: The file cannot be used, that is no address, or it has no lease.
    """
    released = release(path, _address(which), time.time())
    if not released:
        raise SetupError(f"{which} has no lease in {path}")
    for lease in released:
        print(f"released {lease.address} ({_who(lease)})")  # noqa: T201


def _read(path: Path) -> Iterable[Lease]:
    try:
        there = path.exists()
    except OSError as error:
        raise SetupError(
            f"cannot read the leases in {path}: {error.strerror}; run it as root, or "
            "name another file with --lease-file"
        ) from None
    if not there:
        raise SetupError(
            f"there are no leases in {path}: no server with --dhcp server kept any "
            "there; name its file with --lease-file"
        )
    return read(path)


def _address(text: str) -> str:
    """An address as the file writes it."""
    if _MAC.fullmatch(text.lower()):
        return text.lower().replace("-", ":")
    try:
        return str(ip_address(text))
    except ValueError:
        raise ConfigError(
            f"{text!r} is no address: give one such as 192.0.2.100 or 52:54:00:12:34:56"
        ) from None


def _who(lease: Lease) -> str:
    return lease.hostname or lease.mac.hex(":") or lease.client.hex(":") or "nobody"


def _row(lease: Lease, now: float) -> tuple[str, ...]:
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(lease.expires))
    mac = lease.mac.hex(":")
    return (str(lease.address), mac, lease.hostname, state(lease, now), until)


def state(lease: Lease, now: float) -> str:
    """What has become of a lease, in a word; `now` is in seconds since 1970."""
    if lease.state is State.BOUND:
        return "active" if lease.expires > now else "expired"
    return str(lease.state)


def _json(lease: Lease, now: float) -> str:
    return json.dumps(
        {
            "address": str(lease.address),
            "mac": lease.mac.hex(":"),
            "client": lease.client.hex(),
            "iaid": lease.iaid,
            "hostname": lease.hostname,
            "state": state(lease, now),
            "began": round(lease.began),
            "expires": round(lease.expires),
        }
    )


def leases_group() -> click.Group:
    """`fastboot leases`, as click sees it."""
    return click.Group(
        "leases",
        help=_LEASES_HELP,
        callback=click.pass_context(_leases),
        invoke_without_command=True,
        params=[
            CONFIG,
            click.Option(
                ["--lease-file", "file"],
                metavar="FILE",
                envvar="FASTBOOT_LEASE_FILE",
                help="Where the server keeps its leases.",
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="For programs."),
        ],
        commands=[
            click.Command(
                "release",
                help=_RELEASE_HELP,
                callback=click.pass_obj(take_back),
                params=[click.Argument(["which"], metavar="ADDRESS|MAC")],
            )
        ],
    )


def _leases(
    context: click.Context, config: Path | None, file: str | None, *, as_json: bool
) -> None:
    if context.invoked_subcommand is None:
        show(_lease_file(config, file), as_json=as_json)
    else:
        context.obj = _lease_file(config, file)


def _lease_file(config: Path | None, file: str | None) -> Path:
    """Where the server keeps its leases, by the same settings that it takes."""
    values = read_toml(config).get("lease", {}) if config else {}
    if file is not None:
        values = {**values, "file": file}
    lease = build({"folder": ".", "lease": values}).lease
    found = lease.resolved(privileged=is_privileged()).file
    assert found is not None
    return found

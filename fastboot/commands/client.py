"""`fastboot get` and `fastboot put`: one file over TFTP, from or to any server."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from fastboot.errors import (
    ConfigError,
    NotKept,
    ServerRefused,
    TransferError,
    WrongContent,
)
from fastboot.report import clean, complain, size
from fastboot.tftp.address import Address, parse
from fastboot.tftp.client import PATIENCE, Transferred, get_sync, put_sync
from fastboot.tftp.wishes import NOTHING, Wishes

EXIT_HERE = 1
"""The file cannot be read or written on this machine."""

EXIT_REFUSED = 3
"""The server says no: there is no such file, or it takes none."""

EXIT_NO_ANSWER = 4
"""Nothing came, nothing any more, or nothing that made sense."""

EXIT_CONTENT = 5
"""What came is not what was expected: its size or its checksum."""

REFRESH = 0.1
"""Seconds between two movements of the bar."""

_CODES = """
\b
Exit codes:
  0  all of it came across
  1  the file cannot be read or written on this machine
  2  what was asked for makes no sense
  3  the server refuses it: no such file, or it takes none
  4  the server does not answer, not any more, or nothing that makes sense
  5  what came has another size or checksum than it should have
"""

_GET_HELP = f"""Fetch a file over TFTP.

\b
Examples:
  fastboot get tftp://192.0.2.1/boot.img
  fastboot get tftp://192.0.2.1:6969/pxe/menu.ipxe -o -      to standard output
  fastboot get tftp://[2001:db8::1]/big --blksize 8192 -o /tmp/big
  fastboot get tftp://192.0.2.1/boot.img --check sha256:9f86d081884c7d65...
  fastboot get 'tftp://192.0.2.1/motd;mode=netascii'         with its lines' ends

The file appears under its name when all of it is there; nothing is left of one that
fails. The server may grant smaller blocks and windows than those asked for, or none.
{_CODES}"""

_PUT_HELP = f"""Send FILE to a TFTP server that takes files; "-" is standard input.

\b
Examples:
  fastboot put switch.cfg tftp://192.0.2.1/switch.cfg
  journalctl -b | fastboot put - tftp://192.0.2.1/logs/today
{_CODES}"""


def get_command() -> click.Command:
    """`fastboot get`, as click sees it."""
    return click.Command(
        "get",
        help=_GET_HELP,
        callback=_get,
        params=[
            click.Argument(["url"]),
            click.Option(
                ["-o", "--output"],
                metavar="FILE",
                help='Where it goes: a file, a folder, or "-" for standard output.  '
                "[default: its name, in this folder]",
            ),
            click.Option(
                ["--check"],
                metavar="sha256:HEX",
                help="Take it only if it has this checksum.",
            ),
            click.Option(
                ["--max-size"],
                metavar="BYTES",
                default="64GiB",
                show_default=True,
                help="Take no file that is longer: a number, or one with kB, MiB, GB, ...",
            ),
            click.Option(
                ["-c", "--continue", "resume"],
                is_flag=True,
                help="Not in TFTP, which begins each file at its beginning.",
            ),
            *_options(),
        ],
    )


def put_command() -> click.Command:
    """`fastboot put`, as click sees it."""
    return click.Command(
        "put",
        help=_PUT_HELP,
        callback=_put,
        params=[click.Argument(["file"]), click.Argument(["url"]), *_options()],
    )


def _options() -> list[click.Parameter]:
    usual = Wishes()
    return [
        click.Option(
            ["--blksize"],
            type=int,
            default=usual.blksize,
            show_default=True,
            help="Bytes of a block to ask for, 8..65464. The fastest is the longest that "
            "fits a frame: 1468 on Ethernet, 8968 with jumbo frames.",
        ),
        click.Option(
            ["--windowsize"],
            type=int,
            default=usual.windowsize,
            show_default=True,
            help="Blocks for each acknowledgement to ask for, 1..32767.",
        ),
        click.Option(
            ["--timeout"],
            type=float,
            help="Seconds until the server sends again to ask for, 0.01..255.",
        ),
        click.Option(
            ["--rollover"],
            type=int,
            help="The block number after 65535 to ask for, 0 or 1.",
        ),
        click.Option(
            ["--no-options", "plain"],
            is_flag=True,
            help="Ask for nothing, for servers that fail where somebody does.",
        ),
        click.Option(
            ["--patience"],
            type=click.FloatRange(min=0.1),
            default=PATIENCE,
            show_default=True,
            help="Seconds without anything new after which it is given up.",
        ),
        click.Option(["-q", "--quiet"], is_flag=True, help="Print errors alone."),
    ]


def _get(
    url: str,
    output: str | None,
    check: str | None,
    max_size: str,
    *,
    resume: bool,
    quiet: bool,
    patience: float,
    **wanted: Any,  # noqa: ANN401 (click's values)
) -> int:
    if resume:
        raise ConfigError(
            "TFTP cannot go on with part of a file: leave out --continue, and the whole "
            "file is fetched"
        )
    address, wishes, sha256 = parse(url), _wishes(**wanted), _sha256(check)
    limit = _bytes(max_size)
    target = _target(output, address)
    name = address.name.decode("utf-8", "replace")
    with _shown(name, quiet=quiet) as progress:
        return _settled(
            lambda: get_sync(
                url,
                target,
                wishes=wishes,
                patience=patience,
                sha256=sha256,
                limit=limit,
                progress=progress,
            ),
            f"got {name}",
            quiet=quiet,
        )


def _put(
    file: str,
    url: str,
    *,
    quiet: bool,
    patience: float,
    **wanted: Any,  # noqa: ANN401 (click's values)
) -> int:
    wishes = _wishes(**wanted)
    parse(url)  # before standard input is read
    source = sys.stdin.buffer.read() if file == "-" else file
    with _shown(file, quiet=quiet) as progress:
        return _settled(
            lambda: put_sync(
                source, url, wishes=wishes, patience=patience, progress=progress
            ),
            f"sent {file}",
            quiet=quiet,
        )


def _wishes(
    *,
    blksize: int,
    windowsize: int,
    timeout: float | None,
    rollover: int | None,
    plain: bool,
) -> Wishes:
    if plain:
        return NOTHING
    return Wishes(blksize, windowsize, timeout, rollover=rollover)


def _sha256(check: str | None) -> str | None:
    if check is None:
        return None
    kind, _, digits = check.rpartition(":")
    digits = digits.lower()
    if kind not in ("", "sha256") or len(digits) != 64 or set(digits) - _HEX:
        raise ConfigError(
            f"--check is {check!r}; it must be sha256: and 64 hexadecimal digits, as "
            "sha256sum prints them"
        )
    return digits


_HEX = frozenset("0123456789abcdef")


def _bytes(text: str) -> int:
    """So many bytes.

    >>> _bytes("1428"), _bytes("4GB"), _bytes("2 MiB")
    (1428, 4000000000, 2097152)
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"--max-size is {text!r}; it must be a number of bytes, such as 700000000, "
            "700MB or 4GiB"
        )
    count, unit, binary = found.groups()
    power = "kmgt".index(unit.lower()) + 1 if unit else 0
    of_one: int = (1024 if binary else 1000) ** power
    return int(count) * of_one


_SIZE = re.compile(r"(\d{1,15}) ?(?:([kmgt])(i)?)?b?", re.ASCII | re.IGNORECASE)


def _target(output: str | None, address: Address) -> Path | BinaryIO:
    if output == "-":
        return sys.stdout.buffer
    target = Path(output or ".")
    if not target.is_dir():
        return target
    name = os.fsdecode(address.name.rpartition(b"/")[2])
    if name in ("", ".", ".."):
        raise ConfigError(
            f"the URL ends with {name!r}, which is no file's name: give one with -o"
        )
    return target / name


def _settled(run: Callable[[], Transferred], done: str, *, quiet: bool) -> int:
    """The exit code of a transfer, once it is said how it went."""
    try:
        result = run()
    except TransferError as error:
        complain(str(error))
        if isinstance(error, NotKept):
            _forget_output()
        return _code(error)
    if not quiet:
        print(_summary(clean(done), result), file=sys.stderr)  # noqa: T201
    return 0


def _code(error: TransferError) -> int:
    match error:
        case NotKept():
            return EXIT_HERE
        case ServerRefused():
            return EXIT_REFUSED
        case WrongContent():
            return EXIT_CONTENT
        case _:
            return EXIT_NO_ANSWER


def _summary(done: str, result: Transferred) -> str:
    rate = f" ({size(round(result.rate))}/s)" if result.seconds else ""
    return (
        f"{done}: {size(result.size)} in {result.seconds:.2f} s{rate}, "
        f"blksize {result.blksize}, windowsize {result.windowsize}"
    )


def _forget_output() -> None:
    """Let Python not fail once more, as it leaves, where nobody reads what we print."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _shown(
    name: str, *, quiet: bool
) -> Iterator[Callable[[int, int | None], None] | None]:
    """A bar on the terminal, if there is one; what moves it."""
    console = Console(stderr=True, highlight=False)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(clean(name), total=None)
        shown = 0.0

        def move(done: int, total: int | None) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown >= REFRESH:
                shown = now
                bar.update(task, completed=done, total=total)

        yield move

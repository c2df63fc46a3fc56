"""The manual page, written from the same definitions as the command's flags.

Its language is that of man(7): a line that begins with a dot is a request, a backslash
begins an escape, and a hyphen is only then the one that is typed when it is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from textwrap import wrap

import click

from fastboot.settings import settings

from .walk import flags, paragraphs, usage, walk

_FLAG = re.compile(r"(?<![\w\\-])(--?[A-Za-z][\w-]*)")
_VALUE = re.compile(r"\b([A-Z][A-Z|:.]+)\b")
_QUOTED = re.compile(r"`([^`]+)`")

EXITS = (
    ("0", "What was asked for is done; a server finished all that ran."),
    ("1", "A server was stopped with transfers running, or fastboot has a mistake."),
    ("2", "A flag, file, folder or port cannot be used."),
    ("3, 4, 5", "As get and put have them, above."),
    ("130", "Ctrl-C came before anything was done."),
)
"""The exit codes, and what each means."""


def manual(command: click.Group, version: str, day: date) -> str:
    r"""The page of a command and all its subcommands, as man(1) reads it.

        >>> group = click.Group("boot", help="Boots.")
        >>> manual(group, "1.0", date(2026, 1, 31)).splitlines()[1]
        '.TH BOOT 1 2026-01-31 "boot 1.0" "User Commands"'

    Args:
        command: The command, with a name.
        version: Of the program.
        day: When the page was made.
    """
    name = command.name or ""
    parts = walk(command)
    _, context = next(parts)
    lines = [
        '.\\" Made by `fastboot man`.',
        f'.TH {name.upper()} 1 {day.isoformat()} "{name} {version}" "User Commands"',
        ".SH NAME",
        f"{name} \\- {plain(_first_line(command).rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {name}",
        _emphasised(usage(context)[1]),
        ".SH DESCRIPTION",
        *_text(command.help or ""),
        *_options(context),
        ".SH COMMANDS",
    ]
    for sub, context in parts:
        lines += [
            f'.SS "{" ".join(map(plain, usage(context)))}"',
            *_text(sub.help or ""),
            *_options(context),
        ]
    lines += [
        ".SH ENVIRONMENT",
        "Each setting of",
        f".B {name} serve",
        "is a variable:",
    ]
    for setting in settings():
        lines += [".TP", f".B {setting.variable}", f"As {_emphasised(setting.flag)}."]
    lines.append(".SH EXIT STATUS")
    for code, meaning in EXITS:
        lines += [".TP", f".B {code}", plain(meaning)]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    r"""Text with nothing in it that the page's language would take for its own.

    >>> print(plain(".efi and C:\\boot, as it's typed: -o"))
    \&.efi and C:\eboot, as it\(aqs typed: \-o
    """
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = "".join(c if c < "\x7f" else f"\\[u{ord(c):04X}]" for c in text)
    return f"\\&{text}" if text.startswith(".") else text


def _first_line(command: click.Command) -> str:
    return (command.help or "").strip().partition("\n\n")[0].replace("\n", " ")


def _text(text: str) -> Iterator[str]:
    for number, (lines, kept) in enumerate(paragraphs(text)):
        if number:
            yield ".PP"
        if kept:
            yield ".nf"
            yield from (_line(line.rstrip()) for line in lines)
            yield ".fi"
        else:
            yield from _sentences(" ".join(lines))


def _line(line: str) -> str:
    """A line that is kept as it is; spaces at its beginning are no request."""
    text = plain(line)
    return f"\\&{text}" if text.startswith(" ") else text


def _sentences(text: str) -> Iterator[str]:
    """Lines to be filled anew, with what stands between backticks in bold."""
    bold = _QUOTED.sub(r"\\fB\1\\fR", plain(text))
    for line in wrap(bold, 79, break_long_words=False, break_on_hyphens=False):
        yield f"\\&{line}" if line.startswith(".") else line


def _emphasised(text: str) -> str:
    """Flags in bold, what stands for a value in italics."""
    text = _VALUE.sub(r"\\fI\1\\fR", text)
    parts = _FLAG.split(text)
    for number, part in enumerate(parts):
        escaped = part.replace("-", "\\-").replace("'", "\\(aq")
        parts[number] = f"\\fB{escaped}\\fR" if number % 2 else escaped
    return "".join(parts)


def _options(context: click.Context) -> Iterator[str]:
    for names, text in flags(context):
        if text:
            yield ".TP"
            yield _emphasised(names)
            yield from _sentences(text)

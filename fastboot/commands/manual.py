"""`fastboot man` and `fastboot completion`: what a system is told of the command."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import PurePath

import click
from click.shell_completion import CompletionItem, get_completion_class

from fastboot.errors import ConfigError
from fastboot.interfaces import Interfaces

from .manual_page import manual

_MAN_HELP = """Print the manual page.

\b
Examples:
  fastboot man | man -l -                     read it
  fastboot man > /usr/local/share/man/man1/fastboot.1
"""

_COMPLETION_HELP = """Print what lets a shell complete commands, flags and values.

\b
Examples:
  fastboot completion bash > /etc/bash_completion.d/fastboot
  fastboot completion zsh > /usr/local/share/zsh/site-functions/_fastboot
  fastboot completion fish > ~/.config/fish/completions/fastboot.fish
"""

SHELLS = ("bash", "zsh", "fish")
"""Those that click completes in."""


def man_command() -> click.Command:
    """`fastboot man`, as click sees it."""
    return click.Command("man", help=_MAN_HELP, callback=_man)


def completion_command() -> click.Command:
    """`fastboot completion`, as click sees it."""
    shell = click.Argument(["shell"], type=click.Choice(SHELLS))
    return click.Command(
        "completion", help=_COMPLETION_HELP, callback=_completion, params=[shell]
    )


def completed(flag: str, kind: type) -> Callable[..., list[CompletionItem]] | None:
    """How the value of a setting's flag is completed; None where click knows that.

    Args:
        flag: The flag, or FOLDER.
        kind: Its type, as `fastboot.settings.Setting` has it.
    """
    if flag == "FOLDER":
        return lambda context, parameter, word: [CompletionItem(word, type="dir")]
    if flag == "--interface":
        return _interfaces
    if issubclass(kind, PurePath):
        return lambda context, parameter, word: [CompletionItem(word, type="file")]
    return None


def _interfaces(
    _: click.Context, __: click.Parameter, word: str
) -> list[CompletionItem]:
    names = (card.name for card in Interfaces().all())
    return [CompletionItem(name) for name in names if name.startswith(word)]


@click.pass_context
def _man(context: click.Context) -> None:
    command = context.find_root().command
    assert isinstance(command, click.Group)
    click.echo(manual(command, version("fastboot"), _today()), nl=False)


def _today() -> date:
    """The day, or the one that a reproducible build is of (SOURCE_DATE_EPOCH)."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        return datetime.now(UTC).date()
    if not (epoch.isascii() and epoch.isdecimal() and len(epoch) <= 11):
        raise ConfigError(
            f"SOURCE_DATE_EPOCH is {epoch!r}; it must be seconds since 1970"
        )
    return datetime.fromtimestamp(int(epoch), UTC).date()


@click.pass_context
def _completion(context: click.Context, shell: str) -> None:
    command = context.find_root().command
    completer = get_completion_class(shell)
    assert completer is not None  # one of SHELLS
    click.echo(completer(command, {}, "fastboot", "_FASTBOOT_COMPLETE").source())

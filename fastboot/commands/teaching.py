"""How the command line teaches: commands by their purpose, and what to type instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import click


class Commands(click.Group):
    """The commands, under a heading for each purpose and each in a whole sentence.

    Args:
        purposes: The headings, and the names of the commands under each.
        **rest: As `click.Group` takes them.
    """

    def __init__(self, purposes: Mapping[str, Sequence[str]], **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self._purposes = purposes

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which they are shown."""
        del ctx
        return [name for names in self._purposes.values() for name in names]

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write what each command does: the first paragraph of its own help."""
        del ctx
        for heading, names in self._purposes.items():
            with formatter.section(heading):
                formatter.write_dl([(name, self._sentence(name)) for name in names])

    def _sentence(self, name: str) -> str:
        return " ".join((self.commands[name].help or "").split("\n\n")[0].split())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named, or a `click.UsageError` with what was meant."""
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            raise click.UsageError(self._instead(name), ctx)
        return super().resolve_command(ctx, args)

    def _instead(self, name: str) -> str:
        text = f"there is no command {name!r}"
        close = get_close_matches(name, self.commands, 2)
        if close:
            return f"{text}; did you mean {' or '.join(close)}?"
        if Path(name).is_dir():
            return f"{text}; to serve that folder: fastboot serve {name}"
        return text


def usage(error: click.UsageError, command: click.Group, arguments: list[str]) -> str:
    """What is wrong with a command line, in one line, and where help is.

    Args:
        error: As click raises it.
        command: The whole command.
        arguments: What was typed after its name.
    """
    if isinstance(error, click.NoSuchOption):
        text = f"there is no flag {error.option_name}"
        meant = sorted(error.possibilities or ())
        if meant:
            text += f"; did you mean {' or '.join(meant)}?"
    else:
        text = " ".join(error.format_message().split())
    path = error.ctx.command_path if error.ctx else _path(command, arguments)
    joint = "" if text.endswith("?") else ";"
    return f"{text.rstrip('.')}{joint} see {path} --help"


def _path(command: click.Group, arguments: list[str]) -> str:
    """The command that was typed, for an error that does not know it."""
    name = next((one for one in arguments if one in command.commands), "")
    return f"{command.name} {name}".rstrip()

"""The commands as their pages tell of them: each with its flags and the words of its help."""

from __future__ import annotations

from collections.abc import Iterator

import click


def walk(
    command: click.Command, parent: click.Context | None = None
) -> Iterator[tuple[click.Command, click.Context]]:
    """A command, then those below it, each with its context.

    >>> group = click.Group("boot", commands=[click.Command("man")])
    >>> [context.command_path for _, context in walk(group)]
    ['boot', 'boot man']

    Args:
        command: The first of them.
        parent: The context of what it is a command of.
    """
    with click.Context(command, parent, info_name=command.name) as context:
        yield command, context
        if isinstance(command, click.Group):
            for sub in command.commands.values():
                yield from walk(sub, context)


def usage(context: click.Context) -> tuple[str, str]:
    """How a command is called: its path, and what follows that."""
    pieces = context.command.collect_usage_pieces(context)
    return context.command_path, " ".join(pieces)


def flags(context: click.Context) -> Iterator[tuple[str, str]]:
    """Each flag of a command as its help has it, and what that says of it."""
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield record


def paragraphs(text: str) -> Iterator[tuple[list[str], bool]]:
    r"""The lines of each paragraph of a help, and whether they are kept as they are.

    click is told to keep them by a first line that is a backspace.

    >>> list(paragraphs("Boots\nPCs.\n\n\b\n  a\n  b"))
    [(['Boots', 'PCs.'], False), (['  a', '  b'], True)]
    """
    for paragraph in text.strip().split("\n\n"):
        lines = [line for line in paragraph.split("\n") if line.strip()]
        kept = lines[:1] == ["\b"]
        yield lines[kept:], kept

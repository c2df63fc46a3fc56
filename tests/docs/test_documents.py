"""What the documents show exists: commands with their flags, and programs that run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import click
import pytest

from documents import PAGES, README, RUN, WRITTEN, blocks, commands, name_of
from fastboot.cli import command

SHELL = ("|", ">", "&&", "&", ";")
"""Words that end a command."""


def shown():
    """Every command of ours that a page tells people to type, in a block or in its text."""
    for page in WRITTEN:
        lines = [
            line
            for block in blocks(page)
            if block.language in (*RUN, "bash")
            for line, _ in commands(block)
        ]
        lines += re.findall(r"`((?:sudo )?fastboot [^`]+)`", page.read_text("utf-8"))
        for line in lines:
            for part in re.split(r" (?:&&|\|) ", line):
                if re.match(r"(sudo )?(\.venv/bin/)?fastboot ", part):
                    yield pytest.param(part, id=f"{page.name}: {part}")


@pytest.mark.parametrize("line", list(shown()))
def test_a_command_that_is_shown_exists_with_its_flags(line):
    words = shlex.split(line)
    words = words[1:] if words[0] == "sudo" else words
    if words[1].startswith("-"):
        assert words[1] in ("--help", "--version")
        return
    known, words = command.commands[words[1]], words[2:]
    if isinstance(known, click.Group) and words and words[0] in known.commands:
        known, words = known.commands[words[0]], words[1:]
    with click.Context(command) as context:
        parser = known.make_parser(context)
    flags = {*parser._long_opt, *parser._short_opt, "--help"}
    for word in words:
        if word in SHELL:
            break
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in flags, word


def programs():
    for page in (*PAGES, README):
        # library.md's and the README's have tests of their own, which try what they do.
        if page in WRITTEN and page.name not in ("library.md", "README.md"):
            for number, block in enumerate(blocks(page)):
                if block.language == "python":
                    yield pytest.param(block.code, id=f"{name_of(page)}-{number}")


@pytest.mark.parametrize("code", list(programs()))
def test_a_program_that_is_shown_runs(code, tmp_path):
    (tmp_path / "images").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

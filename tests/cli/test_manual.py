"""`fastboot man`: every command and flag, in a page that man and mandoc find no fault in."""

import subprocess
from datetime import date

import click
import pytest

from command import complaint, run
from fastboot.cli import command
from fastboot.commands.manual_page import manual, plain
from fastboot.settings import settings
from peers import need

PAGE = manual(command, "1.0", date(2026, 1, 31))
LINES = PAGE.splitlines()


def commands(group, path="fastboot"):
    for name, sub in group.commands.items():
        yield f"{path} {name}", sub
        if isinstance(sub, click.Group):
            yield from commands(sub, f"{path} {name}")


@pytest.mark.parametrize(("path", "sub"), list(commands(command)))
def test_every_command_has_a_part_with_its_flags(path, sub):
    starts = (n for n, line in enumerate(LINES) if line.startswith(f'.SS "{path} '))
    start = next(starts)  # those of its own commands come after it
    end = next(n for n in range(start + 1, len(LINES)) if LINES[n].startswith(".S"))
    part = "\n".join(LINES[start:end])
    for parameter in sub.params:
        if isinstance(parameter, click.Option):
            for flag in parameter.opts + parameter.secondary_opts:
                assert f"\\fB{plain(flag)}\\fR" in part


def test_every_variable_is_named():
    variables = {line.removeprefix(".B ") for line in LINES if "FASTBOOT_" in line}
    assert {setting.variable for setting in settings()} <= variables


def test_a_line_of_text_is_never_a_request():
    requests = {line.partition(" ")[0] for line in LINES if line[:1] in (".", "'")}
    assert requests <= {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".nf", ".fi", '.\\"'}


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (".TH", "\\&.TH"),
        ("C:\\boot", "C:\\eboot"),
        ("'br", "\\(aqbr"),
        ("--fast", "\\-\\-fast"),
        ("naïve", "na\\[u00EF]ve"),
    ],
)
def test_what_the_language_would_take_for_its_own_is_escaped(text, escaped):
    assert plain(text) == escaped


def test_a_reproducible_build_says_of_when_the_page_is():
    done = run("man", env={"SOURCE_DATE_EPOCH": "0"})
    assert '.TH FASTBOOT 1 1970-01-01 "fastboot ' in done.stdout
    assert '"User Commands"' in done.stdout


@pytest.mark.parametrize("epoch", ["yesterday", "-1", "9" * 12, "٣"])
def test_a_wrong_time_of_a_build_is_one_clear_line(epoch):
    line = complaint("man", env={"SOURCE_DATE_EPOCH": epoch})
    assert "SOURCE_DATE_EPOCH" in line


@pytest.mark.interop
@pytest.mark.parametrize(
    "arguments", [("mandoc", "-Tlint"), ("man", "--warnings", "-l")]
)
def test_who_reads_it_finds_no_fault(arguments, tmp_path):
    program, *flags = arguments
    page = tmp_path / "fastboot.1"
    page.write_text(PAGE)
    done = subprocess.run(
        [need(program), *flags, page], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    # mandoc prints what it finds, man the page.
    assert done.stdout == "" if program == "mandoc" else "--tftp-port" in done.stdout

"""Every command that a page shows is run, from top to bottom, as its reader would.

What runs here is in blocks of `sh`, or of `console` with what it prints; a block with a
file's name is that file. Commands in blocks of `bash` are for other machines, or change
more of this one than a test may: `NOT_HERE` says of each why.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest

import documents
import shell
from documents import ELSEWHERE, README, RUN, WRITTEN, blocks, commands
from fastboot.settings import build

LONE = {"addresses.md", "ipv6.md"}
"""Pages for networks where nobody else gives addresses."""

AT_ONCE = 4
"""Pages that are tried at the same time."""

PAGES = [page for page in (README, *WRITTEN) if page.exists()]

NOT_HERE = {
    r"(sudo )?apt-get install ": "installs a package for the whole machine",
    r"(\S*/)?pip install ": "installs from an index; .ci/packages installs each wheel",
    r"(python3 -m venv|\S*/pip install) .*": ".ci/run runs the README's own lines",
    r"\S*python -m tests\.fuzz": ".ci/run fuzzes for a bounded time",
    r"wget -P \S+ https://": "downloads from the Internet",
    r"sudo cp \S+ /etc/": "changes the machine's own service manager",
    r"(sudo )?(systemctl|journalctl) ": "asks the machine's own service manager",
    r"(podman|docker) ": "builds and runs containers",
    r"/ip dhcp-server ": "is typed into RouterOS",
    r"(Set|Add)-Dhcp\w+ ": "is typed into Windows' PowerShell",
    r"uci ": "is typed into OpenWrt",
    r"(dhcp|setenv .*|run .*)$": "is typed into U-Boot",
    r"sudo rpi-eeprom-config ": "changes a Raspberry Pi's firmware",
}
"""Commands that are not run, by how they begin, and why."""


def of(language_in):
    return [
        pytest.param(page, id=documents.name_of(page))
        for page in PAGES
        if any(block.language in language_in for block in blocks(page))
    ]


def elsewhere(command):
    return next((why for how, why in NOT_HERE.items() if re.match(how, command)), None)


def follow(page, folder):
    """Do what a page says, in a machine of its own."""
    with shell.Shell(folder, router=page.name not in LONE) as machine:
        for block in blocks(page):
            if block.title:
                machine.write(block.title, block.code)
            if block.language not in RUN:
                continue
            for command, shown in commands(block):
                if elsewhere(command) is None:
                    printed = machine.run(command)
                    assert shell.agrees(printed, shown), f"$ {command}\n{printed}"


@pytest.fixture(scope="module")
def followed(request, tmp_path_factory):
    """The pages that are to be tried, some at a time: they wait more than they work."""
    chosen = {
        item.callspec.params["page"]
        for item in request.session.items
        if item.path == request.path and "followed" in item.fixturenames
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            page: pool.submit(follow, page, tmp_path_factory.mktemp(page.stem))
            for page in chosen
        }


@pytest.mark.interop
@pytest.mark.slow
@pytest.mark.parametrize("page", of(RUN))
def test_the_commands_of_a_page_do_what_it_says(page, followed):
    followed[page].result()


@pytest.mark.parametrize("page", of([ELSEWHERE]))
def test_a_command_that_is_not_run_has_its_reason(page):
    for block in blocks(page):
        if block.language == ELSEWHERE:
            for command, _ in commands(block):
                assert elsewhere(command), f"{command} could be run: make it sh"


def test_each_reason_is_needed():
    shown = [
        command
        for page in PAGES
        for block in blocks(page)
        if block.language in (*RUN, ELSEWHERE)
        for command, _ in commands(block)
    ]
    unused = [how for how in NOT_HERE if not any(re.match(how, c) for c in shown)]
    assert unused == []


@pytest.mark.parametrize("page", of(["toml"]))
def test_a_settings_file_that_is_shown_can_be_used(page):
    for block in blocks(page):
        if block.language == "toml":
            build({"folder": ".", **tomllib.loads(block.code)})


@pytest.mark.parametrize("page", PAGES, ids=documents.name_of)
def test_no_block_hides_a_command_from_the_tests(page):
    for block in blocks(page):
        if block.language in ("", "text", "shell"):
            for line in block.code.splitlines():
                words = shlex.split(line, comments=True, posix=False)
                assert words[:1] not in (["sudo"], ["fastboot"], ["$"]), line


def test_what_a_command_prints_is_compared_line_by_line():
    assert shell.agrees("one\ntwo  \nthree\n", ["one", "two", "..."])
    assert shell.agrees("one\ntwo\nthree\n", ["...", "three"])
    assert not shell.agrees("one\ntwo\n", ["two"])
    assert not shell.agrees("one\n", ["one", "two"])

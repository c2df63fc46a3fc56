"""The lines for routers are such as their programs take."""

import subprocess

import pytest

from documents import DOCS, blocks
from peers import need

pytestmark = pytest.mark.interop

PAGES = [*sorted((DOCS / "routers").glob("*.md")), DOCS / "how-to" / "beside-dhcp.md"]

CHECKS = {
    "/etc/dnsmasq.d/": ("dnsmasq", "--test", "--conf-file={file}"),
    "/etc/kea/kea-dhcp4.conf": ("kea-dhcp4", "-t", "{file}"),
    "/etc/dhcp/dhcpd.conf": ("dhcpd", "-t", "-cf", "{file}"),
}
"""What checks the settings of each program, by where they lie."""


def shown():
    for page in PAGES:
        for block in blocks(page):
            if block.title.startswith("/etc/"):
                yield pytest.param(block, id=f"{page.name}: {block.title}")


def check(title, text, folder):
    """Whether a program takes these lines, and what it says of them."""
    (command,) = (how for start, how in CHECKS.items() if title.startswith(start))
    file = folder / "settings"
    file.write_text(text)
    done = subprocess.run(
        [need(command[0]), *(word.format(file=file) for word in command[1:])],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", list(shown()))
def test_lines_that_are_shown_are_taken(block, tmp_path):
    taken, said = check(block.title, block.code, tmp_path)
    assert taken, said


@pytest.mark.parametrize("title", ["/etc/dnsmasq.d/x", *list(CHECKS)[1:]])
def test_lines_with_a_mistake_are_not(title, tmp_path):
    taken, _ = check(title, "dhcp-bot=this is no setting;\n", tmp_path)
    assert not taken

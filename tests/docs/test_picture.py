"""The README's picture shows what the program prints today."""

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from fastboot.commands import banner
from fastboot.config import Config

DOCS = Path(__file__).parents[2] / "docs"
BYTES_MAX = 150_000


@pytest.fixture(scope="module")
def picture():
    spec = spec_from_file_location("picture", DOCS / "picture.py")
    module = module_from_spec(spec)
    sys.modules["picture"] = module  # dataclasses look for their module there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def svg(picture):
    return picture.PICTURE.read_text("utf-8")


def test_it_is_what_its_run_draws_today(picture, svg):
    drawn = picture.draw(picture.Run.read(svg))
    assert drawn == svg, "run python docs/picture.py"


def test_its_lines_are_those_that_the_run_printed(picture, svg):
    """Otherwise the program says something else today: make a new run."""
    run = picture.Run.read(svg)
    assert picture.lines_of(run) == run.facts["printed"], "run docs/film.py"


def test_its_first_screen_is_the_one_of_today(picture, svg, monkeypatch):
    run = picture.Run.read(svg)
    cards = [("lo", "127.0.0.1"), ("eth0", "10.77.0.2")]
    there = [
        SimpleNamespace(name=name, ipv4=(IPv4Address(address),), ipv6=())
        for name, address in cards
    ]
    monkeypatch.setattr(
        banner, "Interfaces", lambda: SimpleNamespace(all=lambda: there)
    )
    ports = {"tftp": 69, "http": 80}
    config = Config(folder=Path("images")).resolved(privileged=True)
    entries = [SimpleNamespace(title=title) for title in ("debian", "rescue.ipxe")]
    server = SimpleNamespace(
        config=config,
        menu=SimpleNamespace(entries=lambda: entries),
        engines=ports,
        ports=lambda name: [("0.0.0.0", ports[name])],
        program=lambda arch: "snponly.efi",
        leasing=None,
    )
    console = Console(width=picture.COLUMNS, highlight=False)
    with console.capture() as screen:
        banner.write_banner(console, server, privileged=True)
    shown = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in run.facts["banner"]]
    printed = screen.get().splitlines()
    assert [line.rstrip() for line in shown] == [line.rstrip() for line in printed]


def test_it_is_small_and_asks_nobody_for_anything(svg):
    assert len(svg) < BYTES_MAX
    assert not re.search(r"""(href|src|url\()=?["']?(https?:)?//""", svg)
    assert "prefers-color-scheme: dark" in svg

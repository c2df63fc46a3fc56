"""The page of a folder: for people, for programs, and never for what boots."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.errors import NotFound, Refused, Unavailable
from fastboot.http.message import decode
from fastboot.listing import Item, Look
from fastboot.pages import folder as module
from fastboot.pages.folder import (
    CREDIT,
    FRESH,
    HTML,
    JSON,
    KEPT_MAX,
    REST,
    TEXT,
    Pages,
    href,
    verb,
    write_html,
    write_json,
    write_text,
)
from fastboot.tree import Client, Directory

NOON = 1_700_000_000 * 10**9
HOSTILE = [
    '"><script>alert(1)</script>',
    "</style></script><!--",
    "'onmouseover='alert(1)",
    "&lt;&amp;",
    "{{ 7 * 7 }}{% raw %}",
    "a b%20c?d#e;f",
    "javascript:alert(1)",
    "\u202egpj.efi",
    "x\udce9.img",
    "${mac}",
]


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.links = {}
        self.copies = {}
        self.inner = {"script": "", "style": ""}
        self._open = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input"):
            self._open.append((tag, dict(attrs)))
        if tag == "button":
            about = dict(attrs)
            self.copies[about["data-href"]] = about["data-verb"]

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag  # what opens is closed, in order

    def handle_data(self, data):
        tag, _ = self._open[-1] if self._open else ("", {})
        if tag in self.inner:
            self.inner[tag] += data
        for outer, attrs in self._open:
            if outer == "a":
                self.links[attrs["href"]] = self.links.get(attrs["href"], "") + data

    def close(self):
        super().close()
        assert self._open == []


def file(name, size=5, mtime_ns=NOON):
    return Item(name, folder=False, size=size, mtime_ns=mtime_ns)


def look(*items, complete=True):
    return Look(tuple(items), complete)


def page(*items, path=()):
    return Page(write_html(path, look(*items)))


# For people


def test_each_name_is_a_link_to_it():
    shown = page(Item("d", folder=True, size=0, mtime_ns=0), file("f"), path=("a b",))
    assert shown.links["/a%20b/d/"] == "d/"
    assert shown.links["/a%20b/f"] == "f"


def test_each_folder_above_is_a_link():
    shown = page(path=("a", "b c"))
    assert shown.links == {"/": "fastboot", "/a/": "a", "/a/b%20c/": "b c"}
    current = [attrs for tag, attrs in shown.tags if "aria-current" in attrs]
    assert current == [{"href": "/a/b%20c/", "aria-current": "page"}]


@pytest.mark.parametrize("name", HOSTILE)
def test_P5_a_hostile_name_is_text_and_a_link_to_itself(name):
    plain, shown = page(file("f"), path=("f",)), page(file(name), path=(name,))
    assert [tag for tag, _ in shown.tags] == [tag for tag, _ in plain.tags]
    path = href((name, name), folder=False)
    assert path in shown.links
    assert unquote(path, errors="surrogateescape") == f"/{name}/{name}"
    for _, attrs in shown.tags:
        assert not [key for key in attrs if key.startswith("on")]


NAMES = st.one_of(
    st.binary(min_size=1),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.encode),
).filter(lambda name: not set(name) & {0, 0x2F})


@given(st.lists(NAMES.map(os.fsdecode), max_size=4))
def test_P5_whatever_names_there_are_the_page_has_the_same_tags(names):
    plain = page(*(file("x") for _ in names))
    shown = page(*map(file, names))
    assert [tag for tag, _ in shown.tags] == [tag for tag, _ in plain.tags]


@given(NAMES)
def test_a_request_for_a_link_is_a_request_for_the_file(name):
    path = href((os.fsdecode(name),), folder=False).encode()
    try:
        head, _ = decode(b"GET " + path + b" HTTP/1.0\r\n\r\n")
    except ValueError:  # control characters: such names are not listed
        assert any(byte < 0x20 or byte == 0x7F for byte in name)
    else:
        assert os.fsencode(head.path) == b"/" + name


def test_nothing_comes_from_elsewhere():
    for _, attrs in page(file("f")).tags:
        for key in ("href", "src", "data-href"):
            assert attrs.get(key, "/").startswith(("/", "data:,"))
            assert not attrs.get(key, "").startswith("//")


def test_a_browser_runs_our_script_and_style_and_nothing_else():
    policy = dict(module.FIELDS)["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    shown = page(file("f"))
    for kind in ("script", "style"):
        digest = hashlib.sha256(shown.inner[kind].encode()).digest()
        assert rules[f"{kind}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"


def test_without_a_script_everything_can_be_read_and_nothing_is_dead():
    """What needs the script is hidden until that shows it."""
    shown = page(file("f"))
    hidden = {attrs.get("class") for _, attrs in shown.tags if "hidden" in attrs}
    assert hidden == {"tools", "line"}
    assert shown.links["/f"] == "f"


def test_a_screen_reader_is_told_what_things_are():
    shown = page(file("f"))
    tags = [tag for tag, _ in shown.tags]
    assert shown.tags[0] == ("html", {"lang": "en"})
    assert {"main", "nav", "h1", "table", "thead", "label"} <= set(tags)
    assert ("label", {"for": "search"}) in shown.tags
    roles = [attrs["role"] for _, attrs in shown.tags if "role" in attrs]
    assert roles == ["status"]
    labels = [attrs.get("aria-label") for tag, attrs in shown.tags if tag == "button"]
    assert labels == [None, "Copy the iPXE line for f"]
    assert all(
        attrs["scope"] in ("col", "row") for tag, attrs in shown.tags if tag == "th"
    )


def test_each_file_has_an_ipxe_line_and_the_first_page_that_of_the_menu():
    shown = page(file("linux"), Item("d", folder=True, size=0, mtime_ns=0))
    assert shown.copies == {"/boot.ipxe": "chain", "/linux": "kernel"}
    assert page(file("a b.iso"), path=("x",)).copies == {"/x/a%20b.iso": "sanboot"}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        *(("linux", "kernel"), ("bzImage", "kernel"), ("vmlinuz-6.1-amd64", "kernel")),
        *(("initrd.gz", "initrd"), ("initramfs-linux.img", "initrd")),
        *(("a.efi", "chain"), ("b.IPXE", "chain"), ("undionly.kpxe", "chain")),
        *(("a.iso", "sanboot"), ("disk.img", "sanboot"), ("notes.txt", "imgfetch")),
    ],
)
def test_the_ipxe_command_is_what_is_usually_wanted(name, command):
    assert verb(name) == command


def test_an_empty_folder_says_so():
    assert "The folder is empty." in write_html((), look())


@pytest.mark.parametrize("write", [write_html, write_text])
def test_what_is_left_out_is_said(write):
    assert "more" not in write(("d",), look(file("f")))
    assert "more" in write(("d",), look(file("f"), complete=False))


@pytest.mark.parametrize("mtime_ns", [-(10**18), 2**62, 10**30])
@pytest.mark.parametrize("write", [write_html, write_json, write_text])
def test_a_time_that_no_calendar_has_is_shown_as_the_nearest(write, mtime_ns):
    assert write((), look(file("f", mtime_ns=mtime_ns)))


# For programs


def test_the_json_has_what_a_program_needs():
    folder = Item("d", folder=True, size=0, mtime_ns=NOON)
    assert json.loads(write_json(("a b",), look(folder, file("f")))) == {
        "path": "/a%20b/",
        "complete": True,
        "items": [
            {
                "name": "d",
                "href": "/a%20b/d/",
                "type": "folder",
                "size": None,
                "modified": "2023-11-14T22:13:20Z",
            },
            {
                "name": "f",
                "href": "/a%20b/f",
                "type": "file",
                "size": 5,
                "modified": "2023-11-14T22:13:20Z",
            },
        ],
    }


def test_the_text_has_a_line_for_each_name():
    folder = Item("d", folder=True, size=0, mtime_ns=NOON)
    assert write_text((), look(folder, file("f", size=12345))) == (
        "2023-11-14 22:13                -  d/\n2023-11-14 22:13            12345  f\n"
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_G3_a_hostile_name_is_one_line_of_text_and_valid_json(name):
    text = write_text((), look(file(name)))
    assert len(text.splitlines()) == 1
    assert text.rstrip("\n").isprintable()
    (item,) = json.loads(write_json((), look(file(name))).encode())["items"]
    assert unquote(item["href"], errors="surrogateescape") == f"/{name}"


# The tree


class Clock:
    """Seconds that the test moves."""

    now = 1000.0

    def __call__(self):
        return self.now


class Slow:
    """A folder on a slow disk."""

    def __init__(self, clock, took):
        self.clock = clock
        self.took = took
        self.looks = 0

    def look(self, name, limit):
        self.clock.now += self.took
        self.looks += 1
        return look(file("f"))


def client(accept="", protocol="http"):
    return Client("192.0.2.7", protocol, accept=accept)


@pytest.fixture
def site(tmp_path):
    """A folder, its pages and their clock."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"12345")
    tree, clock = Directory(tmp_path), Clock()
    yield tmp_path, Pages(tree, clock), clock
    tree.close()


@pytest.mark.parametrize(
    ("accept", "kind", "start"),
    [
        (HTML, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        (JSON, "application/json", b"{"),
        (TEXT, "text/plain; charset=utf-8", b"20"),
    ],
)
@pytest.mark.parametrize("name", ["/d", "/d/"])
def test_a_folder_is_what_is_asked_for(site, name, accept, kind, start):
    blob = site[1].open(name, client(accept))
    content = blob.read(0, blob.size)
    assert blob.kind == kind
    assert content.startswith(start)
    assert b"f" in content
    assert dict(blob.fields)["Vary"] == "Accept"


@pytest.mark.parametrize("accept", ["", "*/*"])
@pytest.mark.parametrize("name", ["/", "/d", "/d/"])
def test_what_boots_finds_no_page(site, name, accept):
    with pytest.raises(NotFound):
        site[1].open(name, client(accept))


@pytest.mark.parametrize(
    ("name", "error"), [("/x", NotFound), ("/d/f", NotFound), ("/..", Refused)]
)
def test_P1_what_is_no_folder_has_no_page(site, name, error):
    with pytest.raises(error):
        site[1].open(name, client(HTML))


def test_a_page_serves_for_a_moment(site):
    root, pages, clock = site
    first = pages.open("/d", client(TEXT))
    (root / "d" / "new").write_bytes(b"")
    clock.now += FRESH - 0.1
    assert pages.open("/d/", client(TEXT)) is first
    assert pages.open("/d", client(JSON)) is not first
    clock.now += 0.2
    assert b"new" in pages.open("/d", client(TEXT)).read(0, 1000)


@pytest.mark.parametrize("took", [0.001, 0.02, 3.0])
def test_G4_who_asks_without_end_is_told_to_wait_and_others_have_the_time(took):
    """However slow the disk, in the long run pages take a tenth of the time."""
    clock = Clock()
    began, folder = clock.now, Slow(clock, took)
    pages = Pages(folder, clock)
    refused = 0
    while clock.now - began < 300:
        try:
            pages.open(f"/{clock.now}", client(TEXT))
        except Unavailable:
            refused += 1
            clock.now += 0.01
    assert refused
    assert folder.looks * took <= (clock.now - began + CREDIT) / REST + 2 * took


def test_a_person_who_opens_one_folder_after_the_other_never_waits():
    clock = Clock()
    pages = Pages(Slow(clock, 0.05), clock)
    for number in range(1000):
        pages.open(f"/{number}", client(HTML))
        clock.now += 0.5


def test_only_so_many_pages_are_kept(site):
    root, pages, _ = site
    for number in range(KEPT_MAX + 5):
        (root / f"d{number}").mkdir()
        pages.open(f"/d{number}", client(TEXT))
    assert len(pages._kept) == KEPT_MAX


def test_the_files_of_the_page_are_in_the_package():
    for name in ("folder.html.j2", "folder.css", "folder.js"):
        assert Path(module.__file__).with_name(name).is_file()

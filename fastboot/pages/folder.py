"""A folder of the tree as a page, as JSON or as plain text, for whoever asks for one.

Machines that boot never do: they send no Accept, or one that names no media type, and
get what they got without this, which is 404. A page is had with and without a slash
behind the folder's name, since a redirect would be the end for firmware.
"""

from __future__ import annotations

import json
import posixpath
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from urllib.parse import quote

import jinja2

from fastboot.beneath import components
from fastboot.boot.entries import INITRD, is_kernel
from fastboot.errors import NotFound, Unavailable
from fastboot.listing import Item, Look
from fastboot.report import clean, size
from fastboot.tree import Blob, Client, Directory

from .accept import preferred
from .policy import policy

SHOWN_MAX = 2000
"""Names on a page: a longer one is no help to a person, and takes long to make."""

FRESH = 1.0
"""Seconds for which a page serves again."""

KEPT_MAX = 16
"""Pages kept for that long."""

REST = 10
"""Times as long as a page took to make that others have to themselves, on average."""

CREDIT = 5.0
"""Seconds of such a rest that may be owed: a person who opens one folder after the
other never owes as much, a program that asks without end does, and gets 503."""

HTML, JSON, TEXT = "text/html", "application/json", "text/plain"

_STYLE, _SCRIPT = (
    files("fastboot.pages").joinpath(name).read_text("utf-8")
    for name in ("folder.css", "folder.js")
)

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("fastboot.pages", "."),
    undefined=jinja2.StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


_POLICY = policy(_STYLE, _SCRIPT)

FIELDS = (
    ("Cache-Control", "no-cache"),
    ("Vary", "Accept"),
    # Were a name ever taken for a script, no browser would run it.
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
)
"""HTTP's fields of every page."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A name as people see it.

    Attributes:
        name: In printable characters.
        href: The path to it.
        item: What is known of it.
        size: In words.
        modified: The time of its last modification, UTC.
        verb: The iPXE command that loads it; empty for a folder.
    """

    name: str
    href: str
    item: Item
    size: str
    modified: datetime
    verb: str


def verb(name: str) -> str:
    """The iPXE command that does with a file what is usually wanted.

    >>> verb("vmlinuz-6.1"), verb("initrd.gz"), verb("rescue.iso"), verb("tools.ipxe")
    ('kernel', 'initrd', 'sanboot', 'chain')
    """
    if is_kernel(name):
        return "kernel"
    if name.startswith(INITRD):
        return "initrd"
    suffix = posixpath.splitext(name)[1].lower()
    if suffix in (".efi", ".ipxe", ".kkpxe", ".kpxe", ".lkrn", ".pxe"):
        return "chain"
    return "sanboot" if suffix in (".img", ".iso") else "imgfetch"


def href(parts: Sequence[str], *, folder: bool) -> str:
    """The path of a file or folder as a URL has it, from the root.

    >>> href(("my images", "a b.iso"), folder=False), href((), folder=True)
    ('/my%20images/a%20b.iso', '/')
    """
    path = "/".join(quote(part, safe="", errors="surrogateescape") for part in parts)
    return f"/{path}/" if folder and parts else f"/{path}"


def _rows(parts: Sequence[str], items: Sequence[Item]) -> list[_Row]:
    rows = []
    for item in items:
        seconds = max(0, min(item.mtime_ns // 10**9, _LATEST))
        row = _Row(
            name=clean(item.name),
            href=href((*parts, item.name), folder=item.folder),
            item=item,
            size="" if item.folder else size(item.size),
            modified=datetime.fromtimestamp(seconds, UTC),
            verb="" if item.folder else verb(item.name),
        )
        rows.append(row)
    return rows


_LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


def write_html(parts: Sequence[str], look: Look) -> str:
    """The page for people, of the folder with that path."""
    names = [(clean(part), parts[: at + 1]) for at, part in enumerate(parts)]
    return _TEMPLATES.get_template("folder.html.j2").render(
        title="/" + "".join(f"{name}/" for name, _ in names),
        above=[(name, href(path, folder=True)) for name, path in names],
        rows=_rows(parts, look.items),
        complete=look.complete,
        style=_STYLE,
        script=_SCRIPT,
    )


def write_json(parts: Sequence[str], look: Look) -> str:
    """The same for programs.

    `href` is exact; `name` is for showing: bytes that are no UTF-8 are replaced in it.
    """
    return json.dumps(
        {
            "path": href(parts, folder=True),
            "complete": look.complete,
            "items": [
                {
                    "name": _printable(row.item.name),
                    "href": row.href,
                    "type": "folder" if row.item.folder else "file",
                    "size": None if row.item.folder else row.item.size,
                    "modified": f"{row.modified:%Y-%m-%dT%H:%M:%SZ}",
                }
                for row in _rows(parts, look.items)
            ],
        },
        indent=1,
    )


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def write_text(parts: Sequence[str], look: Look) -> str:
    """The same for a terminal: date, size in bytes, and name of each."""
    lines = [
        f"{row.modified:%Y-%m-%d %H:%M}  "
        f"{'-' if row.item.folder else row.item.size:>15}  "
        f"{row.name}{'/' if row.item.folder else ''}"
        for row in _rows(parts, look.items)
    ]
    if not look.complete:
        lines.append("... and more that is not shown")
    return "".join(f"{line}\n" for line in lines)


_WRITERS = {HTML: write_html, JSON: write_json, TEXT: write_text}
_KINDS = {HTML: "text/html; charset=utf-8", TEXT: "text/plain; charset=utf-8"}


class Pages:
    """A tree with a page for each folder of another.

    May be used from several threads at once.

    Args:
        folder: What is shown.
        clock: Seconds that only grow.
    """

    def __init__(self, folder: Directory, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[tuple[tuple[str, ...], str], tuple[float, Blob]] = {}
        self._rested = 0.0  # when what is owed will have been rested

    def open(self, name: str, client: Client) -> Blob:
        """The page of that folder; see `fastboot.tree.Tree.open`.

        Only a client that names one of its media types gets one.
        """
        kind = preferred(client.accept, tuple(_WRITERS)) if client.accept else None
        if kind is None:
            raise NotFound("no such file")
        parts = components(name)
        with self._lock:
            began = self._clock()
            until, blob = self._kept.get((parts, kind), (0.0, None))
            if blob is not None and began < until:
                return blob
            if self._rested - began > CREDIT:
                raise Unavailable("too many pages are asked for")
            try:
                return self._make(parts, kind)
            finally:
                took = self._clock() - began
                self._rested = max(self._rested, began) + REST * took

    def _make(self, parts: tuple[str, ...], kind: str) -> Blob:
        look = self._folder.look("/".join(parts), SHOWN_MAX)
        text = _WRITERS[kind](parts, look)
        blob = Blob.from_bytes(
            text.encode(), kind=_KINDS.get(kind, kind), fields=FIELDS
        )
        self._kept.pop((parts, kind), None)
        if len(self._kept) >= KEPT_MAX:
            del self._kept[next(iter(self._kept))]  # the one made longest ago
        self._kept[parts, kind] = (self._clock() + FRESH, blob)
        return blob

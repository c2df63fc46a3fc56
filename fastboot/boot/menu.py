"""The menu that iPXE loads: made from what the folder holds when it is asked for."""

from __future__ import annotations

import string
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import jinja2

from fastboot.beneath import components
from fastboot.errors import ContentChanged, NotFound, TreeError
from fastboot.tree import Blob, Client, Directory

from .entries import SCRIPTS, Entry, Kind, find_entries, look_into

FRESH = 1.0
"""Seconds for which a look into the folder serves: machines that boot together."""

REST = 10
"""Times as long as a look took, until the next: whoever asks without end, or serves
from a slow disk, keeps an engine from its other clients for a tenth of the time."""

PATIENCE = 1.0
"""Seconds to wait for a look that another began; where it hangs the last one counts."""

SHOWN_MAX = 256
"""Entries in a menu: more than a person looks through, and a script of some 50 KB."""

_TITLE = frozenset(string.ascii_letters + string.digits + " ._-/+@=,:()~")
"""Characters of a title that mean nothing to iPXE's command line."""

_OPERATORS = frozenset({"||", "&&"})
"""Words that end a command for iPXE."""

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("fastboot.boot", "."),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 (an iPXE script; what goes in is cleaned below)
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def write_menu(
    entries: Sequence[Entry],
    timeout: float,
    script: str = "boot.ipxe",
    *,
    more: int = 0,
) -> str:
    """The iPXE script for these entries.

    A single entry starts by itself after `timeout` seconds, or, where it is not for
    the machine, the next boot device does; several wait for a choice.

    Args:
        entries: In the order to show.
        timeout: Seconds; 0: the only entry waits as well.
        script: The name that the script is asked for by.
        more: How many entries are left out, to be told.
    """
    alone = len(entries) == 1 and timeout > 0
    return _TEMPLATES.get_template("menu.ipxe.j2").render(
        title="fastboot",
        entries=entries,
        more=more,
        timeout=f"--timeout {int(timeout * 1000)} " if alone else "",
        script=script,
        condition=_condition,
        label=label,
        arguments=arguments,
        uri=uri,
    )


def _condition(entry: Entry) -> str:
    """What must hold on the machine for the entry to be shown."""
    if entry.kind is not Kind.EFI:
        return ""
    cpu = f"iseq ${{arch}} {entry.cpu} && " if entry.cpu else ""
    return f"iseq ${{platform}} efi && {cpu}"


def label(title: str) -> str:
    """A title with everything replaced that iPXE would read as more than text.

    >>> label("debian ${net0/ip}")
    'debian __net0/ip_'
    """
    return "".join(char if char in _TITLE else "_" for char in title)


def uri(path: str) -> str:
    """A path as a URI relative to the script, for TFTP and HTTP alike.

    >>> uri("my images/${x}/linux")
    'my%20images/%24%7Bx%7D/linux'
    """
    quoted = quote(path.encode("utf-8", "surrogateescape"))
    return f"./{quoted}" if quoted.startswith("-") else quoted


def arguments(text: str) -> str:
    r"""A kernel command line as one iPXE command takes it.

    `${...}` is left for iPXE to fill in, so that arguments can name the machine.

    >>> arguments("console=ttyS0\nname=${mac} || shell")
    'console=ttyS0 name=${mac} shell'
    """
    return " ".join(word for word in text.split() if word not in _OPERATORS)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look into the folder found.

    Attributes:
        entries: What the folder can boot, as far as names tell.
        scripts: The menu, by each of its names.
        until: When it is to be done again.
    """

    entries: tuple[Entry, ...]
    scripts: Mapping[str, Blob]
    until: float


class Menu:
    """A tree with the menu's script at the names that iPXE asks for.

    May be used from several threads at once; who asks while another looks into the
    folder waits and shares what it finds, or what was found before where that one hangs.

    Args:
        folder: What is booted from.
        timeout: Seconds until the only entry starts.
        clock: Seconds that only grow, for how old the last look is.
    """

    def __init__(
        self,
        folder: Directory,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._last = _Look((), {}, float("-inf"))

    def entries(self) -> tuple[Entry, ...]:
        """What the folder can boot, by the names in it; all of it, shown or not."""
        return self._look().entries

    def open(self, name: str, client: Client) -> Blob:
        """The menu, for each of its names; see `fastboot.tree.Tree.open`."""
        path = "/".join(components(name))
        if path not in SCRIPTS:
            raise NotFound("no such file")
        return self._look().scripts[path]

    def _look(self) -> _Look:
        """The last look, or a new one when it is too old and no other one hangs."""
        if not self._lock.acquire(timeout=PATIENCE if self._last.scripts else -1):
            return self._last
        try:
            began = self._clock()
            if began >= self._last.until:
                entries = tuple(find_entries(self._folder.names()))
                scripts = self._scripts(entries)
                ended = self._clock()
                until = ended + max(FRESH, REST * (ended - began))
                self._last = _Look(entries, scripts, until)
            return self._last
        finally:
            self._lock.release()

    def _scripts(self, entries: Sequence[Entry]) -> dict[str, Blob]:
        shown = [look_into(entry, self._read) for entry in entries[:SHOWN_MAX]]
        more = len(entries) - len(shown)
        return {
            name: Blob.from_bytes(
                write_menu(shown, self._timeout, name, more=more).encode()
            )
            for name in SCRIPTS
        }

    def _read(self, path: str, size: int) -> bytes:
        try:
            blob = self._folder.open(path, _SELF)
        except TreeError:
            return b""
        try:
            return blob.read(0, size)
        except (ContentChanged, OSError):
            return b""
        finally:
            blob.close()


_SELF = Client("", "menu")

"""The names under `/_fastboot/`: the machines for programs, and for people.

    /_fastboot/                 the page
    /_fastboot/events/VERSION   what changes on it after that version, as it changes
    /_fastboot/clients          the machines, as JSON
    /_fastboot/clients/MAC      one of them, with its steps
    /_fastboot/trace/MAC        its last datagrams, as a capture file

It shows nothing that is secret and changes nothing; who may look `Gate` decides.
"""

from __future__ import annotations

from collections.abc import Callable

from fastboot.beneath import components
from fastboot.errors import NotFound, Refused
from fastboot.tree import Blob, Client

from .gate import Gate
from .view import Views, as_json
from .watch import Hub

FIELDS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)
"""HTTP's fields: each answer is of its moment."""


class Status:
    """A tree with what there is to see of the machines.

    Args:
        views: What there is to see.
        gate: Who may look.
        hub: The page.
    """

    def __init__(self, views: Views, gate: Gate, hub: Hub) -> None:
        self._views = views
        self._gate = gate
        self._hub = hub

    def open(self, name: str, client: Client) -> Blob:
        """What is there; see `fastboot.tree.Tree.open`."""
        if not name.lstrip("/").startswith("_fastboot") or client.protocol == "tftp":
            raise NotFound("no such file")
        root, *parts = components(name)
        if root != "_fastboot":
            raise NotFound("no such file")
        find = self._find(tuple(parts))
        refusal = self._gate.refusal(client.address, client.host)
        if refusal:
            raise Refused(refusal, told=True)
        return find()

    def _find(self, parts: tuple[str, ...]) -> Callable[[], Blob]:
        match parts:
            case ():
                return self._hub.page
            case ("events", version) if version.isdecimal() and len(version) < 16:
                return lambda: self._hub.events(int(version))
            case ("clients",):
                return lambda: _json(self._views.listed())
            case ("clients", key):
                return lambda: self._one(key)
            case ("trace", key):
                return lambda: self._trace(key)
        raise NotFound("no such file")

    def _one(self, key: str) -> Blob:
        found = self._views.one(key.lower())
        if found is None:
            raise NotFound("no such machine")
        return _json(as_json(found))

    def _trace(self, key: str) -> Blob:
        data = self._views.capture(key.lower())
        if not data:
            raise NotFound("nothing of that machine is remembered")
        kind = "application/vnd.tcpdump.pcap"
        return Blob.from_bytes(data, kind=kind, fields=FIELDS)


def _json(text: bytes) -> Blob:
    return Blob.from_bytes(text, kind="application/json", fields=FIELDS)

"""How the server is, for programs that watch it: counters, and nothing of who asked.

Anybody on the network may read it, so it holds sums alone: no address, no file's name,
no path of this machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from fastboot.beneath import components
from fastboot.errors import NotFound
from fastboot.tree import Blob, Client

NAME = ("_fastboot", "health")
"""Where it is found; a file of that name in the folder takes its place."""

FIELDS = (("Cache-Control", "no-store"),)
"""HTTP's fields: each answer is of its moment."""


class Health:
    """A tree with the one name `/_fastboot/health`.

    >>> health = Health("0.1.0", lambda: {"http": {"requests": 7}}, lambda: 60.0)
    >>> blob = health.open("/_fastboot/health", Client("::1", "http"))
    >>> json.loads(blob.read(0, blob.size))["engines"]
    {'http': {'requests': 7}}

    Args:
        version: The program's.
        stats: The counters of each engine, asked for in any thread.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        version: str,
        stats: Callable[[], Mapping[str, Mapping[str, int]]],
        clock: Callable[[], float],
    ) -> None:
        self._version = version
        self._stats = stats
        self._clock = clock
        self._began = clock()

    def open(self, name: str, client: Client) -> Blob:
        """The page, as JSON; see `fastboot.tree.Tree.open`."""
        if components(name) != NAME:
            raise NotFound("no such file")
        page = {
            "status": "ok",
            "version": self._version,
            "uptime_seconds": int(self._clock() - self._began),
            "engines": self._stats(),
        }
        text = json.dumps(page, indent=1) + "\n"
        return Blob.from_bytes(text.encode(), kind="application/json", fields=FIELDS)

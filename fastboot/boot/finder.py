"""What to give a machine of an architecture, looked up in what is served."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fastboot.aside import Lately
from fastboot.tree import Directory

from .machine import RASPBERRY_PI, Arch
from .programs import Programs, find
from .raspberry import find_firmware

FRESH = 1.0
"""Seconds for which an answer serves: machines that boot together. A look takes as long
as ten replies do."""


PATIENCE = 0.25
"""Seconds that DHCP waits, once, for a folder that may hang: machines ask again."""


class Finder:
    """Finds boot programs for architectures, of which there are some dozens.

    Args:
        folder: What is served, looked through first.
        programs: The programs that distributions install.
        clock: Seconds that only grow.
    """

    def __init__(
        self, folder: Directory, programs: Programs, clock: Callable[[], float]
    ) -> None:
        self._folder = folder
        self._programs = programs
        self._clock = clock
        self._found: dict[tuple[str, str], tuple[float, str | None]] = {}
        self._looks: dict[tuple[str, str], Lately[str | None]] = {}

    def __call__(self, arch: Arch) -> str | None:
        """The name of the best program for `arch`; None where there is none.

        For a Raspberry Pi, the name of any file of its firmware.
        """
        now, key = self._clock(), (arch.platform, arch.cpu)
        until, name = self._found.get(key, (float("-inf"), None))
        if now >= until:
            if key not in self._looks:
                look = partial(self._look, arch)
                self._looks[key] = Lately(look, None, self._folder.root, PATIENCE)
            name = self._looks[key]()
            self._found[key] = (now + FRESH, name)
        return name

    def _look(self, arch: Arch) -> str | None:
        if arch is RASPBERRY_PI:
            return find_firmware(self._folder.names(depth=2))
        return find((self._folder, self._programs), arch)

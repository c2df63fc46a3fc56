"""What the doctor finds without asking anybody: for the page of a server that runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from fastboot.boot.choose import Missing, Site, choose
from fastboot.config import Config
from fastboot.errors import ConfigError

from . import local
from .facts import Facts, Segment
from .finding import Severity
from .findings import findings
from .machines import USUAL

KEPT = 10.0
"""Seconds for which an answer serves: pages are read more often than programs come."""

_FOLDER = "the folder"
"""What the folder is called: whoever may read a page need not know this machine's
paths."""


class Standing:
    """Tells what keeps machines from booting, whatever the network is like.

    Args:
        config: The server's settings, resolved.
        site: What machines are offered.
        entries: The menu's entries.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        config: Config,
        site: Callable[[], Site],
        entries: Callable[[], Sequence[object]],
        clock: Callable[[], float],
    ) -> None:
        self._config = config
        self._site = site
        self._entries = entries
        self._clock = clock
        self._told: tuple[float, tuple[tuple[str, str], ...]] = (float("-inf"), ())

    def __call__(self) -> tuple[tuple[str, str], ...]:
        """What is the matter, and what to do about it: a sentence each."""
        now = self._clock()
        if now - self._told[0] >= KEPT:
            self._told = (now, tuple(self._find()))
        return self._told[1]

    def _find(self) -> list[tuple[str, str]]:
        site, config = replace(self._site(), folder=_FOLDER), self._config
        answers = {kind.name: choose(local.machine_of(kind), site) for kind in USUAL}
        facts = Facts(
            folder=_FOLDER,
            running=True,
            mode=config.dhcp.mode or "off",
            entries=len(self._entries()),
            missing={
                name: answer.reason
                for name, answer in answers.items()
                if isinstance(answer, Missing)
            },
            segments=_segments(config),
        )
        return [
            (found.what, found.cure)
            for found in findings(facts)
            if found.severity is not Severity.NOTE  # as somebody wanted it
        ]


def _segments(config: Config) -> tuple[Segment, ...]:
    try:
        cards = local.cards(config.interface)
    except ConfigError:  # an interface that is gone for now
        return ()
    return tuple(Segment(card.name, card.ipv4[0], card.networks[0]) for card in cards)

"""What will happen to each kind of machine on each network: the models, replayed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from fastboot.firmware import offer
from fastboot.firmware.decision import (
    AskBootServer,
    Decision,
    Heard,
    LoadTftp,
    LoadUrl,
    ShowMenu,
)

from .facts import Facts, Reach, Reached, Segment
from .machines import KINDS, Kind

_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@]*@)?([^/:?#]*)")


_PORT = re.compile(r"[A-Za-z]+://(?:[^/@]*@)?(?:\[[^\]]*\]|[^/:?#]*)(?::([0-9]*))?")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What will happen to one kind of machine on one network.

    Attributes:
        kind: The machine.
        segment: The network.
        decision: What it will do.
        ours: Whether what it loads is ours.
        reached: What came of asking for that file; None where nobody asked.
    """

    kind: Kind
    segment: Segment
    decision: Decision
    ours: bool
    reached: Reached | None

    @property
    def comes(self) -> bool:
        """Whether the file that it loads comes, as far as is known."""
        return self.reached is None or self.reached.reach is Reach.THERE

    @property
    def heard(self) -> tuple[Heard, ...]:
        """What servers sent to it."""
        return self.segment.heard.get(self.kind.name, ())

    @property
    def server(self) -> IPv4Address | None:
        """The server whose menu or file it takes, as far as it has an address."""
        last = self.decision.steps[-1] if self.decision.steps else None
        if isinstance(last, ShowMenu | LoadTftp | AskBootServer):
            return last.server
        if isinstance(last, LoadUrl):
            return url_host(last.url)
        return None


def url_host(url: str) -> IPv4Address | None:
    """The address in a URL; None where it is a name, or IPv6.

    >>> url_host("http://192.0.2.2:8080/boot.ipxe")
    IPv4Address('192.0.2.2')
    """
    match = _HOST.match(url)
    try:
        return IPv4Address(match[1]) if match else None
    except ValueError:
        return None


def url_port(url: str) -> int:
    """The port in a URL, or the usual one of its scheme.

    >>> url_port("http://192.0.2.2:8080/x"), url_port("https://boot.example/x")
    (8080, 443)
    """
    match = _PORT.match(url)
    if match is not None and match[1] and len(match[1]) <= 5:
        return int(match[1])
    return 443 if url.lower().startswith("https:") else 80


def givers(segment: Segment) -> set[IPv4Address]:
    """The servers that give addresses on a network."""
    heard = (item for messages in segment.heard.values() for item in messages)
    return {offer.who(item) for item in heard if offer.gives_address(item)}


def idle(facts: Facts) -> list[Segment]:
    """Networks that are not for machines to boot on, as hosts of containers have many.

    Nobody gives addresses there, while somebody does on another one; unless interfaces
    were named.
    """
    if facts.named or not any(givers(segment) for segment in facts.segments):
        return []
    return [segment for segment in facts.segments if not givers(segment)]


def outlooks(facts: Facts) -> Iterator[Outlook]:
    """What will happen, network by network and machine by machine."""
    unused = idle(facts)
    for segment in facts.segments:
        if segment in unused:
            continue
        for name, heard in segment.heard.items():
            kind = KINDS[name]
            decision = kind.firmware.decide(heard, segment.silent)
            load = decision.load
            bare = Outlook(kind, segment, decision, ours=False, reached=None)
            ours = bare.server is not None and bare.server in facts.own
            reached = facts.reached.get(load) if load is not None else None
            yield Outlook(kind, segment, decision, ours, reached)


def others(outlook: Outlook, own: frozenset[IPv4Address]) -> list[Heard]:
    """The proxies beside ours that named something to this kind of machine."""
    return [
        item
        for item in offer.offers(outlook.heard)
        if not offer.gives_address(item)
        and offer.who(item) not in own
        and item.source not in own
    ]

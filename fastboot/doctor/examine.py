"""Finding the facts out: this machine, its networks, and what servers there say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address

from fastboot.boot.choose import Missing
from fastboot.config import Config
from fastboot.dhcp.proxy import Proxy
from fastboot.errors import ConfigError
from fastboot.firmware import offer
from fastboot.firmware.decision import LoadTftp, LoadUrl
from fastboot.interfaces import Interface
from fastboot.pages.health import NAME

from . import ask, ask_ipv6, local
from .facts import Advertised, Facts, Reach, Segment
from .machines import Kind
from .ourselves import would_answer
from .outlook import outlooks
from .reach import by_http, reach

HEALTH_WAIT = 1.0
"""Seconds to wait for a page of this machine's own."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be found out.

    Attributes:
        config: How fastboot serves or would serve, resolved.
        folder: Whether a folder was named; else the network is judged as it is.
        kinds: The kinds of machines.
        privileged: Whether ports below 1024 are ours to open.
        wait: Seconds to listen for offers.
    """

    config: Config
    folder: bool
    kinds: Sequence[Kind]
    privileged: bool
    wait: float = ask.WAIT


def examine(wish: Wish) -> Facts:
    """Find everything out.

    It takes some seconds, whatever the network does, and gives back all that it opened.
    """
    config, cards = wish.config, local.cards(wish.config.interface)
    own = frozenset(address for card in cards for address in card.ipv4)
    segments, advertised = _ask(wish, cards)
    facts = Facts(
        folder=str(config.folder) if wish.folder else "",
        privileged=wish.privileged,
        running=any(_has_ours(item, own, config.dhcp.mode) for item in segments)
        or (wish.folder and _is_healthy(config, own)),
        mode=config.dhcp.mode or "off",
        named=bool(config.interface),
        own=own,
        segments=tuple(segments),
        advertised=advertised,
        own_ipv6=frozenset(address for card in cards for address in card.ipv6),
    )
    if wish.folder:
        facts = _with_stock(facts, wish)
    return dataclasses.replace(facts, reached=reach(_worth(facts)))


def _ask(
    wish: Wish, cards: Sequence[Interface]
) -> tuple[list[Segment], tuple[Advertised, ...]]:
    """Ask every network at the same time, over IPv4 and IPv6."""

    def one(card: Interface) -> Segment:
        cast = ask.players(wish.kinds)
        segment = ask.listen(card, cast, wish.wait)
        return segment if segment.problem else ask.question(segment, cast)

    def one_ipv6(card: Interface) -> tuple[Advertised, ...]:
        return ask_ipv6.listen(card, wish.kinds, wish.wait)

    if not cards:
        return [], ()
    with ThreadPoolExecutor(2 * len(cards)) as pool:
        heard = [pool.submit(one_ipv6, card) for card in cards]
        segments = list(pool.map(one, cards))
        return segments, tuple(it for each in heard for it in each.result())


def _has_ours(segment: Segment, own: frozenset[IPv4Address], mode: str | None) -> bool:
    """Whether we answered: our offers go to everybody, and so to ourselves.

    An offer of an address from this machine may be another program's, beside which we
    are a proxy or on port 4011 alone.
    """
    heard = (item for messages in segment.heard.values() for item in messages)
    return any(
        offer.who(item) in own and (mode == "server" or not offer.gives_address(item))
        for item in heard
    )


def _is_healthy(config: Config, own: frozenset[IPv4Address]) -> bool:
    """Whether fastboot serves here without answering DHCP: its page tells."""
    if not (config.http.enabled and config.http.health):
        return False
    for host in ("127.0.0.1", *map(str, sorted(own))):
        url = f"http://{host}:{config.http.port}/{'/'.join(NAME)}"
        if by_http(url, HEALTH_WAIT).reach is Reach.THERE:
            return True
    return False


def _with_stock(facts: Facts, wish: Wish) -> Facts:
    """The same with what there is to boot, and with our answers where none is heard."""
    try:
        stock = local.stock(wish.config, wish.kinds)
    except ConfigError as error:
        return dataclasses.replace(facts, folder_problem=str(error))
    answers, segments = stock.answers.items(), facts.segments
    missing = {name: it.reason for name, it in answers if isinstance(it, Missing)}
    programs = {name: it.name for name, it in answers if not isinstance(it, Missing)}
    # A list of machines that may boot does not have those that are played.
    if not facts.running or wish.config.dhcp.allow:
        proxy = Proxy(stock.site)
        segments = tuple(
            _with_ours(item, wish.kinds, proxy, facts.mode) for item in segments
        )
    return dataclasses.replace(
        facts,
        entries=stock.entries,
        programs=programs,
        missing=missing,
        ports=() if facts.running else tuple(local.ports(wish.config)),
        segments=segments,
    )


def _with_ours(
    segment: Segment, kinds: Iterable[Kind], proxy: Proxy, mode: str
) -> Segment:
    """What machines would hear there if fastboot ran."""
    if segment.address is None or segment.problem:
        return segment
    heard = dict(segment.heard)
    for kind in kinds:
        others = heard.get(kind.name, ())
        own, order = segment.address, len(others)
        mine = would_answer(proxy, mode, kind, own, order=order)
        heard[kind.name] = (*others, *mine)
    silent = segment.silent - ({segment.address} if mode != "off" else set())
    return dataclasses.replace(segment, heard=heard, silent=silent)


def _worth(facts: Facts) -> list[LoadTftp | LoadUrl]:
    """The files to ask for: not our own where we do not run."""
    found = []
    for outlook in outlooks(facts):
        load = outlook.decision.load
        if load is not None and (facts.running or not outlook.ours):
            found.append(load)
    return found

"""How PXE chooses among offers, by their kind: what EDK2 and BIOS ROMs have in common.

The order is that of EDK2 (PxeBcSelectDhcp4Offer), which follows section 2.2 of the PXE
specification 2.1 as ROMs do. Only among offers of one kind does it count which came
first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address

from fastboot.dhcp.options import Code, get
from fastboot.dhcp.packet import UNSPECIFIED, Frame
from fastboot.dhcp.pxe import PXE_CLIENT

from . import offer
from .decision import (
    AskBootServer,
    Cause,
    Decision,
    Heard,
    LoadTftp,
    RequestAddress,
    ShowMenu,
    Step,
    Stop,
    Trouble,
)

OFFERS_MAX = 16
"""Offers that are looked at (EDK2: PXEBC_OFFER_MAX_NUM)."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is particular to one firmware.

    Attributes:
        name: What it is called in sentences: "this UEFI".
        screen: What its screen shows at each stop.
        drops: Why it takes no notice of an offer; "" where it does.
        size_max: Bytes of the longest answer that it takes from port 4011.
    """

    name: str
    screen: Mapping[Stop, str]
    drops: Callable[[Heard], str]
    size_max: int = 65535


class Kind(Enum):
    """Kinds of offers (PxeBcParseDhcp4Packet)."""

    DHCP_PXE10 = "an address, and option 43 that says how to boot"
    DHCP_BINL = "an address, and option 60 without 43"
    DHCP_ONLY = "an address, and nothing of PXE"
    PROXY_PXE10 = "a proxy with option 43"
    PROXY_BINL = "a proxy without option 43"


@dataclass(frozen=True, slots=True)
class _Offer:
    heard: Heard
    kind: Kind

    @property
    def frame(self) -> Frame:
        return self.heard.packet

    @property
    def server(self) -> IPv4Address:
        return offer.who(self.heard)

    @property
    def request(self) -> RequestAddress:
        return RequestAddress(self.server, self.frame.yiaddr)

    @property
    def target(self) -> IPv4Address:
        """Whom it is asked or loaded from: siaddr, else the server itself."""
        return offer.tftp_server(self.frame) or self.server


def classify(frame: Frame) -> Kind | None:
    """What kind of offer it is; None for a proxy that does not say "PXEClient"."""
    address = frame.yiaddr != UNSPECIFIED
    if not offer.has_class(frame, PXE_CLIENT):
        return Kind.DHCP_ONLY if address else None
    if _has_discovery(frame):
        return Kind.DHCP_PXE10 if address else Kind.PROXY_PXE10
    return Kind.DHCP_BINL if address else Kind.PROXY_BINL


def choose(
    dialect: Dialect, heard: Sequence[Heard], silent: Collection[IPv4Address]
) -> Decision:
    """What a firmware does about what it heard; see `decision`."""
    looked_at = [(item, dialect.drops(item)) for item in offer.offers(heard)]
    usable = [item for item, reason in looked_at if not reason][:OFFERS_MAX]
    if not usable:
        return _nothing(dialect, looked_at)
    found: dict[Kind, list[_Offer]] = {kind: [] for kind in Kind}
    broken: list[IPv4Address] = []
    for item in usable:
        kind = classify(item.packet)
        if kind is None:
            broken.append(offer.who(item))
        else:
            found[kind].append(_Offer(item, kind))
    return _Choice(dialect, heard, silent, found, broken).decision()


def _nothing(dialect: Dialect, dropped: list[tuple[Heard, str]]) -> Decision:
    stop = Stop.NO_OFFER
    why, cause = f"no server answers {dialect.name}", Cause(Trouble.NO_ANSWER)
    if dropped:
        item, reason = dropped[0]
        server = offer.who(item)
        why = f"{dialect.name} drops the offer of {server}: {reason}"
        cause = Cause(Trouble.MALFORMED, server, None, reason)
    return Decision((), why, stop, dialect.screen[stop], cause)


@dataclass(frozen=True, slots=True)
class _Choice:
    """One client's choice.

    Attributes:
        found: The offers that it takes, by kind.
        broken: Proxies that do not say "PXEClient".
    """

    dialect: Dialect
    heard: Sequence[Heard]
    silent: Collection[IPv4Address]
    found: Mapping[Kind, list[_Offer]]
    broken: list[IPv4Address]

    def decision(self) -> Decision:
        """In the order of PxeBcSelectDhcp4Offer, whose rules the numbers are."""
        found, only = self.found, self.found[Kind.DHCP_ONLY]
        if found[Kind.DHCP_PXE10]:  # 1
            return self._direct(found[Kind.DHCP_PXE10][0], found[Kind.DHCP_PXE10][0])
        if only and found[Kind.PROXY_PXE10]:  # 3
            return self._direct(only[0], found[Kind.PROXY_PXE10][0])
        if found[Kind.DHCP_BINL]:  # 5
            return self._ask_dhcp(found[Kind.DHCP_BINL][0])
        if only and found[Kind.PROXY_BINL]:  # 6
            return self._ask_proxies(only[0], found[Kind.PROXY_BINL])
        for plain in only:  # 7
            if offer.option_before_field(plain.frame):
                return self._plain(plain)
        return self._no_file(only) if only else self._no_address()

    def _no_address(self) -> Decision:
        proxies = [item.server for items in self.found.values() for item in items]
        why = (
            f"{offer.who_do(proxies + self.broken, 'answers', 'answer')}, and no DHCP "
            f"server gives {self.dialect.name} an address"
        )
        return self._stop((), Stop.NO_ADDRESS, why, Cause(Trouble.NO_DHCP))

    def _no_file(self, only: list[_Offer]) -> Decision:
        if self.broken:
            return self._stop((), Stop.NO_FILE, *self._blame_proxy())
        servers = [plain.server for plain in only]
        gives = offer.who_do(servers, "gives an address", "give addresses")
        why = f"{gives}, and nobody names a boot file"
        return self._stop((), Stop.NO_FILE, why, Cause(Trouble.NO_PROXY, servers[0]))

    def _blame_proxy(self) -> tuple[str, Cause]:
        server = self.broken[0]
        why = (
            f"the proxy {server} leaves PXEClient out of option 60, so "
            f"{self.dialect.name} takes nothing from it"
        )
        return why, Cause(Trouble.PROXY_WITHOUT_CLASS, server, Code.VENDOR_CLASS)

    def _direct(self, lease: _Offer, source: _Offer) -> Decision:
        """Do what an offer with option 43 says (PxeBcDiscoverBootFile)."""
        frame, server = source.frame, source.server
        name = offer.option_before_field(frame)
        if not (offer.boots_now(frame) and name):
            return self._menu(lease, source)
        why = f"{server} says in option 43 to load {offer.shown(name)} at once"
        if lease is source:
            cause = Cause(Trouble.CLASS_IN_LEASE, server, Code.VENDOR_CLASS)
            why += ", and gives the address, too: no proxy is heeded"
        else:
            cause = None
            why += f", beside the address of {lease.server}"
        where = offer.first_boot_server(frame) or source.target
        return self._load((lease.request,), where, name, why, cause)

    def _menu(self, lease: _Offer, source: _Offer) -> Decision:
        """Show a menu, or ask for its first item if nobody is to be asked."""
        server, target = source.server, offer.unasked_item(source.frame)
        if target is None:
            why = f"{server} has {self.dialect.name} show the menu of its option 43"
            return Decision((lease.request, ShowMenu(server)), why)
        steps = (lease.request, AskBootServer(target))
        why = (
            f"{server} has {self.dialect.name} ask "
            f"{'it' if target == server else target} on port 4011 for the first item "
            "of the menu in its option 43"
        )
        answer = self._answer(target)
        if answer is not None:
            return self._answered(steps, answer, why, None)
        if target not in self.silent:
            return Decision(steps, why)
        cause = Cause(Trouble.BOOT_SERVER_SILENT, target)
        why += ", and nobody answers"
        return self._stop(steps, Stop.NO_BOOT_SERVER, why, cause)

    def _plain(self, plain: _Offer) -> Decision:
        name = offer.option_before_field(plain.frame)
        option = Code.BOOTFILE_NAME if offer.option_name(plain.frame) else None
        field = "option 67" if option else "the field `file`"
        why = f"{plain.server} names {offer.shown(name)} in {field}, and no proxy does"
        cause = Cause(Trouble.FILE_IN_LEASE, plain.server, option, offer.text(name))
        if self.broken:
            # EDK2 does not keep that proxy's offer, yet goes on as if it had chosen a
            # proxy (PxeBcCacheDhcp4Offer): what it then loads is left to chance.
            why, cause = self._blame_proxy()
        return self._load((plain.request,), plain.target, name, why, cause)

    def _ask_dhcp(self, chosen: _Offer) -> Decision:
        """Ask the DHCP server's own boot server; proxies go unheard."""
        target, proxies = chosen.target, (Kind.PROXY_PXE10, Kind.PROXY_BINL)
        ignored = any(self.found[kind] for kind in proxies)
        why = (
            f"{chosen.server} sends option 60 without 43, so {self.dialect.name} asks "
            f"{'it' if target == chosen.server else target} on port 4011"
            f"{' and ignores every proxy' if ignored else ''}"
        )
        cause = Cause(Trouble.CLASS_ALONE, chosen.server, Code.VENDOR_CLASS)
        steps = (chosen.request, AskBootServer(target))
        answer = self._answer(target)
        if answer is not None:
            return self._answered(steps, answer, why, cause)
        if target in self.silent:
            why += ", where nobody answers"
            return self._stop(steps, Stop.NO_BOOT_SERVER, why, cause)
        return Decision(steps, why, cause=cause)

    def _ask_proxies(self, plain: _Offer, proxies: list[_Offer]) -> Decision:
        """Ask each proxy in turn until one names a file (PxeBcHandleDhcp4Offer)."""
        steps: tuple[Step, ...] = (plain.request,)
        empty: IPv4Address | None = None
        for proxy in proxies:
            target = proxy.target
            steps = (*steps, AskBootServer(target))
            answer = self._answer(target)
            why = (
                f"the proxy {proxy.server} has {self.dialect.name} ask "
                f"{'it' if target == proxy.server else target} on port 4011"
            )
            if answer is None and target not in self.silent:
                return Decision(steps, why)
            if answer is not None and _is_useful(answer.packet):
                return self._answered(steps, answer, why, None)
            if answer is not None:
                empty = target
        asked = [step.server for step in steps if isinstance(step, AskBootServer)]
        if empty is not None:
            why = f"{empty} answers on port 4011, and names no boot file"
            cause = Cause(Trouble.BOOT_SERVER_EMPTY, empty, Code.BOOTFILE_NAME)
        else:
            why = (
                f"{offer.who_do(asked, 'does', 'do')} not answer on port 4011, where "
                f"{self.dialect.name} asks for its boot file"
            )
            cause = Cause(Trouble.BOOT_SERVER_SILENT, asked[0])
        return self._stop(steps, Stop.NO_BOOT_SERVER, why, cause)

    def _answer(self, server: IPv4Address) -> Heard | None:
        found = offer.answers(self.heard, server)
        return next((i for i in found if i.size <= self.dialect.size_max), None)

    def _answered(
        self, steps: tuple[Step, ...], answer: Heard, why: str, cause: Cause | None
    ) -> Decision:
        """What port 4011 says (PxeBcRetryBinlOffer, PxeBcDhcp4BootInfo)."""
        frame, server = answer.packet, offer.who(answer)
        name, where = offer.option_before_field(frame), offer.tftp_server(frame)
        if not _is_useful(frame) or (name and where is None):
            why += ", and the answer names no boot file"
            empty = Cause(Trouble.BOOT_SERVER_EMPTY, server, Code.BOOTFILE_NAME)
            return self._stop(steps, Stop.NO_BOOT_SERVER, why, cause or empty)
        if _has_discovery(frame) and not (offer.boots_now(frame) and name):
            return Decision((*steps, ShowMenu(server)), why, cause=cause)
        assert where is not None
        why += f", which names {offer.shown(name)}"
        return self._load(steps, where, name, why, cause)

    def _load(
        self,
        steps: tuple[Step, ...],
        server: IPv4Address,
        name: bytes,
        why: str,
        cause: Cause | None,
    ) -> Decision:
        """The file, by TFTP whatever its name looks like (PxeBcMtftp.c)."""
        load, option = LoadTftp(server, offer.text(name)), Code.BOOTFILE_NAME
        if b"://" in name:
            why += ", a URL, which PXE asks for by TFTP as if it were a file's name"
            cause = Cause(Trouble.URL_BY_TFTP, server, option, load.name)
        return Decision((*steps, load), why, cause=cause)

    def _stop(
        self, steps: tuple[Step, ...], stop: Stop, why: str, cause: Cause
    ) -> Decision:
        return Decision(steps, why, stop, self.dialect.screen[stop], cause)


def _has_discovery(frame: Frame) -> bool:
    """Whether option 43 says how to boot: one of its sub-options 6 to 10 is there."""
    found = offer.discovery(frame)
    return any(get(found, code) is not None for code in range(6, 11))


def _is_useful(frame: Frame) -> bool:
    """Whether an answer from port 4011 says what to load, or how to find out."""
    named = bool(offer.option_before_field(frame))
    return named or (offer.has_class(frame, PXE_CLIENT) and _has_discovery(frame))

"""iPXE: what its DHCP client makes of offers.

Read in iPXE's src/net/udp/dhcp.c, dhcppkt.c, core/settings.c and usr/autoboot.c. It
goes by the order of offers: it stops listening as soon as it has an address and a
proxy, two seconds after it began at the latest. Settings are looked up one by one, in
the message of the higher priority first, and in that of the DHCP server where both are
equal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TypeVar

from fastboot.dhcp import pxe
from fastboot.dhcp.options import Code, get
from fastboot.dhcp.packet import UNSPECIFIED, Frame
from fastboot.errors import DecodeError

from . import offer
from .decision import (
    AskBootServer,
    Cause,
    Decision,
    Heard,
    LoadTftp,
    LoadUrl,
    RequestAddress,
    ShowMenu,
    Step,
    Stop,
    Trouble,
)

NO_PXEDHCP = 0xB0
"""Sub-option of 175 by which a DHCP server has iPXE wait for no proxy (dhcp.h)."""

ROOT_PATH = 17
"""The option that names a disk to boot from (RFC 2132, section 3.19)."""

_NOT_CONFIGURED = "No configuration methods succeeded (https://ipxe.org/040ee119)"
_NOTHING = "Nothing to boot: No such file or directory (https://ipxe.org/2d03e13b)"

SCREEN = {
    Stop.NO_OFFER: _NOT_CONFIGURED,
    Stop.NO_ADDRESS: _NOT_CONFIGURED,
    Stop.NO_BOOT_SERVER: _NOTHING,
    Stop.NO_FILE: _NOTHING,
    Stop.TIMEOUT: "Connection timed out",
    Stop.NOT_FOUND: "No such file or directory",
}
"""What the screen shows at each stop; the addresses differ a little by version."""

_NO_OPENER = "Operation not supported (https://ipxe.org/3c092003)"

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What it goes on with after listening (dhcp_discovery_rx)."""

    lease: Heard | None
    proxy: Heard | None


def priority(frame: Frame) -> int:
    """Sub-option 1 of option 175, a signed byte; 0 where it is missing."""
    value = get(_own(frame), pxe.Feature.PRIORITY)
    return int.from_bytes(value[:1], "big", signed=True) if value else 0


def pseudo_id(heard: Heard) -> IPv4Address:
    """Whom it takes for the sender: option 54, siaddr, or the source (dhcp_rx)."""
    frame = heard.packet
    if offer.identifier(frame) is not None:
        return offer.who(heard)
    return frame.siaddr if frame.siaddr != UNSPECIFIED else heard.source


def is_complete(frame: Frame) -> bool:
    """Whether an offer needs no question on port 4011 (dhcp_has_pxeopts)."""
    named = frame.siaddr != UNSPECIFIED and offer.field_before_option(frame)
    return bool(named) or get(offer.discovery(frame), pxe.Sub.BOOT_MENU) is not None


def _own(frame: Frame) -> tuple[tuple[int, bytes], ...]:
    try:
        return pxe.decode_suboptions(frame.option(Code.IPXE) or b"")
    except DecodeError:
        return ()


def _choose(every: list[Heard]) -> _Chosen:
    lease: Heard | None = None
    proxy: Heard | None = None
    lease_priority = proxy_priority = 0  # so what is below 0 is never taken
    alone = False
    for item in every:
        own = priority(item.packet)
        leases = offer.gives_address(item) and item.port == offer.SERVER_PORT
        if leases and own >= lease_priority:
            lease, lease_priority = item, own
            alone = any(get(_own(item.packet), NO_PXEDHCP) or b"")
        if offer.has_class(item.packet, pxe.PXE_CLIENT) and own >= proxy_priority:
            proxy, proxy_priority = item, own
        if lease is not None and (alone or proxy is not None):
            break
    return _Chosen(lease, None if alone else proxy)


def decide(heard: Sequence[Heard], silent: Collection[IPv4Address] = ()) -> Decision:
    """What iPXE does; see `decision`.

    Args:
        heard: Everything that servers sent to it.
        silent: The servers known not to answer on port 4011; iPXE goes on without them.
    """
    every = offer.offers(heard)
    chosen = _choose(every)
    lease, proxy = chosen.lease, chosen.proxy
    if lease is None:
        return _no_lease(every)
    steps: tuple[Step, ...] = (RequestAddress(offer.who(lease), lease.packet.yiaddr),)
    if proxy is None or is_complete(proxy.packet):
        return _boot(steps, lease, proxy, proxy, heard, silent)
    target = pseudo_id(proxy)
    steps = (*steps, AskBootServer(target))
    complete = (
        item for item in offer.answers(heard, target) if is_complete(item.packet)
    )
    answer = next(complete, None)
    if answer is None and target not in silent:
        why = f"{offer.who(proxy)} {_lacks(proxy)}, so iPXE asks {target} on port 4011"
        return Decision(steps, why, cause=_class_alone(proxy, lease))
    return _boot(steps, lease, proxy, answer, heard, silent)


def _class_alone(proxy: Heard, lease: Heard) -> Cause | None:
    """That the DHCP server says "PXEClient", and is taken for the proxy, if it does."""
    if proxy is not lease:
        return None
    return Cause(Trouble.CLASS_ALONE, offer.who(lease), Code.VENDOR_CLASS)


def _lacks(proxy: Heard) -> str:
    if offer.gives_address(proxy) and not offer.field_before_option(proxy.packet):
        return "sends option 60 and names no boot file"
    if offer.field_before_option(proxy.packet):
        return "leaves siaddr empty"
    return "names no boot file"


def _no_lease(every: list[Heard]) -> Decision:
    if every:
        stop, cause = Stop.NO_ADDRESS, Cause(Trouble.NO_DHCP)
        servers = [offer.who(item) for item in every]
        answer = offer.who_do(servers, "answers", "answer")
        why = f"{answer}, and no DHCP server gives iPXE an address"
    else:
        stop, cause = Stop.NO_OFFER, Cause(Trouble.NO_ANSWER)
        why = "no server answers iPXE"
    return Decision((), why, stop, SCREEN[stop], cause)


def _first(
    messages: Sequence[Heard], read: Callable[[Frame], _Found | None]
) -> tuple[Heard, _Found] | None:
    """The first message that has a setting, and the setting (fetch_setting)."""
    for item in messages:
        found = read(item.packet)
        if found:
            return item, found
    return None


def _boot(
    steps: tuple[Step, ...],
    lease: Heard,
    proxy: Heard | None,
    source: Heard | None,
    heard: Sequence[Heard],
    silent: Collection[IPv4Address],
) -> Decision:
    """Boot by the settings of the lease and of a proxy (netboot, autoboot.c)."""
    every = offer.offers(heard)
    messages = [lease]
    if source is not None and source is not lease:
        ahead = priority(source.packet) > priority(lease.packet)
        messages = [source, lease] if ahead else [lease, source]
    name = _first(messages, offer.field_before_option)
    if _has_menu(messages, named=name is not None):
        menu = _first(messages, _menu)
        assert menu is not None
        return _show(steps, menu[0], heard, silent)
    if name is None:
        return _no_name(steps, messages, proxy, every)
    item, file = name
    why = f"{offer.who(item)} names {offer.shown(file)}"
    cause = _cause(item, file, lease, proxy, every)
    if cause is not None and cause.trouble is Trouble.FILE_IN_LEASE and proxy:
        why += f", which iPXE heeds before what the proxy {offer.who(proxy)} names"
    if b":" in file.split(b"/")[0]:  # it has a scheme: uri_is_absolute
        return Decision((*steps, LoadUrl(offer.text(file))), why, cause=cause)
    if item.packet.siaddr == UNSPECIFIED:
        why += " without a server to load it from: siaddr is empty"
        cause = Cause(Trouble.NO_SERVER_NAME, offer.who(item))
        return Decision(steps, why, Stop.NO_FILE, _NO_OPENER, cause)
    # Both come from one message (fetch_next_server_and_filename).
    load = LoadTftp(item.packet.siaddr, offer.text(file))
    return Decision((*steps, load), why, cause=cause)


def _show(
    steps: tuple[Step, ...],
    item: Heard,
    heard: Sequence[Heard],
    silent: Collection[IPv4Address],
) -> Decision:
    """Show a menu, or ask for its first item if nobody is to be asked (pxemenu.c)."""
    server, target = offer.who(item), offer.unasked_item(item.packet)
    if target is None:
        why = f"{server} has iPXE show the menu of its option 43"
        return Decision((*steps, ShowMenu(server)), why)
    steps = (*steps, AskBootServer(target))
    why = (
        f"{server} has iPXE ask {'it' if target == server else target} on port 4011 "
        "for the first item of the menu in its option 43"
    )
    answer = next(iter(offer.answers(heard, target)), None)
    if answer is None and target not in silent:
        return Decision(steps, why)
    name = offer.field_before_option(answer.packet) if answer is not None else b""
    if answer is None or not name or answer.packet.siaddr == UNSPECIFIED:
        stop = Stop.NO_BOOT_SERVER
        trouble = Trouble.BOOT_SERVER_EMPTY if answer else Trouble.BOOT_SERVER_SILENT
        why += ", which names no boot file" if answer else ", and nobody answers"
        return Decision(steps, why, stop, SCREEN[stop], Cause(trouble, target))
    why += f", which names {offer.shown(name)}"
    load = LoadTftp(answer.packet.siaddr, offer.text(name))
    return Decision((*steps, load), why)


def _menu(frame: Frame) -> bytes | None:
    return get(offer.discovery(frame), pxe.Sub.BOOT_MENU)


def _has_menu(messages: list[Heard], *, named: bool) -> bool:
    """Whether it shows a menu (have_pxe_menu): option 60 is PXEClient to the letter."""
    words = _first(messages, lambda frame: frame.option(Code.VENDOR_CLASS))
    if words is None or words[1].rstrip(b"\0") != pxe.PXE_CLIENT:
        return False
    control = _first(
        messages, lambda frame: get(offer.discovery(frame), pxe.Sub.DISCOVERY_CONTROL)
    )
    skips = control is not None and bool(control[1][0] & 8)
    return _first(messages, _menu) is not None and not (skips and named)


def _no_name(
    steps: tuple[Step, ...],
    messages: list[Heard],
    proxy: Heard | None,
    every: list[Heard],
) -> Decision:
    disk = _first(messages, lambda frame: frame.option(ROOT_PATH))
    if disk is not None:
        why = f"{offer.who(disk[0])} names the disk {offer.shown(disk[1])} in option 17"
        return Decision((*steps, LoadUrl(offer.text(disk[1]))), why)
    stop = Stop.NO_FILE
    if proxy is not None:
        server = offer.who(proxy)
        stop = Stop.NO_BOOT_SERVER
        why = f"{server} {_lacks(proxy)} and does not answer on port 4011"
        named = bool(offer.field_before_option(proxy.packet))
        trouble = Trouble.PROXY_WITHOUT_SERVER if named else Trouble.BOOT_SERVER_SILENT
        cause = _class_alone(proxy, messages[0]) or Cause(trouble, server)
        return Decision(steps, why, stop, SCREEN[stop], cause)
    server = offer.who(messages[0])
    why = f"{server} gives an address, and nobody names a boot file"
    cause = Cause(Trouble.NO_PROXY, server)
    return Decision(steps, why, stop, SCREEN[stop], cause)


def _cause(
    item: Heard, file: bytes, lease: Heard, proxy: Heard | None, every: list[Heard]
) -> Cause | None:
    """What is unusual about a boot that goes on: the DHCP server names the file."""
    if item is not lease:
        return None
    server = offer.who(lease)
    others = any(not offer.gives_address(other) for other in every)
    if proxy is lease and others:
        return Cause(Trouble.CLASS_IN_LEASE, server, Code.VENDOR_CLASS)
    option = None if lease.packet.file else Code.BOOTFILE_NAME
    return Cause(Trouble.FILE_IN_LEASE, server, option, offer.text(file))

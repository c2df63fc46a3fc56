"""UEFI's HTTP boot over IPv4, as EDK2 and what is made from it do it.

Read in EDK2's NetworkPkg/HttpBootDxe (HttpBootDhcp4.c, HttpBootImpl.c). It listens for
the whole of the first time-out, four seconds, and chooses by the kind of an offer.
There is no port 4011. A name in a URL is resolved by the DNS servers that came with the
address, never by a proxy's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from enum import Enum
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from fastboot.dhcp.options import Code
from fastboot.dhcp.packet import Frame
from fastboot.dhcp.pxe import HTTP_CLIENT

from . import offer
from .choice import OFFERS_MAX
from .decision import Cause, Decision, Heard, LoadUrl, RequestAddress, Stop, Trouble
from .edk2_pxe import malformed

_NO_SIZE = "Error: Could not retrieve NBP file size from HTTP server."
_TIMEOUT = f"{_NO_SIZE} Error: Server response timeout."

SCREEN = {
    Stop.NO_OFFER: _TIMEOUT,
    Stop.NO_ADDRESS: _TIMEOUT,
    Stop.NO_FILE: _TIMEOUT,
    Stop.NO_BOOT_SERVER: _TIMEOUT,
    Stop.TIMEOUT: f"{_NO_SIZE} Error: Unexpected network error.",
    Stop.NOT_FOUND: _NO_SIZE,
}
"""What the screen shows at each stop: it has no codes, and few words."""

_URL = re.compile(rb"(?i)(https?)://([^/?#]*@)?(\[[^\]]*\]|[^/:?#]*)(:[0-9]*)?")


class Kind(Enum):
    """Kinds of offers (HttpBootParseDhcp4Packet)."""

    DHCP_IP_URI = "an address and a URL"
    DHCP_IP_URI_DNS = "an address, a URL and DNS servers"
    DHCP_NAME_URI_DNS = "an address, a URL with a name, and DNS servers"
    DHCP_NAME_URI = "an address and a URL with a name"
    DHCP_DNS = "an address and DNS servers"
    DHCP_ONLY = "an address"
    PROXY_IP_URI = "a proxy with a URL"
    PROXY_NAME_URI = "a proxy with a URL that has a name"


_ALONE = (Kind.DHCP_IP_URI, Kind.DHCP_IP_URI_DNS, Kind.DHCP_NAME_URI_DNS)
_PAIRS = (
    (Kind.DHCP_ONLY, Kind.PROXY_IP_URI),
    (Kind.DHCP_DNS, Kind.PROXY_IP_URI),
    (Kind.DHCP_DNS, Kind.PROXY_NAME_URI),
    (Kind.DHCP_DNS, Kind.DHCP_NAME_URI),
)
"""The order of choice (HttpBootSelectDhcpOffer): single offers, then an address of one
with the URL of another."""


def classify(frame: Frame) -> Kind | None:
    """What kind of offer it is; None where it is dropped."""
    address, dns = (
        not frame.yiaddr.is_unspecified,
        frame.option(Code.DOMAIN_NAME_SERVER),
    )
    if not offer.has_class(frame, HTTP_CLIENT):
        if not address:
            return None
        return Kind.DHCP_DNS if dns else Kind.DHCP_ONLY
    match = _URL.match(offer.option_before_field(frame))
    if match is None:
        return None
    if not address:
        return Kind.PROXY_IP_URI if _is_address(match[3]) else Kind.PROXY_NAME_URI
    if _is_address(match[3]):
        return Kind.DHCP_IP_URI_DNS if dns else Kind.DHCP_IP_URI
    return Kind.DHCP_NAME_URI_DNS if dns else Kind.DHCP_NAME_URI


def _is_address(host: bytes) -> bool:
    try:
        if host.startswith(b"["):
            IPv6Address(host[1:-1].decode("ascii", "replace"))
        else:
            IPv4Address(host.decode("ascii", "replace"))
    except (AddressValueError, ValueError):
        return False
    return True


def decide(heard: Sequence[Heard], silent: Collection[IPv4Address] = ()) -> Decision:
    """What a UEFI does that boots by HTTP; see `decision`.

    Args:
        heard: Everything that servers sent to it.
        silent: Not looked at: nothing is asked on port 4011.
    """
    usable = [item for item in offer.offers(heard) if not malformed(item)]
    usable = usable[:OFFERS_MAX]
    found: dict[Kind, list[Heard]] = {kind: [] for kind in Kind}
    for item in usable:
        kind = classify(item.packet)
        if kind is not None:
            found[kind].append(item)
    for kind in _ALONE:
        if found[kind]:
            return _load(found[kind][0], found[kind][0])
    for lease, source in _PAIRS:
        if found[lease] and found[source]:
            return _load(found[lease][0], found[source][0])
    return _nothing(found, offer.offers(heard))


def _load(lease: Heard, source: Heard) -> Decision:
    url = offer.option_before_field(source.packet)
    steps = (
        RequestAddress(offer.who(lease), lease.packet.yiaddr),
        LoadUrl(offer.text(url)),
    )
    if lease is source:
        server = offer.who(source)
        why = f"{server} gives an address and names {offer.shown(url)}"
        cause = Cause(
            Trouble.FILE_IN_LEASE, server, Code.BOOTFILE_NAME, offer.text(url)
        )
        return Decision(steps, why, cause=cause)
    why = (
        f"{offer.who(source)} names {offer.shown(url)}, beside the address of "
        f"{offer.who(lease)}"
    )
    return Decision(steps, why)


def _nothing(found: dict[Kind, list[Heard]], every: list[Heard]) -> Decision:
    leases = [item for item in every if offer.gives_address(item)]
    if not every:
        cause = Cause(Trouble.NO_ANSWER)
        return _stop(Stop.NO_OFFER, "no server answers this UEFI", cause)
    if not leases:
        why = "no DHCP server gives this UEFI an address"
        return _stop(Stop.NO_ADDRESS, why, Cause(Trouble.NO_DHCP))
    for item in found[Kind.PROXY_NAME_URI] + found[Kind.DHCP_NAME_URI]:
        lease, url = offer.who(leases[0]), offer.option_before_field(item.packet)
        why = (
            f"{offer.who(item)} names {offer.shown(url)}, and {lease}, which gives the "
            "address, names no DNS server in option 6 to find that host by"
        )
        cause = Cause(
            Trouble.NAME_WITHOUT_DNS, lease, Code.DOMAIN_NAME_SERVER, offer.text(url)
        )
        return _stop(Stop.NO_FILE, why, cause)
    for item in every:
        server = offer.who(item)
        if offer.has_class(item.packet, HTTP_CLIENT):
            reason = malformed(item)
            if reason:
                why = f"this UEFI drops the offer of {server}: {reason}"
                cause = Cause(Trouble.MALFORMED, server, None, reason)
                return _stop(Stop.NO_FILE, why, cause)
            name = offer.option_before_field(item.packet)
            why = f"{server} says HTTPClient and names {offer.shown(name)}, no URL"
            cause = Cause(
                Trouble.NOT_A_URL, server, Code.BOOTFILE_NAME, offer.text(name)
            )
            return _stop(Stop.NO_FILE, why, cause)
    return _unheeded(leases, every)


def _unheeded(leases: list[Heard], every: list[Heard]) -> Decision:
    for item in every:
        name = offer.option_before_field(item.packet)
        if name:
            server = offer.who(item)
            why = (
                f"{server} names {offer.shown(name)} without HTTPClient in option 60, "
                "so this UEFI does not take it for HTTP boot"
            )
            cause = Cause(Trouble.PROXY_WITHOUT_CLASS, server, Code.VENDOR_CLASS)
            return _stop(Stop.NO_FILE, why, cause)
    server = offer.who(leases[0])
    why = f"{server} gives an address, and nobody names a URL"
    return _stop(Stop.NO_FILE, why, Cause(Trouble.NO_PROXY, server))


def _stop(stop: Stop, why: str, cause: Cause) -> Decision:
    return Decision((), why, stop, SCREEN[stop], cause)

"""What is wrong for machines that boot over IPv6: a pure function from facts.

UEFI tries IPv4 first, as it is set in the factory: what is wrong over IPv6 alone keeps
no such machine from booting, so that nothing here is worse than a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastboot.dhcp.pxe import HTTP_CLIENT, PXE_CLIENT

from .facts import Advertised, Facts
from .finding import Finding, Severity
from .machines import KINDS


def on_ipv6(facts: Facts) -> Iterator[Finding]:
    """Other servers' boot files, those that firmware cannot use, addresses from nobody."""
    for offer in facts.advertised:
        if offer.server in facts.own_ipv6:
            continue
        if offer.url:
            yield from _named(offer, facts)
    for interface in dict.fromkeys(offer.interface for offer in facts.advertised):
        here = [offer for offer in facts.advertised if offer.interface == interface]
        if not any(offer.address for offer in here):
            what = "over IPv6 nobody gives machines an address, so they boot over IPv4"
            hint = "where IPv6 is wanted, have the router give addresses by DHCPv6"
            yield Finding(Severity.NOTE, what, interface, "address", cure=hint)


def _named(offer: Advertised, facts: Facts) -> Iterator[Finding]:
    """A server that names a boot file to a machine."""
    kind = KINDS[offer.machine]
    problem = _unfit(offer)
    if problem:
        what = (
            f"over IPv6 {offer.server} tells this UEFI to load {offer.url}: {problem}"
        )
        hint = f"change option 59 (bootfile-url) on {offer.server}, or remove it"
    elif facts.serves:
        what = f"over IPv6 {offer.server} names {offer.url}, not what fastboot offers"
        hint = f"remove option 59 (bootfile-url) on {offer.server}"
    else:
        return
    where, words = offer.interface, (kind.words,)
    yield Finding(Severity.WARNING, what, where, "file", cure=hint, machines=words)


def _unfit(offer: Advertised) -> str:
    """Why EDK2 can make nothing of an offer with a URL; empty where it can."""
    http = KINDS[offer.machine].http
    wanted = (HTTP_CLIENT if http else PXE_CLIENT).decode()
    scheme = offer.url.partition(":")[0].lower()
    if http and scheme not in ("http", "https"):
        return "HTTP boot takes http:// and https:// alone"
    if not http and scheme != "tftp":
        return "PXE takes tftp:// alone"
    if not http and not offer.url.lower().startswith("tftp://["):
        return "PXE takes an address in brackets alone, no name"
    if offer.address is None and not offer.vendor.startswith(wanted):
        return f"it gives no address, so it must say {wanted} in option 16"
    return ""

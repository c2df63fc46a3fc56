"""What the doctor says: lines for people, or one JSON object for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastboot.dhcp.options import Code
from fastboot.firmware import offer
from fastboot.firmware.decision import (
    AskBootServer,
    Heard,
    LoadTftp,
    LoadUrl,
    RequestAddress,
    ShowMenu,
    Step,
)
from fastboot.report import clean

from .facts import Facts
from .finding import Finding, Severity
from .findings import CODES, will_boot
from .outlook import Outlook, outlooks


def rows(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """The table: interface, machine, and what will happen to it."""
    for look in outlooks(facts):
        yield look.segment.interface, look.kind.words, clean(_fate(look, facts))


def _fate(look: Outlook, facts: Facts) -> str:
    decision = look.decision
    if decision.stop is not None:
        code = decision.screen.partition(":")[0]
        shown = code if code.startswith("PXE-") else decision.stop.value
        return f"does not boot ({shown})"
    words = step_words(decision.steps[-1])
    if will_boot(look, facts):
        return words
    return f"{words}, not from here" if not look.ours else f"{words}, which fails"


def step_words(step: Step) -> str:
    """What firmware does, in a few words."""
    match step:
        case RequestAddress(server, address):
            return f"takes the address {address} from {server}"
        case AskBootServer(server):
            return f"asks {server} on port 4011"
        case LoadTftp(server, ""):
            return f"loads its own files from {server} by TFTP"
        case LoadTftp(server, name):
            return f"loads {name} from {server} by TFTP"
        case LoadUrl(url):
            return f"loads {url}"
        case ShowMenu(server):
            return f"shows the menu of {server}"


def servers(facts: Facts) -> list[str]:
    """Each server that answered and what it offers, a line each."""
    lines: dict[str, None] = {}
    for segment in facts.segments:
        for messages in segment.heard.values():
            for item in offer.offers(messages):
                own = offer.who(item) in facts.own
                if not own:
                    lines[f"{segment.interface}: {_offer_words(item)}"] = None
    return [clean(line) for line in lines]


def _offer_words(item: Heard) -> str:
    frame, parts = item.packet, []
    if offer.gives_address(item):
        parts.append("gives addresses")
    vendor = frame.option(Code.VENDOR_CLASS)
    if vendor is not None:
        parts.append(f"option 60 {offer.shown(vendor)}")
    if frame.option(Code.VENDOR_SPECIFIC) is not None:
        parts.append("option 43")
    name = offer.option_before_field(frame)
    if name:
        parts.append(f"boot file {offer.shown(name)}")
        parts.append(f"server {offer.tftp_server(frame) or item.source}")
    return f"{offer.who(item)} " + ", ".join(parts or ["offers nothing"])


def finding_lines(finding: Finding, *, recipes: bool = True) -> Iterator[str]:
    """A finding: what and where, what the screen shows, what to do next.

    Args:
        finding: The finding.
        recipes: Whether to say how; it is enough once.
    """
    machines = f"{', '.join(finding.machines)}: " if finding.machines else ""
    where, what = clean(finding.where), clean(finding.what)
    yield f"{finding.severity.value}: {where}: {machines}{what}"
    for number, code in enumerate(filter(None, finding.code.split(CODES))):
        yield f"  {'or: ' if number else 'the screen shows: '}{code}"
    if finding.cure:
        yield f"  do: {clean(finding.cure)}"
    for recipe in finding.recipes if recipes else ():
        first, *more = recipe.lines
        yield f"    {recipe.product + ':':<10} {first}"
        for line in more:
            yield f"    {'':<10} {line}"


def as_json(facts: Facts, found: list[Finding]) -> dict[str, Any]:
    """Everything for programs; the keys stay.

    `ok` is false where something will not boot; `machines` has an object for each kind
    of machine on each interface, `findings` one for each finding, the worst first, and
    `offers` one for each offer that was heard, `offers_ipv6` one for each of DHCPv6.
    """
    return {
        "ok": not any(item.severity is Severity.ERROR for item in found),
        "folder": facts.folder or None,
        "running": facts.running,
        "machines": [
            {
                "interface": look.segment.interface,
                "machine": look.kind.name,
                "boots": will_boot(look, facts),
                "steps": [step_words(step) for step in look.decision.steps],
                "why": look.decision.why,
                "screen": look.decision.screen,
            }
            for look in outlooks(facts)
        ],
        "findings": [
            {
                "severity": item.severity.value,
                "what": item.what,
                "where": item.where,
                "stage": item.stage,
                "code": item.code,
                "cure": item.cure,
                "machines": list(item.machines),
                "recipes": {one.product: list(one.lines) for one in item.recipes},
            }
            for item in found
        ],
        "offers": [
            {
                "interface": segment.interface,
                "machine": name,
                **_offer(item),
            }
            for segment in facts.segments
            for name, messages in segment.heard.items()
            for item in messages
        ],
        "offers_ipv6": [
            {
                "interface": item.interface,
                "machine": item.machine,
                "server": str(item.server),
                "address": str(item.address) if item.address else None,
                "vendor": item.vendor,
                "url": item.url,
            }
            for item in facts.advertised
        ],
    }


_TOLD = frozenset(
    (
        Code.DOMAIN_NAME_SERVER,
        Code.VENDOR_SPECIFIC,
        Code.SERVER_IDENTIFIER,
        Code.VENDOR_CLASS,
        Code.TFTP_SERVER_NAME,
        Code.BOOTFILE_NAME,
        Code.CLIENT_ARCHITECTURE,
        Code.CLIENT_MACHINE,
        Code.IPXE,
    )
)
"""The options of an offer that bear on booting."""


def _offer(item: Heard) -> dict[str, Any]:
    frame = item.packet
    return {
        "server": str(offer.who(item)),
        "source": str(item.source),
        "port": item.port,
        "address": str(frame.yiaddr) if offer.gives_address(item) else None,
        "next_server": str(frame.siaddr),
        "file": offer.shown(frame.file)[1:-1],
        "options": {
            str(code): value.hex()
            for code, value in sorted(frame.options)
            if code in _TOLD
        },
    }

"""What is wrong, in plain words: a pure function from facts to findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

from fastboot.firmware import offer
from fastboot.firmware.decision import (
    AskBootServer,
    Cause,
    LoadTftp,
    ShowMenu,
    Stop,
    Trouble,
)

from .circle import circle
from .cures import cure
from .facts import Facts, Reach
from .finding import Finding, Severity
from .outlook import Outlook, others, outlooks, url_port
from .over_ipv6 import on_ipv6
from .premises import on_networks, on_programs, on_this_machine

CODES = " / "
"""Between what different machines' screens show."""

NAMES = ("this UEFI", "this BIOS", "this Raspberry Pi", "iPXE")
"""What the models call a machine, for findings that are about several."""

STAGES = {
    Stop.NO_OFFER: "address",
    Stop.NO_ADDRESS: "address",
    Stop.NO_BOOT_SERVER: "boot server",
    Stop.NO_FILE: "file",
    Stop.TIMEOUT: "file",
    Stop.NOT_FOUND: "file",
}
"""How far a boot got at each stop."""

FIREWALL = {
    "TFTP": "let UDP from port {port} and from all ports above 1023 out to machines "
    "(sudo firewall-cmd --add-service=tftp; sudo ufw allow 69/udp)",
    "HTTP": "let TCP to port {port} in (sudo firewall-cmd --add-port={port}/tcp; "
    "sudo ufw allow {port}/tcp)",
    "DHCP": "let UDP to ports 67 and 4011 in (sudo firewall-cmd --add-port=67/udp "
    "--add-port=4011/udp; sudo ufw allow 67,4011/udp)",
}
"""What to tell a firewall on this machine."""


def findings(facts: Facts) -> list[Finding]:
    """What is wrong, the worst first; nothing where all is well.

    One finding stands for every kind of machine that it concerns in the same way.
    """
    every = [*on_this_machine(facts), *on_networks(facts), *on_programs(facts)]
    every += on_ipv6(facts)
    expected = list(outlooks(facts))
    for outlook in expected:
        round_and_round = circle(outlook, expected, facts)
        every += [round_and_round] if round_and_round else _judge(outlook, facts)
    order = list(Severity)
    return sorted(_merged(every), key=lambda item: order.index(item.severity))


def will_boot(outlook: Outlook, facts: Facts) -> bool:
    """Whether this machine boots, and from here, where we are to serve it."""
    if outlook.decision.load is None or not (outlook.ours or not facts.serves):
        return False
    return outlook.comes


def _merged(every: list[Finding]) -> list[Finding]:
    """Findings that differ in the machines alone, as one."""
    found: dict[object, Finding] = {}
    for item in every:
        if not item.machines:
            found[id(item)] = item
            continue
        what = _neutral(item.what)
        key = (item.severity, item.where, item.stage, what, item.cure)
        first = found.get(key)
        if first is not None:
            machines = dict.fromkeys(first.machines + item.machines)
            codes = dict.fromkeys(filter(None, (*first.code.split(CODES), item.code)))
            code = CODES.join(codes)
            item = replace(first, what=what, machines=tuple(machines), code=code)
        found[key] = item
    return list(found.values())


def _neutral(what: str) -> str:
    for name in NAMES:
        what = what.replace(name, "the machine")
    return what


def _judge(outlook: Outlook, facts: Facts) -> Iterator[Finding]:
    decision, name = outlook.decision, outlook.kind.name
    if decision.stop is not None:
        nothing_to_give = name in facts.missing and decision.stop is Stop.NO_FILE
        unasked = facts.serves and facts.mode not in ("proxy", "server")
        if not nothing_to_give and not (unasked and decision.stop is Stop.NO_FILE):
            yield _stopped(outlook, facts)
        return
    last = decision.steps[-1]
    if isinstance(last, AskBootServer):
        what = f"{decision.why}; what it answers is not known"
        hint = "run fastboot doctor on this network again, as root"
        yield _about(outlook, Severity.WARNING, what, "boot server", hint)
        return
    if not outlook.ours and facts.serves:
        yield _elsewhere(outlook, facts)
        return
    if not outlook.comes:
        yield _unreached(outlook)
    for other in others(outlook, facts.own) if facts.serves else ():
        yield _rival(outlook, offer.who(other))


def _about(
    outlook: Outlook, severity: Severity, what: str, stage: str, hint: str
) -> Finding:
    where, words = outlook.segment.interface, (outlook.kind.words,)
    return Finding(severity, what, where, stage, cure=hint, machines=words)


def _treated(outlook: Outlook, facts: Facts, finding: Finding, cause: Cause) -> Finding:
    """The finding with the cure of its cause."""
    segment = outlook.segment
    if cause.server in facts.own and cause.trouble is Trouble.BOOT_SERVER_SILENT:
        return replace(finding, cure=FIREWALL["DHCP"])
    network = segment.network.network_address if segment.network else None
    found = cure(cause, segment.address, network)
    return replace(finding, cure=found.text, recipes=found.recipes)


def _stopped(outlook: Outlook, facts: Facts) -> Finding:
    decision = outlook.decision
    assert decision.stop is not None
    assert decision.cause is not None
    stage, what = STAGES[decision.stop], decision.why
    if decision.stop is Stop.NO_ADDRESS:
        what = "no DHCP server gives machines an address"
    bare = _about(outlook, Severity.ERROR, what, stage, "")
    return _treated(outlook, facts, replace(bare, code=decision.screen), decision.cause)


def _elsewhere(outlook: Outlook, facts: Facts) -> Finding:
    """It boots, or shows a menu, and nothing of it is ours."""
    decision, last = outlook.decision, outlook.decision.steps[-1]
    cause = decision.cause
    boots = "shows that" if isinstance(last, ShowMenu) else "boots from there"
    what = f"{decision.why}: it {boots}, not what fastboot offers"
    if cause is None:
        heard = (offer.who(item) for item in others(outlook, facts.own))
        server = next(heard, outlook.server)
        cause = Cause(Trouble.PROXIES_DISAGREE, server)
    severity, code = Severity.ERROR, ""
    if outlook.reached is not None and not outlook.comes:
        stop = _stop_of(outlook.reached.reach)
        what = f"{decision.why}, {_why_not(outlook)}"
        code = outlook.kind.firmware.SCREEN[stop]
    bare = _about(outlook, severity, what, "file", "")
    return _treated(outlook, facts, replace(bare, code=code), cause)


def _stop_of(reach: Reach) -> Stop:
    return Stop.NOT_FOUND if reach is Reach.NOT_FOUND else Stop.TIMEOUT


def _why_not(outlook: Outlook) -> str:
    reached = outlook.reached
    assert reached is not None
    said = f" ({reached.words})" if reached.words else ""
    if reached.reach is Reach.NOT_FOUND:
        return f"which has no such file{said}"
    return f"which does not answer{said}"


def _unreached(outlook: Outlook) -> Finding:
    """The file that is named, by us or by whoever serves here, does not come."""
    reached, load = outlook.reached, outlook.decision.load
    assert reached is not None
    assert load is not None
    if isinstance(load, LoadTftp):
        what, protocol, port = f"{load.name} from {load.server} by TFTP", "TFTP", 69
    else:
        what, protocol, port = load.url, "HTTP", url_port(load.url)
    if reached.reach is Reach.NOT_FOUND:
        hint = "see whether the file is in the folder, and readable"
        text = f"{what} is not there: {reached.words or 'no such file'}"
    else:
        hint = FIREWALL[protocol].format(port=port)
        text = f"{what} does not come: {reached.words or 'no answer'}"
    if not outlook.ours:
        hint = f"at {outlook.server or 'that server'}, {hint}"
    code = outlook.kind.firmware.SCREEN[_stop_of(reached.reach)]
    return replace(_about(outlook, Severity.ERROR, text, "file", hint), code=code)


def _rival(outlook: Outlook, server: IPv4Address) -> Finding:
    what = f"{server} names boot files, too: a machine may heed it where it is faster"
    hint = cure(Cause(Trouble.PROXIES_DISAGREE, server), None, None).text
    return _about(outlook, Severity.WARNING, what, "file", hint)

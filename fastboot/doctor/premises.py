"""What must be right before any machine can boot: findings about this machine."""

from __future__ import annotations

from collections.abc import Iterator

from .facts import Facts
from .finding import Finding, Severity
from .machines import KINDS
from .outlook import givers, idle


def on_this_machine(facts: Facts) -> Iterator[Finding]:
    """The folder, the menu, ports, rights and interfaces."""
    if facts.folder_problem:
        what, _, hint = facts.folder_problem.rpartition("; ")
        yield _error(what, facts.folder, hint)
    if facts.entries == 0:
        what = "the menu has no entries, so iPXE finds nothing to start"
        hint = "add a directory with linux and initrd, an .efi or an .ipxe file"
        yield Finding(Severity.WARNING, what, facts.folder, "boot", cure=hint)
    usable = [segment for segment in facts.segments if segment.address]
    problems = [port.problem for port in facts.ports]
    problems += [segment.problem for segment in usable]
    if any(problems) and not facts.privileged:
        what = "only root can ask the network as machines do, and open firmware's ports"
        yield _error(what, "this machine", "run it as root: sudo fastboot doctor")
        return
    for port in facts.ports:
        if port.problem:
            what, _, hint = port.problem.rpartition("; ")
            yield _error(what, f"port {port.number}", hint)
    if not usable:
        hint = "connect one and give it an address; see `ip address`"
        yield _error("no interface has an IPv4 address", "this machine", hint)
    for segment in usable:
        if segment.problem:
            what, _, hint = segment.problem.rpartition("; ")
            where = segment.interface
            yield Finding(Severity.WARNING, what, where, "setup", cure=hint)
    if facts.mode == "off" and usable and facts.serves:
        what = "fastboot answers no DHCP client, so machines have to be told of it"
        hint = "leave out --dhcp off, or see the URLs that `fastboot serve` prints"
        yield Finding(Severity.NOTE, what, "DHCP", "setup", cure=hint)


def on_networks(facts: Facts) -> Iterator[Finding]:
    """Networks that are left out, and whoever gives addresses where we do."""
    for segment in idle(facts):
        if not segment.problem:
            what = "nobody gives addresses there, so it is left out"
            hint = f"if machines boot there, name it: --interface {segment.interface}"
            where = segment.interface
            yield Finding(Severity.NOTE, what, where, "address", cure=hint)
    if facts.mode != "server" or not facts.serves:
        return
    for segment in facts.segments:
        for other in sorted(givers(segment) - facts.own):
            what = f"{other} gives addresses, as fastboot does with --dhcp server"
            hint = "stop it, or leave the addresses to it: --dhcp proxy"
            where = segment.interface
            yield Finding(Severity.ERROR, what, where, "address", cure=hint)


def _error(what: str, where: str, hint: str) -> Finding:
    return Finding(Severity.ERROR, what, where, "setup", cure=hint)


def on_programs(facts: Facts) -> Iterator[Finding]:
    """Boot programs that are missing."""
    for name, reason in facts.missing.items():
        what, _, hint = reason.partition(": ")
        hint = hint or "serve that, on the port that firmware knows"
        words = (KINDS[name].words,)
        yield Finding(
            Severity.ERROR, what, facts.folder, "file", cure=hint, machines=words
        )

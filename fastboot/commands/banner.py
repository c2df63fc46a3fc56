"""What a person reads first: what is served, where, and what to type where."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastboot.boot.choose import Answer
from fastboot.boot.machine import ARCHES, BIOS
from fastboot.boot.programs import missing
from fastboot.dhcp.v6.engine import Engine as Dhcp6Engine
from fastboot.interfaces import Interfaces
from fastboot.leasing import describe
from fastboot.listen import is_here
from fastboot.report import clean
from fastboot.server import Server

ENTRIES_SHOWN = 8
"""Names of entries printed before the rest is only counted."""

_USUAL = (BIOS, ARCHES[0x07])
"""The architectures that most machines have."""

_MODES = {
    "server": "server",
    "proxy": "proxy, beside the network's own DHCP server",
    "boot-server": "boot server on port 4011, beside a DHCP server on this machine",
    "off": "off",
}


def write_banner(console: Console, server: Server, *, privileged: bool) -> None:
    """Print the first screen of `fastboot serve`."""
    console.print(f"[bold]fastboot[/] serves {_shown(server.config.folder)}")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("  boots", escape(_entries(server)))
    for title, text in _services(server):
        table.add_row(f"  {title}", escape(text))
    for url in _firmware_urls(server):
        table.add_row("  UEFI", f"for HTTP boot, type [cyan]{escape(url)}[/]")
    for arch in _USUAL:
        if server.program(arch) is None:
            text = missing(arch, str(server.config.folder))
            table.add_row("  [yellow]missing[/]", f"[yellow]{escape(clean(text))}[/]")
    console.print(table)
    if not privileged:
        console.print(
            "[yellow]Not root: firmware asks on ports 67, 69 and 4011, which only root "
            "can open.[/] As root machines boot from here by themselves:"
        )
        again = clean(_as_root(sys.argv, sys.executable))
        console.print(f"  {escape(again)}", soft_wrap=True)  # one line, to be copied
    console.print("Ctrl-C stops.")


def _as_root(typed: list[str], python: str) -> str:
    """The command that was typed, as root, who has none of our PATH.

    >>> _as_root([".venv/bin/fastboot", "serve", "my images"], "/usr/bin/python3")
    "sudo .venv/bin/fastboot serve 'my images'"
    """
    program, *rest = typed
    if program.endswith("__main__.py"):
        return shlex.join(["sudo", python, "-m", "fastboot", *rest])
    return shlex.join(["sudo", program, *rest])


def _shown(value: object) -> str:
    return escape(clean(str(value)))


def _entries(server: Server) -> str:
    titles = [clean(entry.title) for entry in server.menu.entries()]
    if not titles:
        return "nothing yet: add a directory with linux and initrd, an .efi or an .ipxe"
    shown = ", ".join(titles[:ENTRIES_SHOWN])
    more = len(titles) - ENTRIES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _services(server: Server) -> list[tuple[str, str]]:
    names = ["tftp", "http", *(["https"] if "https" in server.engines else [])]
    rows = [(name.upper(), _places(server, name)) for name in names]
    text = _MODES[server.config.dhcp.mode or "off"]
    if server.leasing is not None:
        text = f"{text}, gives {'; '.join(map(describe, server.leasing.serves))}"
    rows.append(("DHCP", text))
    six = [e for e in server.engines.get("dhcp6", ()) if isinstance(e, Dhcp6Engine)]
    if server.config.dhcp.mode == "server" and any(engine.prefixes for engine in six):
        rows.append(("DHCPv6", f"server, gives addresses of {_prefixes(six)}"))
    uploads = server.config.tftp.uploads
    if uploads and "tftp" in server.engines:
        rows.append(
            ("takes", f"files that anybody sends by TFTP, into {clean(str(uploads))}")
        )
    return rows


def _prefixes(engines: Iterable[Dhcp6Engine]) -> str:
    """Of which networks IPv6 addresses are given, in words."""
    return ", ".join(str(prefix) for engine in engines for prefix in engine.prefixes)


def _places(server: Server, protocol: str) -> str:
    """Where a protocol is served, in words."""
    if protocol not in server.engines:
        return "off"
    places: dict[int, list[str]] = {}
    for port, address, name in _reached(server, protocol):
        places.setdefault(port, []).append(f"{address} ({name})" if name else address)
    return ", ".join(f"port {port} on {', '.join(on)}" for port, on in places.items())


def _reached(server: Server, protocol: str) -> Iterator[tuple[int, str, str]]:
    """Port, address and interface at which machines find a protocol.

    They are read off the sockets, so that they are what is open. Of a socket for each
    family the IPv4 one is shown: machines boot over IPv4 where they have the choice.
    """
    bound = [(ip_address(a), port) for a, port in server.ports(protocol)]
    families = {address.version for address, _ in bound if address.is_unspecified}
    for address, port in bound:
        if not address.is_unspecified:
            yield port, str(address), _interface_of(address)
        elif address.version == min(families):
            wanted = server.config.interface
            for card in Interfaces().all():
                if not wanted or card.name in wanted:
                    of_family = card.ipv4 if address.version == 4 else card.ipv6
                    yield from ((port, str(own), card.name) for own in of_family)


def _interface_of(address: IPv4Address | IPv6Address) -> str:
    for card in Interfaces().all():
        if address in card.ipv4 or address in card.ipv6:
            return card.name
    # An address such as 127.0.0.5 needs no interface.
    return "" if is_here(str(address)) else "no interface has it yet"


def _firmware_urls(server: Server) -> Iterator[str]:
    """The URLs that a person can type into UEFI firmware on x86-64."""
    name = server.program(ARCHES[0x10])
    if name is None:
        return
    for port, text, _ in _reached(server, "http"):
        address = ip_address(text)
        if not address.is_loopback and not address.is_link_local:
            yield Answer(name, port).location(text)

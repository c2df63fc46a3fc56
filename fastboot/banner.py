"""What a person reads first: what is served, where, and what to type where."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .boot.machine import ARCHES, BIOS
from .boot.programs import missing
from .report import clean
from .server import Server

ENTRIES_SHOWN = 8
"""Names of entries printed before the rest is only counted."""

_USUAL = (BIOS, ARCHES[0x07])
"""The architectures that most machines have."""


def write_banner(console: Console, server: Server, *, privileged: bool) -> None:
    """Print the first screen of `fastboot serve`."""
    console.print(f"[bold]fastboot[/] serves {_shown(server.config.folder)}")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("  boots", escape(_entries(server)))
    for title, text in _services(server):
        table.add_row(f"  {title}", escape(text))
    for url in server.firmware_urls():
        table.add_row("  UEFI", f"for HTTP boot, type [cyan]{escape(url)}[/]")
    for arch in _USUAL:
        if server.program(arch) is None:
            text = missing(arch, str(server.config.folder))
            table.add_row("  [yellow]missing[/]", f"[yellow]{escape(clean(text))}[/]")
    console.print(table)
    if not privileged:
        console.print(
            "[yellow]Not root: firmware asks on ports 67, 69 and 4011, which only root "
            "can open.[/] As root machines boot from here by themselves."
        )
    console.print("Ctrl-C stops.")


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
    addresses = [(card.name, str(address)) for card, address in server.addresses()]
    here = (
        ", ".join(f"{address} ({name})" for name, address in addresses) or "no address"
    )
    rows = []
    for protocol in ("tftp", "http"):
        port = server.port(protocol)
        text = f"port {port} on {here}" if port is not None else "off"
        rows.append((protocol.upper(), text))
    mode = server.config.dhcp.mode
    text = "proxy, beside the network's own DHCP server" if mode == "proxy" else "off"
    rows.append(("DHCP", text))
    return rows

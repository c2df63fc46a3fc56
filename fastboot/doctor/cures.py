"""What to change in a DHCP server, line by line: data, for the products that people have.

The syntax is that of dnsmasq(8), the Kea Administrator Reference Manual, dhcpd.conf(5),
the web pages of OPNsense and pfSense, the RouterOS manual ("DHCP Server") and the
PowerShell module DhcpServer. `{network}` is the network's address as Windows calls a
scope, `{own}` is our address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from fastboot.firmware.decision import Cause, Trouble


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to do to one product.

    Attributes:
        product: The DHCP server.
        remove: Lines of its settings, or rows of its pages, to delete.
        run: Commands to run there.
        then: What makes it take effect; "" where nothing need be done.
    """

    product: str
    remove: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    then: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """What to do, a line each."""
        return (
            *(f"remove: {line}" for line in self.remove),
            *(f"run: {line}" for line in self.run),
            *((self.then,) if self.then else ()),
        )


@dataclass(frozen=True, slots=True)
class Cure:
    """What to do against a cause.

    Attributes:
        text: What to do, in one line.
        recipes: How that is done, where a DHCP server is to be changed.
    """

    text: str
    recipes: tuple[Recipe, ...] = ()


_RESTART_DNSMASQ = "then: systemctl restart dnsmasq"
_RESTART_KEA = "then: systemctl restart kea-dhcp4-server"
_RESTART_DHCPD = "then: systemctl restart isc-dhcp-server"

NO_CLASS = (
    Recipe(
        "dnsmasq",
        ("dhcp-option=60,PXEClient", "dhcp-option-force=60,PXEClient"),
        then=_RESTART_DNSMASQ,
    ),
    Recipe(
        "Kea",
        (
            '{{ "name": "vendor-class-identifier", "data": "PXEClient" }} in option-data',
        ),
        then=_RESTART_KEA,
    ),
    Recipe(
        "ISC dhcpd",
        ('option vendor-class-identifier "PXEClient";',),
        then=_RESTART_DHCPD,
    ),
    Recipe(
        "OPNsense",
        (
            "Services > ISC DHCPv4 > [LAN] > Additional Options: the row with number 60",
            "Services > Dnsmasq DNS & DHCP > DHCP options: the row with option 60",
        ),
        then="then: Save, Apply",
    ),
    Recipe(
        "pfSense",
        (
            (
                "Services > DHCP Server > LAN > Additional BOOTP/DHCP Options: "
                "the row with number 60"
            ),
        ),
        then="then: Save, Apply Changes",
    ),
    Recipe(
        "MikroTik",
        run=(
            "/ip dhcp-server option print where code=60",
            "/ip dhcp-server network edit [find] dhcp-option   (take its name out)",
            "/ip dhcp-server option remove [find code=60]",
        ),
    ),
    Recipe(
        "Windows",
        run=(
            "Remove-DhcpServerv4OptionValue -ScopeId {network} -OptionId 60",
            "Remove-DhcpServerv4OptionValue -OptionId 60",
        ),
    ),
)
"""How to have option 60 left out. (A brace is doubled where it is meant.)"""

NO_FILE = (
    Recipe(
        "dnsmasq",
        (
            "dhcp-boot=...",
            "dhcp-option=67,... (option:bootfile-name)",
            "dhcp-option=66,... (option:tftp-server)",
        ),
        then=_RESTART_DNSMASQ,
    ),
    Recipe(
        "Kea",
        (
            '"next-server": "...", "boot-file-name": "..."',
            (
                '{{ "name": "boot-file-name", ... }} and '
                '{{ "name": "tftp-server-name", ... }} in option-data'
            ),
        ),
        then=_RESTART_KEA,
    ),
    Recipe(
        "ISC dhcpd",
        (
            'filename "...";',
            "next-server ...;",
            "option bootfile-name ...; option tftp-server-name ...;",
        ),
        then=_RESTART_DHCPD,
    ),
    Recipe(
        "OPNsense",
        ("Services > ISC DHCPv4 > [LAN] > Network booting: the tick at Enable",),
        then="then: Save, Apply",
    ),
    Recipe(
        "pfSense",
        ("Services > DHCP Server > LAN > Network Booting: the tick at Enable",),
        then="then: Save, Apply Changes",
    ),
    Recipe(
        "MikroTik",
        run=(
            '/ip dhcp-server network set [find] boot-file-name=""',
            "/ip dhcp-server network unset [find] next-server",
        ),
    ),
    Recipe(
        "Windows",
        run=(
            "Remove-DhcpServerv4OptionValue -ScopeId {network} -OptionId 66,67",
            "Remove-DhcpServerv4OptionValue -OptionId 66,67",
        ),
    ),
)
"""How to have no boot file named."""

_PAGES = ("OPNsense", "pfSense", "MikroTik")
"""Those that name one file for an architecture, whoever asks."""

FOR_IPXE = (
    Recipe(
        "dnsmasq",
        run=(
            "add the line dhcp-userclass=set:ipxe,iPXE",
            "add the line dhcp-boot=tag:ipxe,http://{own}/boot.ipxe",
        ),
        then=_RESTART_DNSMASQ,
    ),
    Recipe(
        "Kea",
        run=(
            (
                'add {{ "name": "ipxe", "test": "option[77].hex == \'iPXE\'", '
                '"boot-file-name": "http://{own}/boot.ipxe" }} to client-classes'
            ),
        ),
        then=_RESTART_KEA,
    ),
    Recipe(
        "ISC dhcpd",
        ('filename "...";',),
        (
            (
                'add if exists user-class and option user-class = "iPXE" '
                '{{ filename "http://{own}/boot.ipxe"; }} else {{ filename "..."; }}'
            ),
        ),
        then=_RESTART_DHCPD,
    ),
    *(recipe for recipe in NO_FILE if recipe.product in _PAGES),
    Recipe(
        "Windows",
        run=(
            "Add-DhcpServerv4Class -Name iPXE -Type User -Data iPXE",
            (
                "Add-DhcpServerv4Policy -Name iPXE -ScopeId {network} -Condition OR "
                "-UserClass EQ,iPXE"
            ),
            (
                "Set-DhcpServerv4OptionValue -ScopeId {network} -PolicyName iPXE "
                "-OptionId 67 -Value http://{own}/boot.ipxe"
            ),
        ),
    ),
)
"""How to have a script named to iPXE; where that cannot be, no boot file at all."""

WITH_DNS = (
    Recipe(
        "dnsmasq",
        run=("add the line dhcp-option=option:dns-server,{server}",),
        then=_RESTART_DNSMASQ,
    ),
    Recipe(
        "Kea",
        run=(
            'add {{ "name": "domain-name-servers", "data": "{server}" }} to option-data',
        ),
        then=_RESTART_KEA,
    ),
    Recipe(
        "ISC dhcpd",
        run=("add the line option domain-name-servers {server};",),
        then=_RESTART_DHCPD,
    ),
    Recipe("MikroTik", run=("/ip dhcp-server network set [find] dns-server={server}",)),
    Recipe(
        "Windows",
        run=("Set-DhcpServerv4OptionValue -ScopeId {network} -DnsServer {server}",),
    ),
)
"""How to have a DNS server named."""

TEXTS: Mapping[Trouble, tuple[str, tuple[Recipe, ...]]] = {
    Trouble.NO_ANSWER: (
        (
            "check the cable and the switch, and start a DHCP server, or let fastboot be "
            "one: fastboot serve --dhcp server"
        ),
        (),
    ),
    Trouble.NO_DHCP: (
        (
            "start the network's DHCP server, or let fastboot be one: "
            "fastboot serve --dhcp server"
        ),
        (),
    ),
    Trouble.NO_PROXY: (
        (
            "start `sudo fastboot serve` on this network; if it runs, see whether a "
            "firewall drops UDP to port 67"
        ),
        (),
    ),
    Trouble.CLASS_ALONE: ("remove option 60 at {server}", NO_CLASS),
    Trouble.CLASS_IN_LEASE: ("remove options 60 and 43 at {server}", NO_CLASS),
    Trouble.FILE_IN_LEASE: (
        "remove the boot file (option 67) and next-server (option 66) at {server}",
        NO_FILE,
    ),
    Trouble.FILE_FOR_ALL: (
        (
            "have {server} name a script to iPXE (user class iPXE), or no boot file to "
            "anybody where `sudo fastboot serve` answers beside it"
        ),
        FOR_IPXE,
    ),
    Trouble.BOOT_SERVER_SILENT: (
        "let UDP through to port 4011 of {server}, or stop the boot service there",
        (),
    ),
    Trouble.BOOT_SERVER_EMPTY: (
        "give the boot service at {server} a file for these machines, or stop it",
        (),
    ),
    Trouble.PROXY_WITHOUT_CLASS: (
        "have the boot service at {server} send option 60, or stop it",
        (),
    ),
    Trouble.PROXY_WITHOUT_SERVER: (
        "have the boot service at {server} send its address in siaddr, or stop it",
        (),
    ),
    Trouble.PROXIES_DISAGREE: (
        (
            "stop the boot service at {server} (dnsmasq: remove dhcp-range=...,proxy; "
            "Windows: Stop-Service WDSServer)"
        ),
        (),
    ),
    Trouble.NOT_A_URL: ("have {server} name a URL, or no boot file at all", NO_FILE),
    Trouble.URL_BY_TFTP: (
        (
            "have PXE machines given a boot program's name; URLs are for iPXE and for HTTP "
            "boot"
        ),
        NO_FILE,
    ),
    Trouble.NAME_WITHOUT_DNS: (
        (
            "write the address into the URL instead of the name, or have {server} name a "
            "DNS server in option 6"
        ),
        WITH_DNS,
    ),
    Trouble.NO_RASPBERRY_MENU: (
        (
            "put a Raspberry Pi's firmware into the folder and start "
            "`sudo fastboot serve` on this network"
        ),
        (),
    ),
    Trouble.NO_SERVER_NAME: (
        "have {server} name the server to load from (next-server, option 66)",
        (),
    ),
    Trouble.MALFORMED: ("update or replace the DHCP service at {server}", ()),
}
"""What to do against each trouble, and how."""


def cure(cause: Cause, own: IPv4Address | None, network: IPv4Address | None) -> Cure:
    """What to do against a cause.

    Args:
        cause: What is wrong.
        own: Our address on that network.
        network: The network's own address, as Windows calls a scope.
    """
    text, recipes = TEXTS[cause.trouble]
    words = {
        "server": str(cause.server or "the server"),
        "own": str(own or "this machine"),
        "network": str(network or "SCOPE"),
    }

    def filled(lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(line.format(**words) for line in lines)

    return Cure(
        text.format(**words),
        tuple(
            Recipe(item.product, filled(item.remove), filled(item.run), item.then)
            for item in recipes
        ),
    )

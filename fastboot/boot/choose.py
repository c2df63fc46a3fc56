"""Which boot file a machine is given: a pure function of the machine and the site."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from fastboot.errors import Refused

from .machine import Arch, Firmware, Machine
from .programs import missing

SCRIPT = "boot.ipxe"
"""The name at which iPXE finds its script: the menu, or what the user put there."""


def the_usual(machine: Machine) -> None:
    """Nobody's own choice for a machine."""


@dataclass(frozen=True, slots=True)
class Site:
    """What this server can serve with.

    Attributes:
        folder: The folder that is served, for texts.
        program: Finds the name of a boot program for an architecture, or None.
        http_port: The port of HTTP; None where it is off.
        tftp: Whether there is TFTP on port 69, the only one that firmware knows.
        secure: Whether that port speaks HTTPS.
        choice: Asked first what a machine loads: a name, None for the usual, or it
            raises `Refused`, with its reason.
    """

    folder: str
    program: Callable[[Arch], str | None]
    http_port: int | None = 80
    tftp: bool = True
    secure: bool = False
    choice: Callable[[Machine], str | None] = the_usual


@dataclass(frozen=True, slots=True)
class Answer:
    """What a machine is told to load.

    Attributes:
        name: A name in the served tree; "" for a machine that knows by itself what to
            ask for.
        http_port: The port of the HTTP server to load it from; None for TFTP.
        secure: Whether that port speaks HTTPS.
    """

    name: str
    http_port: int | None = None
    secure: bool = False

    def location(self, server: str) -> str:
        """The boot file as the machine is told: a URL, or a name for TFTP.

        A URL holds the server's address, never a name: to resolve one a machine would
        need DNS from the network's DHCP server.

            >>> Answer("boot.ipxe", 8080).location("192.0.2.2")
            'http://192.0.2.2:8080/boot.ipxe'
            >>> Answer("ipxe.efi").location("192.0.2.2")
            'ipxe.efi'

        Args:
            server: Our address that the machine reaches.
        """
        if self.http_port is None:
            return self.name
        host = f"[{server}]" if ":" in server else server
        scheme, usual = ("https", 443) if self.secure else ("http", 80)
        port = "" if self.http_port == usual else f":{self.http_port}"
        name = quote(self.name, errors="surrogateescape")
        return f"{scheme}://{host}{port}/{name}"

    def url(self, server: str) -> str:
        """The boot file as a URL, over TFTP as well: DHCPv6 knows nothing else.

            >>> Answer("ipxe.efi").url("fd00::2")
            'tftp://[fd00::2]/ipxe.efi'

        Args:
            server: Our address that the machine reaches.
        """
        if self.http_port is not None:
            return self.location(server)
        host = f"[{server}]" if ":" in server else server
        return f"tftp://{host}/{quote(self.name, errors='surrogateescape')}"


@dataclass(frozen=True, slots=True)
class Missing:
    """There is nothing to give.

    Attributes:
        reason: What is missing and what to do about it, for people.
    """

    reason: str


def choose(machine: Machine, site: Site, *, chained: bool = False) -> Answer | Missing:
    """What `machine` loads next.

    iPXE gets its script, by HTTP where it can; one that cannot gets a program that can.
    Firmware gets a program that fits its CPU, by HTTP if that is how it boots, else by
    TFTP.

    Args:
        machine: Who asks.
        site: What there is.
        chained: Whether it is an iPXE that was given a program a moment ago: another
            one would go round in a circle.
    """
    try:
        name = site.choice(machine)
    except Refused as error:
        return Missing(str(error))
    if name is not None:
        return _chosen(name, machine, site)
    if machine.firmware is Firmware.IPXE:
        return _for_ipxe(machine, site, chained=chained)
    http = machine.firmware is Firmware.HTTP
    if http and site.http_port is None:
        return Missing("the machine boots by HTTP, and HTTP is off")
    if not http and not site.tftp:
        return Missing("the machine boots by TFTP, and TFTP on port 69 is off")
    name = site.program(machine.arch)
    if name is None:
        return Missing(missing(machine.arch, site.folder))
    if machine.firmware is Firmware.RASPBERRY_PI:
        return Answer("")
    return Answer(name, site.http_port, site.secure) if http else Answer(name)


def _chosen(name: str, machine: Machine, site: Site) -> Answer | Missing:
    """A name that was chosen for a machine, by HTTP if it can, else by TFTP."""
    http = machine.firmware is Firmware.HTTP
    if (http or machine.ipxe_http) and site.http_port is not None:
        return Answer(name, site.http_port, site.secure)
    if http:
        return Missing("the machine boots by HTTP, and HTTP is off")
    if not site.tftp:
        return Missing("the machine boots by TFTP, and TFTP on port 69 is off")
    return Answer(name)


def _for_ipxe(machine: Machine, site: Site, *, chained: bool) -> Answer | Missing:
    if machine.ipxe_http and site.http_port is not None:
        return Answer(SCRIPT, site.http_port, site.secure)
    if not site.tftp:
        return Missing("this iPXE was built without HTTP, and TFTP on port 69 is off")
    if site.http_port is not None and not chained:
        # The old iPXE of a network card. What it loads by HTTP, kernel and initrd, is
        # hundreds of times larger than a newer iPXE.
        name = site.program(machine.arch)
        if name is not None:
            return Answer(name)
    return Answer(SCRIPT)

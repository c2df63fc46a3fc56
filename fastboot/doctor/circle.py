"""Whether iPXE is told to load what firmware loaded: itself, again and again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address

from fastboot.firmware import offer
from fastboot.firmware.decision import Cause, LoadTftp, LoadUrl, Trouble

from .cures import cure
from .facts import Facts
from .finding import Finding, Severity
from .outlook import Outlook

_IPXE = re.compile(
    r"[^/\\]*(?:ipxe|snponly|undionly)[^/\\]*\.(?:efi|k{0,3}pxe)\Z", re.IGNORECASE
)
"""Names that iPXE's programs have: those of its build, and of distributions."""


def circle(outlook: Outlook, every: Sequence[Outlook], facts: Facts) -> Finding | None:
    """That iPXE is given itself by the same name by which firmware loads it.

    Nothing is said where the name is no iPXE's: a shim or GRUB that iPXE loads does not
    ask DHCP again. What cannot be seen is whether a script is built into it.

    Args:
        outlook: What will happen to a machine.
        every: The same of all machines.
        facts: What was found out.
    """
    load = outlook.decision.load
    if not outlook.kind.ipxe or load is None or not outlook.comes:
        return None
    name = load.name if isinstance(load, LoadTftp) else load.url
    alike = [
        other.kind.words
        for other in every
        if other.segment is outlook.segment
        and not other.kind.ipxe
        and other.decision.load == load
    ]
    server = _who_names(load, outlook, facts)
    if not alike or server is None or not is_ipxe(name):
        return None
    elsewhere = facts.serves and not outlook.ours
    segment = outlook.segment
    network = segment.network.network_address if segment.network else None
    found = cure(Cause(Trouble.FILE_FOR_ALL, server), segment.address, network)
    return Finding(
        Severity.ERROR if elsewhere else Severity.WARNING,
        f"{server} names {offer.shown(name)} to {' and '.join(alike)} and to iPXE alike: "
        "iPXE loads itself again and again, unless it has a script built in",
        segment.interface,
        "file",
        cure=found.text,
        machines=(outlook.kind.words,),
        recipes=found.recipes,
    )


def is_ipxe(name: str) -> bool:
    """Whether a file's name, or a URL's, is such as iPXE's programs have.

    >>> is_ipxe("x86_64/ipxe.efi"), is_ipxe("http://192.0.2.2/snponly.efi?a=b")
    (True, True)
    >>> is_ipxe("boot.ipxe"), is_ipxe("shimx64.efi"), is_ipxe("netboot.xyz.efi")
    (False, False, False)
    """
    return _IPXE.search(re.split("[?#]", name, maxsplit=1)[0]) is not None


def _who_names(
    load: LoadTftp | LoadUrl, outlook: Outlook, facts: Facts
) -> IPv4Address | None:
    """The server that names a file to a machine, if it is not ours."""
    wanted = load.name if isinstance(load, LoadTftp) else load.url
    for item in outlook.heard:
        if offer.text(offer.field_before_option(item.packet)) == wanted:
            server = offer.who(item)
            return None if server in facts.own or item.source in facts.own else server
    return None

"""Who may look: loopback and our own networks, by a name that is ours.

A page that anybody in the world could have a browser read would tell strangers what is
in the house: a web site elsewhere can let its own name lead to our address (DNS
rebinding). So a browser's Host has to be an address, or a name that nobody elsewhere can
own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from fastboot.interfaces import Interface

Network = IPv4Network | IPv6Network

_LOCAL_SUFFIXES = (".local", ".lan", ".localdomain", ".internal", ".home.arpa")
"""Names that no public DNS server answers for."""


class Gate:
    """Decides about who asks.

    Args:
        interfaces: Our interfaces, as they are at the moment.
        more: Networks that may look besides; one of all addresses opens it to everybody.
    """

    def __init__(
        self,
        interfaces: Callable[[], Sequence[Interface]],
        more: Sequence[str] = (),
    ) -> None:
        self._interfaces = interfaces
        self._more = tuple(ip_network(text, strict=False) for text in more)

    def refusal(self, address: str, host: str) -> str:
        """Why a client may not look, as it is told; "" where it may.

        Args:
            address: The client's address.
            host: HTTP's Host; "" where there is none.
        """
        if not is_local_name(host):
            return "open this page by the server's IP address, not by a public name"
        if not self._is_near(address):
            return (
                "this page is for the server's own networks; "
                "--http-status-from NETWORK lets others see it"
            )
        return ""

    def _is_near(self, text: str) -> bool:
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        if address.is_loopback or address.is_link_local:
            return True
        if any(address in network for network in self._more):
            return True
        for interface in self._interfaces():
            if any(address in network for network in interface.networks):
                return True
            if isinstance(address, IPv6Address):
                nets = (IPv6Network((own, 64), strict=False) for own in interface.ipv6)
                if any(address in network for network in nets):
                    return True
        return False


def is_local_name(host: str) -> bool:
    """Whether a Host is an address, or a name that only this network knows.

    >>> [is_local_name(host) for host in ("192.0.2.2:8080", "[::1]", "boot", "boot.lan")]
    [True, True, True, True]
    >>> is_local_name("rebound.example.com")
    False
    """
    name = host.lower().rstrip(".")
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return "." not in name or name.endswith(_LOCAL_SUFFIXES)
    return True

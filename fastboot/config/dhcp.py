"""Settings of discovery."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from uuid import UUID

from fastboot.errors import ConfigError

from .setting import PORTS, between, one_of, setting
from .subnet import SubnetTable

MODES = ("proxy", "server", "boot-server", "off")

DELAY_MAX = 1.5
"""Seconds: iPXE waits two for a proxy, EDK2 four."""


PREFIX_MAX = 96
"""Longest prefix that IPv6 addresses are given from: they are hashes, which need room."""


@dataclass(frozen=True, slots=True)
class DhcpConfig:
    """Discovery: DHCP answers for machines that boot from the network."""

    mode: str | None = setting(
        None,
        "proxy: answer boot clients beside the network's own DHCP server; server: be "
        "that server and give addresses, where there is none; boot-server: "
        "on port 4011 alone, where that server runs on this machine and sends option 60 "
        '"PXEClient"; off: stay silent. proxy as root, off otherwise.',
        flag="--dhcp",
        shown="proxy or off",
        choices=MODES,
    )
    port: int = setting(67, "Port for DISCOVERs; clients know only 67.")
    pxe_port: int = setting(4011, "Port for PXE requests; clients know only 4011.")
    delay: float = setting(
        0.0,
        "Seconds that an answer is held back: some PXE ROMs miss one that comes at once.",
    )
    allow: tuple[str, ...] = setting(
        (),
        "Answer this machine and no other; a MAC, the beginning of one, or a UUID; may "
        "be given again.",
    )
    relay: tuple[str, ...] = setting(
        (),
        "Answer through this relay, or relays in this network, and no other; may be "
        "given again. Relays that are not named are answered 256 times a second at "
        "the most.",
    )

    probe: bool = setting(
        True,
        "As a server, ask by ICMP whether somebody has an address before it is offered "
        "to somebody new, which takes half a second.",
    )
    force: bool = setting(
        False, "As a server, give addresses although another DHCP server answers."
    )
    subnet: tuple[SubnetTable, ...] = ()
    ipv6: bool = setting(True, "Answer over IPv6 as well.")
    ipv6_prefix: tuple[str, ...] = setting(
        (),
        "As the server, give IPv6 addresses from this network; may be given again. By "
        "default from those that this machine's own addresses are in.",
    )
    ipv6_dns: tuple[str, ...] = setting(
        (), "As the server, name this name server over IPv6; may be given again."
    )
    advertise: bool = setting(
        True,
        "As the server, send router advertisements: without one, no machine asks for "
        "an IPv6 address. They make nobody send its traffic here.",
    )

    def __post_init__(self) -> None:
        """Check each value."""
        if self.mode is not None:
            one_of(self, "mode", MODES)
        between(self, port=PORTS, pxe_port=PORTS, delay=(0, DELAY_MAX))
        for name in self.allow:
            if hardware_address(name) is None and not _is_uuid(name):
                raise ConfigError(
                    f"--dhcp-allow is {name!r}; it must be a MAC such as "
                    "52:54:00:12:34:56, the beginning of one, or a UUID"
                )
        self.relays()
        self.prefixes()
        self.name_servers()

    def prefixes(self) -> tuple[IPv6Network, ...]:
        """`ipv6_prefix` as networks.

        Raises:
            ConfigError: One is none, or has no room for addresses.
        """
        networks = []
        for text in self.ipv6_prefix:
            try:
                network = IPv6Network(text)
            except ValueError:
                network = None
            if network is None or network.prefixlen > PREFIX_MAX:
                raise ConfigError(
                    f"--dhcp-ipv6-prefix is {text!r}; it must be an IPv6 network such "
                    f"as fd00:1::/64, of a length of {PREFIX_MAX} at the most"
                )
            networks.append(network)
        return tuple(networks)

    def name_servers(self) -> tuple[IPv6Address, ...]:
        """`ipv6_dns` as addresses.

        Raises:
            ConfigError: One is none.
        """
        try:
            return tuple(IPv6Address(text) for text in self.ipv6_dns)
        except ValueError:
            raise ConfigError(
                f"--dhcp-ipv6-dns is {' '.join(self.ipv6_dns)}; it must be an IPv6 address"
            ) from None

    def relays(self) -> tuple[IPv4Network, ...]:
        """`relay` as networks; of one address where no length is given.

        Raises:
            ConfigError: One is none.
        """
        networks = []
        for text in self.relay:
            try:
                networks.append(IPv4Network(text, strict=False))
            except ValueError:
                raise ConfigError(
                    f"--dhcp-relay is {text!r}; it must be an IPv4 address or a "
                    "network such as 10.0.0.0/8"
                ) from None
        return tuple(networks)


_HARDWARE = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){0,5}")


def hardware_address(text: str) -> bytes | None:
    """The bytes of a MAC or of the beginning of one; None where it is none.

    >>> hardware_address("52-54-00").hex(":")
    '52:54:00'
    """
    if not _HARDWARE.fullmatch(text):
        return None
    return bytes.fromhex(text.replace(":", "").replace("-", ""))


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True

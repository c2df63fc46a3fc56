"""Rules for TFTP clients that fail with what others are glad of."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from fastboot.errors import ConfigError

from .dhcp import hardware_address
from .setting import between, setting

ALL = "all"
"""In `refuse`: every option."""

KNOWN = (
    *("blksize", "blksize2", "timeout", "utimeout", "tsize"),
    *("windowsize", "rollover", "msftwindow"),
)
"""The options that can be refused: those that would be granted."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class TftpClient:
    """One table `[[tftp.client]]`: whom it means, and what that client is not granted.

    All that it names must fit. Of several that fit a client all hold.
    """

    mac: str | None = setting(
        None,
        "Clients with this MAC, or one that begins so. Known of clients on this "
        "network, from the kernel's neighbour table; Linux only.",
    )
    address: str | None = setting(
        None, "Clients with this IP address, or in this network."
    )
    options: tuple[str, ...] = setting(
        (),
        "Clients that ask for these options, in this order, and no others; "
        '"blksize=1024" means that value alone.',
    )
    refuse: tuple[str, ...] = setting(
        (), 'Options that are left out as if unknown; "all": every one.'
    )
    max_blksize: int | None = setting(None, "Largest block granted, bytes.")
    max_windowsize: int | None = setting(None, "Largest window granted, blocks.")
    same_port: bool = setting(
        False,
        "Send files from the port for requests: such clients, or what translates "
        "addresses before them, take nothing from another.",
    )

    def __post_init__(self) -> None:
        """Check each value."""
        if not (self.mac or self.address or self.options):
            raise ConfigError("it says not which clients: set mac, address or options")
        if self.mac is not None and hardware_address(self.mac) is None:
            raise ConfigError(
                f"mac is {self.mac!r}; it must be a MAC such as 52:54:00:12:34:56, "
                "or the beginning of one"
            )
        self.network()
        for name in self.refuse:
            if name not in (*KNOWN, ALL):
                raise ConfigError(
                    f"refuse has {name!r}; it knows {', '.join(KNOWN)} and {ALL}"
                )
        between(self, max_blksize=(8, 65464), max_windowsize=(1, 32767))
        changed = (self.refuse, self.max_blksize, self.max_windowsize, self.same_port)
        if not any(changed):
            raise ConfigError(
                "it changes nothing: set refuse, max_blksize, max_windowsize or "
                "same_port"
            )

    def network(self) -> Network | None:
        """`address` as a network, of one address where no length is given.

        Raises:
            ConfigError: It is none.
        """
        if self.address is None:
            return None
        try:
            return ip_network(self.address, strict=False)
        except ValueError:
            raise ConfigError(
                f"address is {self.address!r}; it must be an IP address or a network "
                "such as 10.0.3.0/24"
            ) from None

    def hardware(self) -> bytes | None:
        """`mac` as bytes, six or fewer."""
        return hardware_address(self.mac) if self.mac else None

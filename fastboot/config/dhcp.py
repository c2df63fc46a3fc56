"""Settings of discovery."""

from __future__ import annotations

from dataclasses import dataclass

from .setting import PORTS, between, one_of, setting


@dataclass(frozen=True, slots=True)
class DhcpConfig:
    """Discovery: DHCP answers for machines that boot from the network."""

    mode: str | None = setting(
        None,
        "proxy: answer boot clients beside the network's own DHCP server; off: stay "
        "silent. proxy as root, off otherwise.",
        flag="--dhcp",
        shown="proxy or off",
        choices=("proxy", "off"),
    )
    port: int = setting(67, "Port for DISCOVERs; clients know only 67.")
    pxe_port: int = setting(4011, "Port for PXE requests; clients know only 4011.")

    def __post_init__(self) -> None:
        """Check each value."""
        if self.mode is not None:
            one_of(self, "mode", ("proxy", "off"))
        between(self, port=PORTS, pxe_port=PORTS)

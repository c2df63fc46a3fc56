"""Who asks for what, as a function of an `App` is told."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastboot.boot.machine import Arch, Machine
from fastboot.errors import Refused
from fastboot.tree import Client

from .mac import Mac
from .seen import Seen

FIELDS_MAX = 64
"""Fields of a query that are read."""


@dataclass(frozen=True, slots=True)
class Request:
    """A name that was asked for, and the client's facts.

    Attributes:
        name: The name, without a slash in front.
        client: The client as the protocol knows it.
        seen: Who DHCP saw, where it runs.
    """

    name: str
    client: Client
    seen: Seen

    @property
    def protocol(self) -> str:
        """How it was asked for: "tftp" or "http"."""
        return self.client.protocol

    @property
    def address(self) -> str:
        """The client's IP address."""
        return self.client.address

    @property
    def server(self) -> str:
        """The address of ours that the client reached."""
        return self.client.server

    @property
    def agent(self) -> str:
        """HTTP's User-Agent; empty where there is none."""
        return self.client.agent

    @property
    def query(self) -> dict[str, str]:
        """What stands behind "?" in a URL, as in "?mac=${mac}"; of a name the last.

        Raises:
            Refused: There are more fields than anybody means.
        """
        try:
            pairs = parse_qsl(
                self.client.query,
                keep_blank_values=True,
                errors="surrogateescape",
                max_num_fields=FIELDS_MAX,
            )
        except ValueError:
            raise Refused("there are too many fields in the query") from None
        return dict(pairs)

    @property
    def mac(self) -> Mac | None:
        """The client's hardware address, as DHCP gave it its address or the kernel knows.

        None for clients behind a router, and on this machine.
        """
        return self.seen.mac(self.client)

    @property
    def machine(self) -> Machine | None:
        """What the machine told our DHCP about itself; None where it told nothing."""
        mac = self.mac
        return self.seen.machine(mac) if mac else None

    @property
    def arch(self) -> Arch | None:
        """The architecture that it told our DHCP; None where it told nothing."""
        machine = self.machine
        return machine.arch if machine else None

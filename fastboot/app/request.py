"""Who asks for what, as a function of an `App` is told."""

from __future__ import annotations

from dataclasses import dataclass

from fastboot.boot.machine import Arch, Machine
from fastboot.tree import Client

from .mac import Mac
from .seen import Seen


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

"""A whole boot server on loopback, on ports of the system's choice, for tests."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from fastboot.app.app import App
from fastboot.config import BootConfig, DhcpConfig, LeaseConfig
from fastboot.config.subnet import SubnetTable
from fastboot.embedding import serve
from fastboot.events import Event
from fastboot.server import Server
from fastboot.tree import Tree

from .boot import Boot, Ways, boot
from .router import Router

HERE = "127.0.0.1"


def leases_on_loopback() -> DhcpConfig:
    """A server that gives the addresses from 127.0.0.100 to 127.0.0.199.

    Linux lets every program use them. A machine that boots from it needs no router.
    """
    subnet = SubnetTable(network="127.0.0.0/24", pool=("127.0.0.100-127.0.0.199",))
    # Nobody else answers on loopback, or has one of these.
    return DhcpConfig(mode="server", subnet=(subnet,), probe=False, force=True)


AnyEvent = TypeVar("AnyEvent")


class BootServer:
    """TFTP, HTTP and proxy DHCP; it runs while its context lasts.

        with BootServer(folder) as server: ...          # on threads
        async with BootServer(folder) as server: ...    # asyncio, uvloop or trio

    Boot programs that this machine has installed are left alone: what is to be found is
    in the folder.

    Args:
        content: A folder, an `App`, or any `Tree`.
        dhcp: How DHCP answers, its ports aside; proxy DHCP by default. A server that
            gives addresses wants them from 127.0.0.0/8: `leases_on_loopback`.
        lease: Where it keeps leases.
        drain_timeout: Seconds that transfers may take when the context is left.

    Attributes:
        folder: The folder; None where there is none.
        server: The server itself.
        events: What it reported.
    """

    def __init__(
        self,
        content: App | Tree | str | os.PathLike[str],
        *,
        dhcp: DhcpConfig | None = None,
        lease: LeaseConfig | None = None,
        drain_timeout: float = 0.2,
    ) -> None:
        self.events: list[Event] = []
        self._news = threading.Condition()
        self.folder: Path | None = None
        if isinstance(content, App):
            self.folder = content.folder
        elif isinstance(content, str | os.PathLike):
            self.folder = Path(content)
        self.server: Server = serve(
            content,
            tftp=0,
            http=0,
            dhcp=replace(dhcp or DhcpConfig(mode="proxy"), port=0, pxe_port=0),
            lease=lease,
            address=HERE,
            emit=self._hear,
            boot=BootConfig(programs=()),
            drain_timeout=drain_timeout,
            sends_to_tftp=True,
        )

    def __enter__(self) -> Self:
        """Run on threads."""
        self.server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.server.__exit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        """Run in the loop that calls this."""
        await self.server.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.server.__aexit__(kind, error, trace)

    @property
    def tftp_port(self) -> int:
        """Where TFTP is."""
        return self.server.ports("tftp")[0][1]

    @property
    def http_port(self) -> int:
        """Where HTTP is."""
        return self.server.ports("http")[0][1]

    @property
    def dhcp_port(self) -> int:
        """Where DISCOVERs go."""
        return self.server.ports("dhcp")[0][1]

    @property
    def boot_server_port(self) -> int:
        """Where questions go that firmware asks on port 4011."""
        return self.server.ports("dhcp")[1][1]

    @property
    def ways(self) -> Ways:
        """Where everything is, for `fastboot.testing.boot`."""
        dhcp, questions = (HERE, self.dhcp_port), (HERE, self.boot_server_port)
        return Ways(dhcp, questions, (HERE, self.tftp_port))

    def url(self, name: str) -> str:
        """The URL of a name."""
        return f"http://{HERE}:{self.http_port}/{name.lstrip('/')}"

    def boot(
        self,
        firmware: str,
        *,
        mac: str | None = None,
        routers: Iterable[Router] = (Router(),),
        patience: float = 10.0,
        answer_within: float = 2.0,
    ) -> Boot:
        """Boot an emulated machine from it; see `fastboot.testing.boot`.

        It waits: from an asynchronous program call it on another thread.
        """
        return boot(
            firmware,
            self.ways,
            mac=mac,
            routers=routers,
            patience=patience,
            answer_within=answer_within,
        )

    def _hear(self, event: Event) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait_for(
        self, kind: type[AnyEvent], count: int = 1, seconds: float = 10.0
    ) -> list[AnyEvent]:
        """What it reported of one kind, once there are so many.

        A client has its file a moment before the server has the last acknowledgement:
        who looks at events at once looks too early. From an asynchronous program call
        it on another thread.

        Raises:
            TimeoutError: They did not come in time.
        """
        with self._news:
            if not self._news.wait_for(lambda: len(self.of(kind)) >= count, seconds):
                raise TimeoutError(
                    f"{len(self.of(kind))} of {count} {kind.__name__} in {seconds:g} s; "
                    f"reported were {self.events}"
                )
            return self.of(kind)

    def of(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        """What it reported of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

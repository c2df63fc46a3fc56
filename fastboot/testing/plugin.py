"""pytest's fixtures. What they need is imported when the first test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .link import LossyLink
    from .server import BootServer


@pytest.fixture
def boot_content(tmp_path: Path) -> Any:  # noqa: ANN401 (App, Tree or a folder)
    """What `boot_server` serves: a new folder. Override it to serve an app or a tree."""
    return tmp_path


@pytest.fixture
def boot_server(boot_content: Any) -> Iterator[BootServer]:  # noqa: ANN401
    """A boot server on loopback: TFTP, HTTP and proxy DHCP on ports that were free.

    It runs on threads. `boot_server.folder` is what it serves, `boot_server.boot("ipxe")`
    boots an emulated machine; see `fastboot.testing.server.BootServer`.
    """
    from .server import BootServer

    with BootServer(boot_content) as server:
        yield server


@pytest.fixture
def async_boot_server(boot_content: Any) -> Iterator[BootServer]:  # noqa: ANN401
    """The same for asynchronous tests, whichever plugin runs them.

    It has its ports, and runs inside `async with async_boot_server:`, in the loop of
    the test: asyncio, uvloop or trio.
    """
    from .server import BootServer

    server = BootServer(boot_content)
    yield server
    server.server.close()


@pytest.fixture
def lossy_link() -> Iterator[Callable[..., LossyLink]]:
    """Makes UDP links to a port that lose, swap and double datagrams by a seed.

    `lossy_link(server.tftp_port, seed=7, loss=0.05, reorder=0.02).port` is where clients
    send to; see `fastboot.testing.link.LossyLink`.
    """
    from .link import LossyLink

    with ExitStack() as links:

        def make(
            target: int,
            *,
            seed: int = 1,
            loss: float = 0.0,
            reorder: float = 0.0,
            duplicate: float = 0.0,
        ) -> LossyLink:
            return links.enter_context(
                LossyLink(
                    target, seed=seed, loss=loss, reorder=reorder, duplicate=duplicate
                )
            )

        yield make

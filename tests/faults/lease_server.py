"""A lease server that is meant to be killed, again and again.

    python lease_server.py FOLDER

Each line on standard input starts one; its process number is written once it serves.
They are forked from this process, so that a start costs milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from fastboot.config import Config, DhcpConfig, HttpConfig, LeaseConfig, TftpConfig
from fastboot.config.subnet import SubnetTable
from fastboot.events import Event, Fault
from fastboot.server import Server

NETWORK = "10.77.0.0/16"
POOL = "10.77.1.0-10.77.255.250"


def serve(folder: Path) -> None:
    """Serve until killed."""
    server = Server(
        Config(
            folder,
            tftp=TftpConfig(enabled=False),
            http=HttpConfig(enabled=False),
            dhcp=DhcpConfig(
                mode="server",
                force=True,
                probe=False,
                subnet=(SubnetTable(NETWORK, (POOL,)),),
            ),
            lease=LeaseConfig(file=folder / "leases.sqlite"),
        ),
        tell,
    )
    print(os.getpid(), flush=True)
    engine = server.engines["dhcp"][0]
    while True:
        engine.poll(None)


def tell(event: Event) -> None:
    """Say what must not happen."""
    if isinstance(event, Fault):
        sys.excepthook(type(event.error), event.error, event.error.__traceback__)


def main() -> None:
    """Start a server for each line; none outlives the lines."""
    child = 0
    for _ in sys.stdin:
        end(child)
        child = os.fork()
        if not child:
            serve(Path(sys.argv[1]))
    end(child)


def end(child: int) -> None:
    """Make sure that a server has ended; most were killed by then."""
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()

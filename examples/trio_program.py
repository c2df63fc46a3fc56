"""A trio program with a TFTP server in it, beside what else it does.

    python examples/trio_program.py examples/images [port]

It counts what machines load and tells whoever connects to its own port.
"""

import sys
from collections import Counter

import trio

import fastboot
from fastboot import events


class Counting:
    """What was loaded, by name, told to whoever connects."""

    def __init__(self) -> None:
        self.loads: Counter[str] = Counter()

    def hear(self, event: fastboot.Event) -> None:
        """Count what was loaded."""
        # In the loop's own thread, as everything here: nothing to lock.
        if isinstance(event, events.Finished):
            self.loads[event.name] += 1

    async def tell(self, stream: trio.SocketStream) -> None:
        """Tell one who connected."""
        async with stream:
            lines = (f"{name} {count}\n" for name, count in self.loads.items())
            await stream.send_all("".join(lines).encode())


async def main(folder: str, port: int) -> None:
    """Serve a folder, and tell what was loaded from it."""
    counting = Counting()
    tftp = fastboot.TftpConfig(port=port, max_transfers=100)
    async with (
        fastboot.serve(folder, tftp=tftp, emit=counting.hear) as server,
        trio.open_nursery() as nursery,
    ):
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        own = listeners[0].socket.getsockname()[1]
        print(server.port("tftp"), own, flush=True)
        nursery.start_soon(trio.serve_listeners, counting.tell, listeners)


if __name__ == "__main__":
    try:
        trio.run(main, sys.argv[1], int((*sys.argv, "6969")[2]))
    except* KeyboardInterrupt:
        pass

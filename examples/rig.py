"""A synchronous test rig: give a board its firmware, and see that it takes all of it.

    python examples/rig.py firmware.bin [seconds] [port]

It leaves with 0 once the board has loaded the file and asked for its report page,
with 1 where it did not in time.
"""

import queue
import sys
import time
from pathlib import Path

import fastboot
from fastboot import events


def rig(firmware: Path, seconds: float, port: int) -> bool:
    """Whether a board loads the firmware within so many seconds, and then reports."""
    app = fastboot.App()
    told: queue.Queue[str] = queue.Queue()

    @app.get("firmware.bin")
    def image(request: fastboot.Request) -> Path:
        return firmware.resolve()

    @app.get("report/{serial}/{word}")
    def report(request: fastboot.Request, serial: int, word: str) -> str:
        told.put(f"board {serial} says {word}")
        return "thank you\n"

    @app.on(events.Finished)
    def loaded(event: events.Finished) -> None:
        if event.name.strip("/") == "firmware.bin":
            told.put(f"loaded {event.size} bytes in {event.seconds:.3f} s")

    with fastboot.serve(app, tftp=port, http=port) as server:
        print(server.port("tftp"), server.port("http"), flush=True)
        deadline = time.monotonic() + seconds
        for _ in range(2):
            try:
                print(told.get(timeout=max(0, deadline - time.monotonic())), flush=True)
            except queue.Empty:
                return False
    return True


if __name__ == "__main__":
    arguments = dict(enumerate(sys.argv))
    done = rig(
        Path(sys.argv[1]), float(arguments.get(2, "60")), int(arguments.get(3, "6969"))
    )
    sys.exit(0 if done else 1)

"""Makes the run that the README's picture shows, and the picture.

    sudo python docs/film.py

In a network of its own, behind a router that only gives addresses, `fastboot serve` is
started as a person would, in a terminal. A PC, OVMF in QEMU with an empty disk, is
switched on and boots Debian's installer. Its screen is photographed on the way. Needs
what the firmware tests need (.ci/run), and some minutes.
"""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from picture import COLUMNS, PICTURE, Run, draw

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from firmware.image import KERNEL  # noqa: E402
from firmware.machine import UEFI_PXE, Firmware, Machine  # noqa: E402
from firmware.network import Network  # noqa: E402
from peers import need_file  # noqa: E402

COMMAND = "fastboot serve ./images"
SCREENS = (
    ("its firmware asks the network", (0, 0, 283, 212)),
    ("the menu", (0, 0, 480, 360)),
    ("Debian's installer", (0, 0, 640, 480)),
)
"""What is said of each screen, and the part of it that is shown: x, y, width, height."""
PATIENCE = 420.0
"""Seconds that each step of the machine may take, on a slow processor."""
GREY, RED = b"\xaa\xaa\xaa", b"\xaa\x00\x00"
"""The installer's dialogs, and in them what is chosen."""


class Terminal:
    """`fastboot serve` in a terminal; its events are noted beside what it prints."""

    def __init__(self, command: list[str], notes: Path) -> None:
        self.text = ""
        self._notes = notes
        ours, its = pty.openpty()
        self._ours = ours
        size = {"COLUMNS": str(COLUMNS), "LINES": "40", "TERM": "xterm"}
        self._process = subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, env={**os.environ, **size}
        )
        os.close(its)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                self.text += os.read(self._ours, 65536).decode().replace("\r\n", "\n")
            except OSError:  # it is gone
                return

    def events(self) -> list[dict[str, Any]]:
        """What it has reported."""
        if not self._notes.exists():
            return []
        return [json.loads(line) for line in self._notes.read_text().splitlines()]

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self._process.terminate()
        self._process.wait(60)


def note() -> None:
    """Run the command, and write each event that it prints to a file as well."""
    from fastboot import cli, report
    from fastboot.commands import serve

    file = open(sys.argv.pop(1), "a", buffering=1)  # noqa: SIM115 (for as long as we run)
    told = serve.text_line

    def line(event: Any) -> str:
        file.write(report.json_line(event) + "\n")
        return told(event)

    serve.text_line = line
    cli.main()


class Camera:
    """Takes pictures of a machine's screen, by QEMU's monitor."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        until(path.exists, "QEMU's monitor")
        self._socket.connect(str(path))
        self._file = self._socket.makefile("r")
        self.do("qmp_capabilities")

    def do(self, what: str, **arguments: Any) -> None:
        """One command of the monitor."""
        asked = {"execute": what, "arguments": arguments}
        self._socket.sendall(json.dumps(asked).encode())
        for said in map(json.loads, self._file):
            if "error" in said:
                raise SystemExit(said)
            if "return" in said:
                return

    def picture(self, file: Path, kind: str = "png") -> bytes:
        """What the screen shows."""
        self.do("screendump", filename=str(file), format=kind)
        return file.read_bytes()

    def share(self, file: Path, *colours: bytes) -> list[float]:
        """How much of the screen has each of these colours."""
        head, _, most, points = self.picture(file, "ppm").split(b"\n", 3)
        assert (head, most) == (b"P6", b"255"), head
        looked = [points[at : at + 3] for at in range(0, len(points) - 2, 3 * 97)]
        return [looked.count(colour) / len(looked) for colour in colours]


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(f"not seen: {what}")
        time.sleep(0.1)


@contextmanager
def serving(network: Network, folder: Path) -> Iterator[Terminal]:
    """The server in the network, where /srv/images is the folder."""
    images = folder / "srv" / "images"
    (images / "debian").mkdir(parents=True)
    kernel = need_file(*KERNEL)
    for name in ("linux", "initrd.gz"):
        shutil.copyfile(kernel.with_name(name), images / "debian" / name)
    (images / "debian" / "cmdline").write_text("quiet mitigations=off\n")
    (images / "rescue.ipxe").write_text("#!ipxe\nshell\n")
    inside = 'mount --bind "$1" /srv && cd /srv && shift && exec "$@"'
    started = [sys.executable, str(Path(__file__)), "--note", str(folder / "notes")]
    place = network.join_server().inside("unshare", "--mount", "sh", "-c", inside, "sh")
    terminal = Terminal(
        [*place, str(images.parent), *started, *COMMAND.split()[1:]], folder / "notes"
    )
    try:
        until(lambda: "Ctrl-C stops." in terminal.text, "the first screen")
        yield terminal
    finally:
        terminal.stop()


def film(folder: Path) -> Run:
    """Boot a machine, and tell what was seen."""
    screens = []
    monitor = folder / "monitor"
    firmware = Firmware(
        uefi=True,
        rom=UEFI_PXE.rom,
        memory=1024,
        switches=(
            *("-device", "VGA,edid=on,xres=640,yres=480"),
            *("-qmp", f"unix:{monitor},server=on,wait=off"),
        ),
    )
    with Network(folder) as network, serving(network, folder) as terminal:
        with Machine(
            network, "52:54:00:12:34:56", firmware, folder / "machine"
        ) as machine:
            camera = Camera(monitor)

            def shoot() -> None:
                picture = camera.picture(folder / "screen.png")
                screens.append(base64.b64encode(picture).decode())

            until(lambda: "NBP filesize" in machine.serial, "the firmware's question")
            shoot()
            until(lambda: "rescue" in machine.serial, "the menu")
            time.sleep(1)
            shoot()
            camera.do("send-key", keys=[{"type": "qcode", "data": "ret"}])
            until(lambda: "got /debian/initrd.gz" in terminal.text, "the files' end")

            def asks() -> bool:
                grey, red = camera.share(folder / "screen.ppm", GREY, RED)
                return grey > 0.5 and red > 0.01

            until(asks, "the installer's question")
            time.sleep(2)
            shoot()
        return Run(_facts(terminal), screens)


def _facts(terminal: Terminal) -> dict[str, Any]:
    banner, _, rest = terminal.text.partition("Ctrl-C stops.\n")
    lines = rest.splitlines()
    told = [fact for fact in terminal.events() if fact["event"] != "Listening"]
    times = [line[:8] for line in lines if re.match(r"\d\d:\d\d:\d\d ", line)]
    return {
        "command": f"sudo {COMMAND}",
        "date": time.strftime("%Y-%m-%d"),
        "banner": [*banner.splitlines(), "Ctrl-C stops."],
        "events": [[at, fact] for at, fact in zip(times, told, strict=True)],
        "printed": lines,
        "screens": SCREENS,
    }


def main() -> None:
    """Make a run and draw it."""
    if sys.argv[1:2] == ["--note"]:
        del sys.argv[1]
        note()
    with tempfile.TemporaryDirectory() as folder:
        run = film(Path(folder))
    PICTURE.write_text(draw(run), "utf-8")


if __name__ == "__main__":
    main()

"""A machine in which the documents' commands run: its own network, folders and router.

    router 10.0.0.1 ── eth0, 10.0.0.2 ┐
                                       ├ where the commands run, as root
    a switch        ── eth1, no address┘

The router is dnsmasq and knows nothing of booting. /srv/images and ./images are a folder
as the documents have it, and /var/lib belongs to the commands alone.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from fastboot.testing.programs import efi_program
from firmware.network import Namespace
from peers import need

OWN, OWN6, ROUTER = "10.0.0.2", "fd00:1::2", "10.0.0.1"

MAC = "52:54:00:12:34:56"
"""The machine that the documents speak of; it asks when a command names it."""

READY = "Ctrl-C stops."
"""The last line of a server's first screen."""

LIMIT = 120.0
"""Seconds for one command."""

FILES = {
    "debian/linux": b"kernel",
    "debian/initrd.gz": b"initrd",
    "debian/cmdline": b"console=ttyS0\n",
    "rescue.efi": efi_program(),
    "tools.ipxe": b"#!ipxe\nshell\n",
    "undionly.kpxe": b"iPXE",
    "snponly.efi": efi_program(),
}
"""The folder that is served."""

_ASK = """
import socket, sys
from fastboot.app.mac import Mac
from fastboot.testing.firmware import KINDS
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.bind(("0.0.0.0", 68))
    question = KINDS["edk2-pxe"].discover(Mac(sys.argv[1]).packed, 7)
    sock.sendto(question.encode(), ("10.0.0.255", 67))
"""


class Shell:
    """A machine; leaving the context ends all that runs in it.

    Args:
        folder: Where its files are.
        router: Whether there is a DHCP server besides.
    """

    def __init__(self, folder: Path, *, router: bool = True) -> None:
        self.folder = folder
        self._routed = router
        self._stack = ExitStack()
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._machine = stack.enter_context(Namespace("mount"))
            self._router = stack.enter_context(Namespace())
            self._connect()
            self._fill()
            if self._routed:
                stack.enter_context(
                    self._router.running(
                        *(need("dnsmasq"), "--conf-file=/dev/null"),
                        *("--keep-in-foreground", "--user=root", "--group=root"),
                        *("--interface=eth0", "--bind-interfaces", "--leasefile-ro"),
                        *("--port=0", "--no-ping"),
                        "--dhcp-range=10.0.0.100,10.0.0.200,1h",
                    )
                )
                self._router.wait_for_port(67)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:
            self.stop()

    def _connect(self) -> None:
        self._machine.ip(
            *("link", "add", "eth0", "type", "veth"),
            *("peer", "name", "eth0", "netns", str(self._router.pid)),
        )
        self._machine.ip(
            *("link", "add", "eth1", "type", "veth"),
            *("peer", "name", "eth1", "netns", str(self._router.pid)),
        )
        self._router.ip("link", "set", "eth1", "up")
        for space, address in ((self._machine, OWN), (self._router, ROUTER)):
            space.ip("link", "set", "eth0", "up")
            space.ip("address", "add", f"{address}/24", "broadcast", "+", "dev", "eth0")

        self._machine.ip("address", "add", f"{OWN6}/64", "dev", "eth0", "nodad")

    def _fill(self) -> None:
        for name, content in FILES.items():
            path = self.folder / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        programs = {
            "fastboot": f'exec {sys.executable} -m fastboot "$@"',
            "sudo": 'exec "$@"',
        }
        for place in ("bin", ".venv/bin"):
            for name, text in programs.items():
                path = self.folder / place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"#!/bin/sh\n{text}\n")
                path.chmod(0o755)
        self.run(
            "mount -t tmpfs none /srv && mkdir /srv/images && mount --bind images "
            "/srv/images && mount -t tmpfs none /var/lib"
        )
        disc = f"{need('xorriso')} -as mkisofs -quiet -o images/debian.iso disc"
        for name in ("vmlinuz", "initrd.gz"):
            self.write(f"disc/install.amd/{name}", name)
        self.run(disc)

    def write(self, name: str, content: str) -> None:
        """Have a file that a page shows; one of another machine is kept here too."""
        path = self.folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def run(self, command: str) -> str:
        """What a command prints, both streams; one that serves goes on, and is waited for.

        Raises:
            AssertionError: It failed.
        """
        if "fastboot serve" in command and "--help" not in command:
            self.stop()
            self._server = _Server(self._inside(command), self.folder)
            self._server.wait_for(READY)
            return self._server.log
        if self._server and MAC in command:
            ask = [sys.executable, "-c", _ASK, MAC]
            subprocess.run(self._router.inside(*ask), check=True, timeout=LIMIT)
            self._server.wait_for(MAC)
        done = subprocess.run(
            self._inside(command),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}({done.returncode})"
        return done.stdout

    def _inside(self, command: str) -> list[str]:
        # The trap is for the shell alone: what it runs hears Ctrl-C, and says how it ended.
        path = f"{self.folder}/bin:{os.environ['PATH']}:/usr/sbin:/sbin"
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return self._machine.inside(
            *("env", f"PATH={path}", f"HOME={home}", "SUDO_USER="),
            *("sh", "-c", f"cd {self.folder} && trap : INT && {command}"),
        )

    def stop(self) -> None:
        """End the server that runs, as Ctrl-C does."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()


class _Server:
    """A command that goes on, and what it has printed so far."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.log = ""
        self._news = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            for line in output:
                with self._news:
                    self.log += line
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_for(self, text: str) -> None:
        """Wait until it has printed something.

        Raises:
            AssertionError: It ended, or said nothing for too long.
        """
        with self._news:
            self._news.wait_for(lambda: text in self.log or self._ended, LIMIT)
            assert text in self.log, f"no {text!r} in:\n{self.log}"

    def stop(self) -> None:
        """Ctrl-C; it must end by itself, with nothing to complain of."""
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(LIMIT)
        assert self._process.returncode == 0, self.log


def agrees(printed: str, shown: list[str]) -> bool:
    """Whether a command printed what a page shows; "..." there stands for anything."""
    parts = [".*?" if line == "..." else re.escape(line) + r"\s*?\n" for line in shown]
    return re.match("".join(parts), printed, re.DOTALL) is not None

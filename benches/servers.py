"""The TFTP servers that are compared, each as a class of the same shape.

    prepare()            find or build it; Missing says what to install
    command(...)         the command line that serves a folder on loopback

All run as an administrator would run them to serve one folder, with limits on the number
of clients raised where there are any; nothing is tuned further.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import ClassVar

from benches import programs
from benches.programs import said

LAUNCHERS = Path(__file__).parent / "launchers"

DNSMASQ_BLKSIZE = 2263
"""Bytes; larger blocks do not fit into dnsmasq's buffer, which is made for DNS."""

Command = list[str | Path]


class Server:
    """One server.

    Attributes:
        name: How it is named in tables and on the command line.
        port: The only port that it can listen on; None: any.
        windows: Whether it knows RFC 7440.
        slow: Whether rows of many bytes take it too long by default.
        half_open: Half-open requests that it is given: those that start a process or a
            thread for each would need gigabytes for 10,000.
        environment: Variables it is run with.
        version: Its version, known after `prepare`.
    """

    name = ""
    port: int | None = None
    windows = False
    slow = False
    half_open = 10_000
    environment: ClassVar[dict[str, str]] = {}
    version = "?"

    def prepare(self) -> None:
        """Find or build it.

        Raises:
            Missing: It is not here; the text says what to install.
        """
        raise NotImplementedError

    def command(self, port: int, root: Path, blksize: int) -> Command:
        """The command that serves `root` on a port of 127.0.0.1, in the foreground.

        It is to grant blocks of `blksize` bytes.
        """
        raise NotImplementedError


class Yardstick(Server):
    """No server: the least loop in C that feeds the load client (yardstick.c)."""

    name = "yardstick"
    windows = True
    version = "load/yardstick.c"

    def prepare(self) -> None:
        self._program = programs.compiled("yardstick")

    def command(self, port: int, root: Path, blksize: int) -> Command:
        return [self._program, str(port), root]


class Fastboot(Server):
    """This project, with its compiled parts."""

    name = "fastboot"
    windows = True
    environment: ClassVar = {"FASTBOOT_EXTENSIONS": "auto"}

    def prepare(self) -> None:
        ask = [sys.executable, "-m", "fastboot", "--version"]
        self.version = said(*ask, environment=self.environment)

    def command(self, port: int, root: Path, blksize: int) -> Command:
        serve = [sys.executable, "-m", "fastboot", "serve", root, "--no-http"]
        quiet = ["--dhcp", "off", "--log-format", "json"]
        return [*serve, *quiet, "--address", "127.0.0.1", "--tftp-port", str(port)]


class FastbootPython(Fastboot):
    """This project, in Python alone."""

    name = "fastboot-py"
    slow = True
    environment: ClassVar = {"FASTBOOT_EXTENSIONS": "no"}


class TftpdHpa(Server):
    """H. Peter Anvin's tftpd: a process for each transfer."""

    name = "tftpd-hpa"
    half_open = 1000

    def prepare(self) -> None:
        self._program = programs.find("in.tftpd", "tftpd-hpa")
        self.version = said(self._program, "-V").partition(",")[0]

    def command(self, port: int, root: Path, blksize: int) -> Command:
        return [self._program, "-L", "-a", f"127.0.0.1:{port}", "-s", root]


class Dnsmasq(Server):
    """dnsmasq, of which only the TFTP part is switched on: one process, one thread."""

    name = "dnsmasq"
    port = 69

    def prepare(self) -> None:
        self._program = programs.find("dnsmasq", "dnsmasq-base")
        line = said(self._program, "--version")
        self.version = " ".join(line.split()[:3])

    def command(self, port: int, root: Path, blksize: int) -> Command:
        only_tftp = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0"]
        place = ["--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file="]
        tftp = ["--enable-tftp", f"--tftp-root={root}", "--tftp-max=100000"]
        log = ["--quiet-tftp", "--log-facility=/dev/null", "--user=root"]
        if blksize > DNSMASQ_BLKSIZE:
            tftp.append(f"--edns-packet-max={blksize}")
        return [self._program, *only_tftp, *place, *tftp, *log]


class Atftpd(Server):
    """atftpd: a thread for each transfer."""

    name = "atftpd"
    windows = True
    half_open = 1000

    def prepare(self) -> None:
        try:
            self._program = programs.find("atftpd", "atftpd")
        except programs.Missing:
            # Debian's package cannot be installed beside tftpd-hpa.
            self._program = programs.unpacked("atftpd", "usr/sbin/atftpd")
        self.version = said(self._program, "--version").partition("(")[0].strip()

    def command(self, port: int, root: Path, blksize: int) -> Command:
        place = ["--daemon", "--no-fork", "--bind-address", "127.0.0.1"]
        limits = ["--maxthread", "10000", "--verbose=0", "--logfile", "/dev/null"]
        return [self._program, *place, "--port", str(port), *limits, root]


class FromIndex(Server):
    """A server that is a Python package."""

    slow = True
    requirement = ""
    half_open = 1000

    def prepare(self) -> None:
        self._python = programs.venv_with(self.requirement)
        package = re.split(r"\[", self.requirement)[0]
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        self.version = f"{package} {said(self._python, '-c', code)}"


class Tftpy(FromIndex):
    """tftpy: one thread."""

    name = "tftpy"
    requirement = "tftpy"

    def command(self, port: int, root: Path, blksize: int) -> Command:
        return [self._python, LAUNCHERS / "tftpy_server.py", str(port), root]


class Fbtftp(FromIndex):
    """fbtftp: a process for each transfer."""

    name = "fbtftp"
    requirement = "fbtftp"

    def command(self, port: int, root: Path, blksize: int) -> Command:
        return [self._python, LAUNCHERS / "fbtftp_server.py", str(port), root]


class Py3tftp(FromIndex):
    """py3tftp: asyncio; serves the folder that it is started in."""

    name = "py3tftp"
    requirement = "py3tftp"
    windows = True

    def command(self, port: int, root: Path, blksize: int) -> Command:
        there = ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", root]
        return [
            *there,
            self._python,
            "-m",
            "py3tftp",
            "--host",
            "127.0.0.1",
            "-p",
            str(port),
        ]


class Tftp(FromIndex):
    """The package `tftp` (pytftp): a thread for each transfer."""

    name = "tftp"
    requirement = "tftp[cli]"
    windows = True

    def command(self, port: int, root: Path, blksize: int) -> Command:
        serve = [self._python.with_name("pytftp"), "serve", root, "--quiet"]
        return [*serve, "--listen", f"127.0.0.1:{port}", "--max-sessions", "0"]


SERVERS: tuple[type[Server], ...] = (
    Yardstick,
    Fastboot,
    FastbootPython,
    Dnsmasq,
    TftpdHpa,
    Atftpd,
    Tftp,
    Py3tftp,
    Tftpy,
    Fbtftp,
)
"""All of them, in the order in which tables have them."""

"""The HTTP servers that are compared, each as a class of the same shape.

All run as an administrator would run them to serve one folder in one process, with
limits on the number of clients raised and logs of requests switched off where that can
be; fastboot keeps its log. Nothing is tuned further.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import ClassVar

from benches import programs
from benches.programs import said

LAUNCHERS = Path(__file__).parents[1] / "launchers"

MANY = "20000"
"""Connections that a server is to take."""

Command = list[str | Path]

Pair = tuple[Path, Path]
"""A certificate and its key."""

NGINX = """
worker_processes 1;
worker_rlimit_nofile {many};
daemon off;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections {many}; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen {listen}; {more} root {root}; }}
}}
"""


class Server:
    """One HTTP server.

    Attributes:
        name: How it is named in tables and on the command line.
        slow: Whether a quick look leaves it out.
        most: Connections at the same time that it is given.
        environment: Variables it is run with.
        version: Its version, known after `prepare`.
    """

    name = ""
    slow = False
    most = 20_000
    environment: ClassVar[dict[str, str]] = {}
    version = "?"

    def prepare(self) -> None:
        """Find or build it; `programs.Missing` says what to install."""
        raise NotImplementedError

    def command(self, port: int, root: Path) -> Command:
        """The command that serves `root` on a port of 127.0.0.1, in the foreground."""
        raise NotImplementedError

    def secure_command(self, port: int, root: Path, pair: Pair) -> Command | None:
        """The same over HTTPS; None where that is not tried."""
        return None


class Fastboot(Server):
    """This project, with its compiled parts."""

    name = "fastboot"
    environment: ClassVar = {"FASTBOOT_EXTENSIONS": "auto"}

    def prepare(self) -> None:
        ask = [sys.executable, "-m", "fastboot", "--version"]
        self.version = said(*ask, environment=self.environment)

    def command(self, port: int, root: Path) -> Command:
        limits = ["--http-max-connections", MANY, "--http-max-per-client", MANY]
        return [*self._serve(root), *limits, "--http-port", str(port)]

    def secure_command(self, port: int, root: Path, pair: Pair) -> Command:
        certificate = ["--https-certificate", pair[0], "--https-key", pair[1]]
        secure = ["--https", "--https-port", str(port), *certificate]
        return [*self._serve(root), "--no-http", *secure]

    def _serve(self, root: Path) -> Command:
        serve = [sys.executable, "-m", "fastboot", "serve", root, "--no-tftp"]
        quiet = ["--dhcp", "off", "--log-format", "json", "--address", "127.0.0.1"]
        return [*serve, *quiet]


class FastbootPython(Fastboot):
    """This project, in Python alone."""

    name = "fastboot-py"
    environment: ClassVar = {"FASTBOOT_EXTENSIONS": "no"}


class Nginx(Server):
    """nginx: one worker, sendfile."""

    name = "nginx"

    def prepare(self) -> None:
        self._program = programs.find("nginx", "nginx-light")
        self.version = said(self._program, "-v").removeprefix("nginx version: ")

    def command(self, port: int, root: Path) -> Command:
        return self._command(root, f"127.0.0.1:{port} backlog=4096", "")

    def secure_command(self, port: int, root: Path, pair: Pair) -> Command:
        # Before 1.23.4 it speaks no TLS 1.3 by itself: both are to use the same suite.
        certificate = "ssl_protocols TLSv1.2 TLSv1.3; "
        certificate += f"ssl_certificate {pair[0]}; ssl_certificate_key {pair[1]};"
        return self._command(root, f"127.0.0.1:{port} backlog=4096 ssl", certificate)

    def _command(self, root: Path, listen: str, more: str) -> Command:
        folder = Path(tempfile.mkdtemp(dir=root.parent, prefix="benches-nginx-"))
        text = NGINX.format(
            many=MANY, folder=folder, listen=listen, root=root, more=more
        )
        (folder / "nginx.conf").write_text(text, "utf-8")
        folder.chmod(0o755)
        return [self._program, "-c", folder / "nginx.conf"]


class FromIndex(Server):
    """A server that is a Python package.

    Attributes:
        requirements: What is installed for it.
        launcher: A program of ours, which is told a port, a folder, and a certificate
            and its key where it is to speak TLS.
    """

    requirements: ClassVar[tuple[str, ...]] = ()
    launcher = ""
    slow = True

    def prepare(self) -> None:
        for requirement in self.requirements:
            self._python = programs.venv_with(requirement)
        package = self.requirements[0].partition("[")[0]
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        self.version = f"{package} {said(self._python, '-c', code)}"

    def command(self, port: int, root: Path) -> Command:
        return [self._python, LAUNCHERS / self.launcher, str(port), root]

    def secure_command(self, port: int, root: Path, pair: Pair) -> Command:
        return [*self.command(port, root), *pair]


class Aiohttp(FromIndex):
    """aiohttp: its route for static files."""

    name = "aiohttp"
    requirements: ClassVar = ("aiohttp",)
    launcher = "aiohttp_server.py"


class Starlette(FromIndex):
    """uvicorn with Starlette's static files."""

    name = "starlette"
    requirements: ClassVar = ("uvicorn[standard]", "starlette")
    launcher = "starlette_server.py"


class Granian(FromIndex):
    """granian, sending files by its own interface for applications."""

    name = "granian"
    requirements: ClassVar = ("granian",)
    launcher = "granian_server.py"


class HttpServer(Server):
    """python -m http.server: a thread for each connection."""

    name = "http.server"
    slow = True
    most = 100  # it lets five wait to be let in

    def prepare(self) -> None:
        self.version = f"Python {sys.version.partition(' ')[0]}"

    def command(self, port: int, root: Path) -> Command:
        serve = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
        return [*serve, "--protocol", "HTTP/1.1", "--directory", root, str(port)]


SERVERS: tuple[type[Server], ...] = (
    Fastboot,
    FastbootPython,
    Nginx,
    Aiohttp,
    Starlette,
    Granian,
    HttpServer,
)
"""All of them, in the order in which tables have them."""

"""A running server for real clients, on each loop."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop.files import fill
from peers import need
from serving import Serving

PROTOCOLS = ("tftp", "http", "https")

LIMIT = 120.0
"""Seconds for one run of a client."""


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is served."""
    return fill(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the server's certificates."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session", params=["asyncio", "uvloop", "trio"])
def server(
    request: pytest.FixtureRequest, files: Path, state: Path
) -> Iterator[Serving]:
    """`fastboot serve` as anyone may run it, on each loop that it can run on."""
    flags = (
        "--address 127.0.0.1 --tftp-port 0 --http-port 0 --dhcp off "
        "--https --https-port 0 --https-state {state} --loop"
    )
    flags = flags.format(state=state).split()
    with Serving(files, *flags, request.param, protocols=PROTOCOLS) as server:
        yield server


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def client(server: Serving, state: Path, tmp_path: Path) -> Run:
    """Runs a client against the server; see `running_client`.

    {https} becomes the port of HTTPS, {secure} the root of its URLs, and {ca} the
    authority behind them.
    """
    return running_client(
        server,
        tmp_path,
        https=server.port("https"),
        secure=f"https://127.0.0.1:{server.port('https')}",
        ca=state / "ca.pem",
    )


def running_client(server: Serving, tmp_path: Path, **others: object) -> Run:
    """What runs a client, given as a command line with places to fill in.

    {tftp} and {http} become the server's ports, {web} the root of its URLs; {target} is
    a file for what is fetched; further ones are arguments. The client runs in a folder
    of its own.
    """
    places = {
        "tftp": server.port("tftp"),
        "http": server.port("http"),
        "web": f"http://127.0.0.1:{server.port('http')}",
        "target": tmp_path / "target",
        **others,
    }

    def run(line: str, **more: object) -> subprocess.CompletedProcess[str]:
        program, *arguments = shlex.split(line)
        return subprocess.run(
            [need(program), *(word.format(**places, **more) for word in arguments)],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    return run


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The file that {target} names."""
    return tmp_path / "target"

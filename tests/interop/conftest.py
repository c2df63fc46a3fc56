"""A running server for real clients, on each loop, and the files that it serves."""

from __future__ import annotations

import random
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peers import need
from serving import Serving

SIZES = {"0": 0, "1": 1, "511": 511, "512": 512, "513": 513}
"""Sizes around a TFTP block of 512 bytes, by the names of their files."""

BIG = "big"
BIG_SIZE = 40_000_000
"""A file whose blocks of 512 bytes are more than 65535, so that numbers wrap."""

TEXT = "text"
LINES = "".join(f"line {n}\n" if n % 3 else f"return\r{n}\r\n" for n in range(300))
"""A text with every kind of line end, some of them across the border of a block."""

LIMIT = 120.0
"""Seconds for one run of a client."""


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with `SIZES`, `BIG` and `TEXT`."""
    folder = tmp_path_factory.mktemp("files")
    noise = random.Random(2)
    for name, size in {**SIZES, BIG: BIG_SIZE}.items():
        (folder / name).write_bytes(noise.randbytes(size))
    (folder / TEXT).write_bytes(LINES.encode())
    (folder / "a name.efi").write_bytes(b"MZ")
    return folder


@pytest.fixture(scope="session", params=["asyncio", "uvloop", "trio"])
def server(request: pytest.FixtureRequest, files: Path) -> Iterator[Serving]:
    """`fastboot serve` as anyone may run it, on each loop that it can run on."""
    flags = "--address 127.0.0.1 --tftp-port 0 --http-port 0 --dhcp off --loop"
    with Serving(files, *flags.split(), request.param) as server:
        yield server


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def client(server: Serving, tmp_path: Path) -> Run:
    """Runs a client, given as a command line with places to fill in.

    {tftp} and {http} become the server's ports, {web} the root of its URLs; {target} is
    a file for what is fetched; further ones are arguments. The client runs in a folder
    of its own.
    """
    places = {
        "tftp": server.port("tftp"),
        "http": server.port("http"),
        "web": f"http://127.0.0.1:{server.port('http')}",
        "target": tmp_path / "target",
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

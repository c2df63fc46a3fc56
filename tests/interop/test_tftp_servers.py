"""Our TFTP client fetches from real servers, and sends to them, over links that lose."""

from __future__ import annotations

import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fastboot.errors import NoAnswer, ServerRefused
from fastboot.testing.link import LossyLink
from fastboot.tftp.client import get_sync, put_sync
from fastboot.tftp.wishes import NOTHING, Wishes
from peers import need, need_root, need_unpacked
from serving import Serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]

READY = 20.0
"""Seconds in which a server must answer."""

SIZES = (0, 1, 511, 512, 513, 1427, 1428, 1429, 100_000)
"""Around a block of 512 and of 1428 bytes."""

LOSSES = {0.0: 2_000_000, 0.01: 300_000, 0.05: 60_000, 0.2: 20_000}
"""Shares of lost datagrams, and bytes that can be asked for: most servers have no windows
and wait a second or more for each loss."""

BIG = 40_000_000
"""Bytes with so many blocks of 512 that numbers wrap."""

Peer = tuple[str, int]


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@dataclass
class Server:
    """A running server.

    Attributes:
        name: The program.
        address: Its address and port.
        folder: What it has, and takes.
    """

    name: str
    address: Peer
    folder: Path

    def has(self, size: int) -> str:
        """The name of a file of that size, which it has from now on."""
        path = self.folder / str(size)
        if not path.exists():
            path.write_bytes(noise(size))
            path.chmod(0o644)
        return path.name

    def url(self, name: str, port: int | None = None) -> str:
        """Where that file is; through a link's port, where one is given."""
        host = "127.0.0.1" if port else self.address[0]
        return f"tftp://{host}:{port or self.address[1]}/{name}"


def hpa(folder: Path, address: Peer) -> list[str]:
    """tftpd-hpa: no windows; it repeats after a tenth of a second."""
    flags = f"--foreground --address {address[0]}:{address[1]} --retransmit 100000"
    more = ["--create", "--user", "root", "--secure", str(folder)]
    return [need("in.tftpd"), *flags.split(), *more]


def atftpd(folder: Path, address: Peer) -> list[str]:
    """atftpd: windows; it repeats after a second."""
    flags = f"--daemon --no-fork --bind-address {address[0]} --port {address[1]}"
    more = [
        "--verbose=0",
        "--retry-timeout",
        "1",
        "--logfile",
        "/dev/null",
        "--user",
        "root.root",
    ]
    program = need_unpacked("usr/sbin/atftpd", "atftpd")
    return [program, *flags.split(), *more, str(folder)]


def dnsmasq(folder: Path, address: Peer) -> list[str]:
    """dnsmasq: no windows; it takes no files."""
    flags = (
        "--keep-in-foreground --conf-file=/dev/null --port=0 --enable-tftp "
        f"--listen-address={address[0]} --bind-interfaces --log-facility=/dev/null "
        f"--pid-file= --user=root --tftp-root={folder}"
    )
    return [need("dnsmasq"), *flags.split()]


PROGRAMS: dict[str, Callable[[Path, Peer], list[str]]] = {
    "hpa": hpa,
    "atftpd": atftpd,
    "dnsmasq": dnsmasq,
}
WRITERS = ("hpa", "atftpd", "fastboot")
WINDOWS = ("atftpd", "fastboot")


@contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    """A server while the context lasts."""
    if name == "fastboot":
        flags = "--address 127.0.0.1 --tftp-port 0 --no-http --dhcp off"
        uploads = ("--tftp-uploads", str(folder), "--tftp-uploads-overwrite")
        with Serving(folder, *flags.split(), *uploads, protocols=("tftp",)) as serving:
            yield Server(name, ("127.0.0.1", serving.port("tftp")), folder)
        return
    need_root()  # they read what all may read, and give root up
    # dnsmasq knows port 69 alone; loopback has addresses enough.
    chance = random.SystemRandom()
    address = (f"127.{chance.randint(1, 250)}.{chance.randint(1, 250)}.1", 69)
    server = Server(name, address, folder)
    process = subprocess.Popen(
        PROGRAMS[name](folder, address),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(server)
        yield server
    finally:
        process.terminate()
        process.wait(READY)


def _await(server: Server) -> None:
    until = time.monotonic() + READY
    while time.monotonic() < until:
        try:
            get_sync(server.url(server.has(1)), patience=1.0)
        except (NoAnswer, ServerRefused):
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"{server.name} does not answer at {server.address}")


@pytest.fixture(scope="module", params=[*PROGRAMS, "fastboot"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each server, with a folder that even one without rights can use."""
    with tempfile.TemporaryDirectory(prefix="tftp-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        with running(request.param, folder) as server:
            yield server


@pytest.mark.parametrize(
    "wishes",
    [Wishes(), Wishes(windowsize=1), NOTHING],
    ids=["windows", "blksize", "no options"],
)
@pytest.mark.parametrize("size", SIZES)
def test_files_are_fetched_bit_for_bit(server, size, wishes):
    result = get_sync(server.url(server.has(size)), wishes=wishes)
    assert result.data == noise(size)
    if wishes != NOTHING:
        assert result.blksize == 1428
    if wishes.windowsize == 64 and server.name in WINDOWS:
        assert result.windowsize > 1


@pytest.mark.parametrize("windowsize", [1, 16])
def test_files_of_more_than_65535_blocks_are_fetched(server, windowsize):
    wishes = Wishes(blksize=512, windowsize=windowsize)
    result = get_sync(server.url(server.has(BIG)), wishes=wishes)
    assert result.data == noise(BIG)


@pytest.mark.parametrize("loss", LOSSES)
def test_files_are_fetched_over_links_that_lose(server, loss):
    size = LOSSES[loss] * (10 if server.name == "fastboot" else 1)
    name = server.has(size)
    for seed in range(3):
        with LossyLink(server.address, seed=seed, loss=loss) as link:
            result = get_sync(server.url(name, link.port), patience=60.0)
        assert result.data == noise(size)
        assert link.counts["passed"] > 2
        assert bool(link.counts["lost"]) >= (loss >= 0.05)


def test_a_text_is_fetched_as_a_text(server):
    text = b"one\ntwo\nthree\n" * 100
    (server.folder / "text").write_bytes(text)
    (server.folder / "text").chmod(0o644)
    if server.name == "dnsmasq":
        # It ends a netascii file a byte early for each line; what it sends is kept.
        assert get_sync(server.url("text;mode=netascii")).size > 0
        return
    assert get_sync(server.url("text;mode=netascii")).data == text


def test_a_file_that_is_not_there_is_said(server):
    with pytest.raises(ServerRefused) as caught:
        get_sync(server.url("none"))
    assert caught.value.code == 1


def _sent(server: Server, name: str, size: int, wishes: Wishes, url: str = "") -> None:
    place = server.folder / name
    if not place.exists() and server.name != "fastboot":
        place.touch()  # atftpd takes only what all may write already
        place.chmod(0o666)
    try:
        put_sync(noise(size), url or server.url(name), wishes=wishes, patience=12.0)
    except NoAnswer as error:
        # The last ACK was lost, and these servers do not wait to hear that.
        assert url
        assert server.name != "fastboot"
        assert "may have the whole file" in str(error)  # noqa: PT017
    until = time.monotonic() + READY
    while place.read_bytes() != noise(size) and time.monotonic() < until:
        time.sleep(0.05)  # atftpd and tftpd-hpa answer before they write
    assert place.read_bytes() == noise(size)


@pytest.mark.parametrize(
    "wishes",
    [Wishes(), Wishes(windowsize=1), NOTHING],
    ids=["windows", "blksize", "no options"],
)
@pytest.mark.parametrize("size", SIZES)
def test_files_are_sent_bit_for_bit(server, size, wishes):
    if server.name not in WRITERS:
        pytest.skip(f"{server.name} takes no files")
    _sent(server, f"sent-{size}", size, wishes)


@pytest.mark.parametrize("loss", LOSSES)
def test_files_are_sent_over_links_that_lose(server, loss):
    if server.name not in WRITERS:
        pytest.skip(f"{server.name} takes no files")
    size = LOSSES[loss]
    for seed in range(3):
        with LossyLink(server.address, seed=seed, loss=loss) as link:
            url = server.url(f"lossy-{size}", link.port)
            _sent(server, f"lossy-{size}", size, Wishes(), url)


def test_who_takes_no_files_says_so(server):
    if server.name in WRITERS:
        pytest.skip(f"{server.name} takes files")
    with pytest.raises((ServerRefused, NoAnswer)):
        put_sync(b"x", server.url("sent"), patience=2.0)


def test_a_port_without_server_is_said_at_once():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(NoAnswer, match="refused"):
        get_sync(f"tftp://127.0.0.1:{port}/x")

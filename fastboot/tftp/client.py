"""Fetching and sending files over TFTP: for programs with an event loop, and without.

    result = await get("tftp://192.0.2.1/boot.img")             # into memory
    result = await get("tftp://192.0.2.1/boot.img", "boot.img")
    result = await put("boot.img", "tftp://192.0.2.1/boot.img")

`get` and `put` run under asyncio, uvloop and trio; `get_sync` and `put_sync` make the
thread wait that calls them. What is cancelled leaves nothing behind: no descriptor, no
part of a file, and a server that knows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fastboot.drivers.steps import (
    Closing,
    Lookup,
    Pause,
    Readable,
    Steps,
    await_steps,
    run_steps,
)
from fastboot.errors import NoAnswer, NotKept, WrongContent
from fastboot.tree import Blob

from .address import Address, parse
from .client_engine import Call
from .client_receiver import best_receiver
from .download import Reading
from .exchange import Exchange, Role
from .landing import (
    FILE_MAX,
    MEMORY_MAX,
    AnyLanding,
    Beside,
    Memory,
    Stream,
    Summing,
    is_special,
)
from .upload import Writing
from .wishes import Agreed, Wishes

PATIENCE = 30.0
"""Seconds without anything new after which a transfer is given up."""

Progress = Callable[[int, int | None], object]
"""Told often how many bytes came across, and of how many, where that is known."""


@dataclass(frozen=True, slots=True)
class Transferred:
    """A file that came across.

    Attributes:
        size: Bytes, as they are stored here.
        seconds: From the request to the last byte.
        data: The file, where it was fetched into memory; else None.
        server: The address and port that it came from or went to.
        blksize: Octets of the blocks that were agreed.
        windowsize: Blocks for each ACK that were agreed.
        tsize: The size that the server announced; None: it did not.
        sha256: In hexadecimal, where a check was asked for; else empty.
    """

    size: int
    seconds: float
    data: bytes | None
    server: tuple[str, int]
    blksize: int
    windowsize: int
    tsize: int | None
    sha256: str = ""

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.size / self.seconds if self.seconds else 0.0


Target = str | os.PathLike[str] | BinaryIO | None
"""Where a file goes: a path, a file open for bytes, or memory."""

Source = str | os.PathLike[str] | bytes
"""Where a file comes from: a path, or what is in it."""


async def get(
    url: str,
    to: Target = None,
    *,
    wishes: Wishes = Wishes(),  # noqa: B008 (frozen)
    patience: float = PATIENCE,
    sha256: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Transferred:
    """Fetch a file, under asyncio, uvloop or trio.

    Args:
        url: `tftp://host/name`; see `fastboot.tftp.address.parse`.
        to: Where it goes. What is at that path is replaced when all is well.
        wishes: The options to ask for.
        patience: Seconds without anything new after which it is given up.
        sha256: What it must have, in hexadecimal.
        limit: Bytes that are taken at the most; None: 1 GiB into memory, 64 GiB to
            anywhere else.
        progress: Told how far it is.

    Raises:
        TransferError: It was not fetched.
        ConfigError: That is no URL.
    """
    return await await_steps(
        _get(parse(url), to, wishes, patience, sha256, limit, progress)
    )


def get_sync(
    url: str,
    to: Target = None,
    *,
    wishes: Wishes = Wishes(),  # noqa: B008 (frozen)
    patience: float = PATIENCE,
    sha256: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Transferred:
    """The same as `get`, for programs without an event loop."""
    return run_steps(_get(parse(url), to, wishes, patience, sha256, limit, progress))


async def put(
    source: Source,
    url: str,
    *,
    wishes: Wishes = Wishes(),  # noqa: B008 (frozen)
    patience: float = PATIENCE,
    progress: Progress | None = None,
) -> Transferred:
    """Send a file, under asyncio, uvloop or trio; see `get`.

    Args:
        source: The file.
        url: Where it is to lie.
        wishes: The options to ask for.
        patience: Seconds without anything new after which it is given up.
        progress: Told how far it is.

    Raises:
        TransferError: It was not sent.
        ConfigError: That is no URL.
    """
    return await await_steps(_put(source, parse(url), wishes, patience, progress))


def put_sync(
    source: Source,
    url: str,
    *,
    wishes: Wishes = Wishes(),  # noqa: B008 (frozen)
    patience: float = PATIENCE,
    progress: Progress | None = None,
) -> Transferred:
    """The same as `put`, for programs without an event loop."""
    return run_steps(_put(source, parse(url), wishes, patience, progress))


def _get(
    address: Address,
    to: Target,
    wishes: Wishes,
    patience: float,
    sha256: str | None,
    limit: int | None,
    progress: Progress | None,
) -> Steps[Transferred]:
    def reading() -> Reading:
        return Reading(
            address.name,
            address.title,
            landing,
            patience,
            netascii=address.netascii,
            kind=best_receiver(landing),
        )

    with closing(_landing(to, limit)) as landing:
        done = yield from _converse(address, reading, wishes, patience, progress)
        found = ""
        if sha256 is not None:
            found = yield from _summed(landing.summing())
            if found != sha256.lower():
                raise WrongContent(
                    f"{address.title}: its SHA-256 is {found}, not {sha256.lower()}"
                )
        landing.settle()
        data = landing.data if isinstance(landing, Memory) else None
        return _result(done, landing.size, data, found)


def _put(
    source: Source,
    address: Address,
    wishes: Wishes,
    patience: float,
    progress: Progress | None,
) -> Steps[Transferred]:
    def writing() -> Writing:
        name, title, netascii = address.name, address.title, address.netascii
        return Writing(name, title, blob, patience, netascii=netascii)

    with closing(_blob(source)) as blob:
        done = yield from _converse(address, writing, wishes, patience, progress)
        return _result(done, blob.size, None, "")


@dataclass(frozen=True, slots=True)
class _Done:
    agreed: Agreed
    server: tuple[str, int]
    seconds: float


def _converse(
    address: Address,
    role: Callable[[], Role],
    wishes: Wishes,
    patience: float,
    progress: Progress | None,
) -> Steps[_Done]:
    """Try the host's addresses until one answers, and let that transfer run."""
    found = yield Lookup(address.host, address.port)
    if isinstance(found, OSError):
        reason = found.strerror or found
        raise NoAnswer(f"{address.title}: the host has no address: {reason}")
    failure: Exception | None = None
    for family, _, _, _, server in found:
        exchange = Exchange(role(), server, wishes, patience)
        seconds = yield from _run(exchange, family, progress)
        agreed, peer, failure = exchange.agreed, exchange.peer, exchange.failure
        if failure is None and agreed is not None and peer is not None:
            return _Done(agreed, (peer[0], peer[1]), seconds)
        if exchange.machine is not None or not isinstance(failure, NoAnswer):
            break
    raise failure or NoAnswer(f"{address.title}: the host has no address")


def _run(exchange: Exchange, family: int, progress: Progress | None) -> Steps[float]:
    """Let an exchange run; the seconds until the whole file was there."""
    began, seconds = time.monotonic(), 0.0
    try:
        call = Call(exchange, family)
    except OSError as error:
        exchange.unreachable(error.strerror or str(error))
        return 0.0
    with closing(call):
        while not call.finished:
            yield Readable(call.fileno(), call.deadline)
            call.poll()
            if not seconds and exchange.complete:
                seconds = time.monotonic() - began
            if progress is not None and exchange.agreed is not None:
                progress(exchange.carried, exchange.agreed.tsize)
        yield Closing()
    return seconds


def _landing(to: Target, limit: int | None) -> AnyLanding:
    if to is None:
        return Memory(MEMORY_MAX if limit is None else limit)
    most = FILE_MAX if limit is None else limit
    if not isinstance(to, str | os.PathLike):
        return Stream(to, most)
    path = Path(to)
    if is_special(path):
        try:
            return Stream(path.open("wb"), most, owned=True)
        except OSError as error:
            raise NotKept(f"cannot write {path}: {error.strerror}") from None
    return Beside(path, most)


def _blob(source: Source) -> Blob:
    if isinstance(source, bytes):
        return Blob.from_bytes(source)
    path = Path(source)
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        if is_special(path):
            return Blob.from_bytes(path.read_bytes())
        return Blob.from_fd(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise NotKept(f"cannot read {path}: {error.strerror}") from None


def _summed(summing: Summing) -> Steps[str]:
    while True:
        try:
            next(summing)
        except StopIteration as end:
            return str(end.value)
        yield Pause()


def _result(done: _Done, size: int, data: bytes | None, sha256: str) -> Transferred:
    negotiated = done.agreed.negotiated
    return Transferred(
        size,
        done.seconds,
        data,
        done.server,
        negotiated.blksize,
        negotiated.windowsize,
        done.agreed.tsize,
        sha256,
    )

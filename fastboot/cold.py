"""Parts of files that are not in memory: read aside, so that only who asked waits.

A disk takes milliseconds where memory takes microseconds, and a network file system may
take for ever. Whoever sends a part of a file asks the kernel whether it is in memory
(preadv2(2): RWF_NOWAIT); if not, `Cold` says so, and a thread reads it, once for all
who wait for it. What lies where a read may hang (`Blob.slow`) counts as cold always.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Generic, NamedTuple, TypeVar

from .crew import crew
from .errors import ContentChanged
from .files import close_quietly
from .mounts import mounts
from .reserve import Reserve
from .tree import Blob

WINDOW = 1 << 20
"""Bytes that are sent, and read, at once: what a disk reads about as fast as less."""

CHUNK = 1 << 16
"""Bytes that a `Reader` has read at the least: blocks are smaller."""

THREADS = 4
"""Parts that are read at the same time; a disk orders so many for itself."""

CUT_SHORT = "the file was cut short while it was read"
"""Why a file cannot be sent any more that has become shorter."""

_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)


Place = tuple[int, int]
"""Where a file is: the device, and its number there."""


class Cold(BlockingIOError):
    """A part of a file is not in memory.

    Attributes:
        file: The file's descriptor.
        at: Where in the file the part begins.
        length: Its bytes.
        of: Its device and number, which tell it from others; None: its status will.
    """

    def __init__(
        self, file: int, at: int, length: int = WINDOW, of: Place | None = None
    ) -> None:
        super().__init__("not in memory")
        self.file = file
        self.at = at
        self.length = length
        self.of = of


class Part(NamedTuple):
    """What was read of a file.

    Attributes:
        at: Where in the file it begins.
        data: Its bytes; fewer than were asked for where the file has no more.
        status: The file's, after it was read.
    """

    at: int
    data: bytes
    status: os.stat_result


def within_window(at: int, length: int) -> int:
    """As much of a part as lies in one window.

    >>> within_window(WINDOW - 10, 100), within_window(0, 100)
    (10, 100)
    """
    return min(length, WINDOW - at % WINDOW)


def whole_chunks(at: int, length: int) -> int:
    """About so many bytes: to where a chunk ends, and no more than lie in one window.

    What is copied for a record of TLS is copied from whole pages then.

    >>> whole_chunks(WINDOW - 10, 100), whole_chunks(0, 100), whole_chunks(300, CHUNK)
    (10, 65536, 130772)
    """
    return within_window(at, length + -(at + length) % CHUNK)


def check_warm(file: int, at: int, length: int) -> None:
    """Raise `Cold` unless both ends of a part are in memory, or nobody can tell."""
    if _NOWAIT is None:
        return
    for place in (at, at + length - 1):
        try:
            os.preadv(file, [bytearray(1)], place, _NOWAIT)
        except BlockingIOError:
            raise Cold(file, at - at % WINDOW) from None
        except OSError:
            return  # a file system that does not know the question


def fill(file: int, buffer: memoryview, at: int, *, wait: bool = False) -> None:
    """Read a part of a file that is in memory, as long as the buffer.

    Where nobody can tell whether it is, it is read all the same, and with `wait` anyway.

    Raises:
        Cold: It is not.
        ContentChanged: The file is shorter.
        OSError: The file cannot be read.
    """
    count, flags = 0, 0 if wait else _NOWAIT or 0
    while count < len(buffer):  # a page border may split a read
        try:
            more = os.preadv(file, [buffer[count:]], at + count, flags)
        except BlockingIOError:
            raise Cold(file, at - at % WINDOW) from None
        except OSError:
            if not flags:
                raise
            flags = 0  # a file system that does not know the question
            continue
        if not more:
            raise ContentChanged(CUT_SHORT)
        count += more


def read_warm(blob: Blob, offset: int, length: int) -> bytearray | None:
    """Read a part of a file if it is in memory, or nobody can tell; see `fill`.

    Returns:
        None where it is not, the file is shorter or cannot be read.
    """
    file = blob.fd
    if file is None:
        return None
    buffer, at = bytearray(length), blob.offset + offset
    try:
        if os.preadv(file, [buffer], at, _NOWAIT or 0) == length:
            return buffer  # mostly; this way it costs half of what `fill` does
    except OSError:
        pass
    try:
        fill(file, memoryview(buffer), at)
    except (ContentChanged, OSError):
        return None
    return buffer


class Reader:
    """Reads a blob as long as that takes no waiting.

    Args:
        blob: The blob, which the caller closes.
    """

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._end = blob.offset + blob.size
        self._part: Part | None = None

    def read(self, offset: int, length: int) -> bytes:
        """See `Blob.read`.

        Raises:
            Cold: It is not in memory; whoever has read it aside gives it to `take`.
            ContentChanged: The file is shorter now than when it was opened.
            OSError: The file cannot be read.
        """
        blob, part = self._blob, self._part
        at, length = blob.offset + offset, max(0, min(length, blob.size - offset))
        if part and part.at <= at and at + length <= part.at + len(part.data):
            return part.data[at - part.at : at - part.at + length]
        self._part = None
        file = blob.fd
        if file is None or not length or (_NOWAIT is None and not blob.slow):
            return blob.read(offset, length)
        if blob.slow:
            raise self._cold(file, at, length)
        buffer = bytearray(length)
        try:
            fill(file, memoryview(buffer), at)
        except Cold:
            raise self._cold(file, at, length) from None
        return bytes(buffer)

    def _cold(self, file: int, at: int, length: int) -> Cold:
        """What to read aside: whole chunks, which others want as well."""
        begin = at - at % CHUNK
        end = min(at + length + -(at + length) % CHUNK, self._end)
        return Cold(file, begin, end - begin, of=self._blob.place)

    def take(self, cold: Cold, part: Part) -> None:
        """What was not in memory, for the next `read`.

        Raises:
            ContentChanged: The file is not what it was when it was opened.
        """
        if len(part.data) < cold.length:
            raise ContentChanged(CUT_SHORT)
        self._blob.check(part.status)
        self._part = part

    def check(self) -> None:
        """See `Blob.check`; of a slow one each part was checked."""
        if not self._blob.slow:
            self._blob.check()


Who = TypeVar("Who", bound=Hashable)


class _Span(NamedTuple):
    """A part of a file."""

    of: Place
    at: int
    length: int


@dataclass(frozen=True, slots=True)
class _Job:
    span: _Span
    file: int
    reserve: Reserve | None  # whose the descriptor is

    def let_go(self) -> None:
        """Give the descriptor back, which may take its time."""
        if self.reserve is None:
            close_quietly(self.file)
        else:
            self.reserve.give_back()


class Reads(Generic[Who]):
    """Parts of files that are being read, and who waits for them.

    Everything but the reading itself is called from the engine's thread.

    Args:
        wake: Ends the engine's wait, from any thread.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: dict[_Span, set[Who]] = {}
        self._span_of: dict[Who, _Span] = {}
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._done: deque[tuple[_Span, Part | OSError]] = deque()
        self._threads: list[threading.Thread] = []
        self._parked: dict[Who, Cold] = {}  # for want of a descriptor
        self._reserves = (Reserve(), Reserve())  # of disks, and of what may hang

    def wait(self, who: Who, cold: Cold) -> None:
        """Have a part of a file read.

        Args:
            who: Who waits for it; `ready` has it then.
            cold: The part; its file stays open until then, or until `forget`.
        """
        self.forget(who)
        of = cold.of
        if of is None:
            status = os.fstat(cold.file)
            of = (status.st_dev, status.st_ino)
        span = _Span(of, cold.at, cold.length)
        if span in self._waiting:
            self._waiting[span].add(who)
            self._span_of[who] = span
            return
        slow = mounts().may_hang(span.of[0])
        reserve = self._reserves[slow]
        reserve.keep()
        job = _hold(cold.file, span, reserve)
        if job is None and self._waiting:
            self._parked[who] = cold  # one of those that are read gives its own back
            return
        self._waiting[span], self._span_of[who] = {who}, span
        if job is None:
            self._fail(span, errno.EMFILE)
        elif not self._hand_on(job, slow=slow):
            if slow:  # to close it may hang as well: FUSE asks its program
                crew().do(job.let_go, of=span.of[0], must=True)
            else:
                job.let_go()
            self._fail(span, errno.EAGAIN)

    def _fail(self, span: _Span, why: int) -> None:
        self._done.append((span, OSError(why, os.strerror(why))))
        self._wake()

    def _hand_on(self, job: _Job, *, slow: bool) -> bool:
        """Have a thread read a part; False: there is none, or too much waits for it."""
        if slow:  # then what is on disks must not wait for it
            return crew().do(partial(self._read, job), of=job.span.of[0])
        if len(self._threads) < min(THREADS, len(self._waiting)):
            self._begin()
        if self._threads:
            self._jobs.put(job)
        return bool(self._threads)

    def _begin(self) -> None:
        """Have one thread more, if it can be had; where not, those there are go on."""
        thread = threading.Thread(target=self._work, name="fastboot.reads", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return
        self._threads.append(thread)

    def ready(self) -> list[tuple[Who, Part | OSError]]:
        """Who need not wait any more, and for what; or why it cannot be read."""
        ready: list[tuple[Who, Part | OSError]] = []
        while self._done:
            span, part = self._done.popleft()
            for who in self._waiting.pop(span):
                del self._span_of[who]
                ready.append((who, part))
        for who, cold in list(self._parked.items()):
            self.wait(who, cold)
        return ready

    def forget(self, who: Who) -> None:
        """Somebody waits for nothing any more."""
        self._parked.pop(who, None)
        span = self._span_of.pop(who, None)
        if span is not None:
            self._waiting[span].discard(who)

    def close(self) -> None:
        """End the threads; one that a disk holds up ends when it can."""
        for _ in self._threads:
            self._jobs.put(None)
        for reserve in self._reserves:
            reserve.close()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._read(job)

    def _read(self, job: _Job) -> None:
        part = _part(job.file, job.span)
        job.let_go()
        self._done.append((job.span, part))
        self._wake()


def _hold(file: int, span: _Span, reserve: Reserve) -> _Job | None:
    """A job with a descriptor of its own: whoever waits may be gone before it is read."""
    try:
        return _Job(span, os.dup(file), None)
    except OSError:
        own = reserve.take(file)
        return None if own is None else _Job(span, own, reserve)


def _part(file: int, span: _Span) -> Part | OSError:
    try:
        data = read(file, span.at, span.length)
        return Part(span.at, data, os.fstat(file))
    except OSError as error:
        return error


def read(file: int, at: int, length: int) -> bytes:
    """Read a part of a file, or what there is of it; may take its time."""
    data = os.pread(file, length, at)
    while data and len(data) < length:  # a signal or a page border may split a read
        more = os.pread(file, length - len(data), at + len(data))
        if not more:
            break
        data += more
    return data

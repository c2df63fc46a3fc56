"""Content of a known size: `Blob`, a slice of an open file, bytes, or a stream."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import AsyncIterator
from typing import Protocol

from .errors import ContentChanged
from .files import File, Identity, identity_of


class Feed(Protocol):
    """Content without an end: what somebody watches, as it changes."""

    def __call__(self) -> bytes | None:
        """What is new; nothing where nothing is, None where it is over.

        Asked on the thread that serves, once a second while the client takes what it
        got, and not while it does not: a slow one is told less often, and queues
        nothing. It must not wait.
        """

    def close(self) -> None:
        """The client is gone."""


class Blob:
    """Content of a known size: a slice of an open file, or bytes.

    Reads name their offset, so that one blob can be read by many; whoever opened the
    blob closes it, once. One of bytes has nothing to close and may be given to many.

    Attributes:
        size: Bytes, as they were when the blob was opened. A file that grows is served
            to this size, one that shrinks raises `ContentChanged`.
        etag: A strong validator with its quotes (RFC 9110, section 8.8.3).
        mtime_ns: Nanoseconds since the epoch of the last modification; None where
            unknown.
        offset: Where in the file the slice begins.
        kind: The media type, for HTTP; empty where the name tells it.
        fields: Further fields of HTTP's answer, such as Vary; none for boot files.
        pieces: The content of a stream, which is read once and in order, over HTTP;
            None where it can be read at any place.
        feed: The content of one without an end, over HTTP; None where it has one.
    """

    __slots__ = (
        *("_data", "_fd", "_file", "etag", "feed", "fields", "kind", "mtime_ns"),
        "offset",
        *("pieces", "size"),
    )

    def __init__(
        self,
        *,
        size: int,
        etag: str,
        mtime_ns: int | None = None,
        fd: int | None = None,
        offset: int = 0,
        data: bytes = b"",
        file: File | None = None,
        kind: str = "",
        fields: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.size = size
        self.etag = etag
        self.mtime_ns = mtime_ns
        self.offset = offset
        self._data = data
        self.kind = kind
        self.fields = fields
        self.pieces: AsyncIterator[bytes] | None = None
        self.feed: Feed | None = None
        if fd is not None:
            file = File(fd, identity_of(os.fstat(fd)))
        self._file = file
        self._fd: int | None = file.fd if file else None

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        mtime_ns: int | None = None,
        *,
        kind: str = "",
        fields: tuple[tuple[str, str], ...] = (),
    ) -> Blob:
        """A blob of these bytes; its etag is a hash of them.

        >>> Blob.from_bytes(b"#!ipxe").read(2, 4)
        b'ipxe'
        """
        digest = hashlib.blake2b(data, digest_size=12).hexdigest()
        return cls(
            size=len(data),
            etag=f'"{digest}"',
            mtime_ns=mtime_ns,
            data=data,
            kind=kind,
            fields=fields,
        )

    @classmethod
    def from_stream(
        cls, size: int, pieces: AsyncIterator[bytes], *, kind: str = "", etag: str = ""
    ) -> Blob:
        """A blob whose content comes as it is sent.

        Each piece is asked for when the client has taken the one before, and has as
        long as an answer has. Where the pieces are more or less than `size` bytes, the
        client's connection is reset: it never takes a part for the whole.

        Args:
            size: Bytes in all the pieces.
            pieces: An asynchronous iterator, such as an async generator. Where it has
                an `aclose`, as generators have, that is called as soon as nobody reads
                on, so that it need not wait for the garbage collector.
            kind: The media type; empty where the name tells it.
            etag: A strong validator with its quotes; empty: there is none.
        """
        blob = cls(size=size, etag=etag, kind=kind)
        blob.pieces = pieces
        return blob

    @classmethod
    def from_feed(
        cls, feed: Feed, *, kind: str, fields: tuple[tuple[str, str], ...] = ()
    ) -> Blob:
        """A blob that goes on until its client leaves or the feed is over.

        Args:
            feed: Asked for what is new; closed with the blob.
            kind: The media type, as "text/event-stream".
            fields: Further fields of the answer's head.
        """
        blob = cls(size=0, etag="", kind=kind, fields=fields)
        blob.feed = feed
        return blob

    @classmethod
    def from_fd(cls, fd: int) -> Blob:
        """A blob of the whole regular file `fd`, which it owns from now on."""
        return cls.from_file(File(fd, identity_of(os.fstat(fd))))

    @classmethod
    def from_file(cls, file: File) -> Blob:
        """A blob of a whole file that is held, and will be released with the blob."""
        _, _, size, mtime_ns, _ = file.identity
        return cls(size=size, etag=file.etag, mtime_ns=mtime_ns, file=file)

    @property
    def fd(self) -> int | None:
        """The file's descriptor, or None where the content is bytes.

        Raises:
            ContentChanged: It was let go, and the file is no more what it was.
        """
        if self._fd is None and self._file is not None:
            self._fd = self._file.hold()
        return self._fd

    @property
    def slow(self) -> bool:
        """Whether to read it, or to ask for its status, may take for ever."""
        return self._file is not None and self._file.slow

    @property
    def place(self) -> tuple[int, int] | None:
        """Device and inode of the file; None where the content is bytes."""
        return self._file.identity[:2] if self._file else None

    @property
    def identity(self) -> tuple[Identity, int, int] | None:
        """What tells this content from any other; None where it is bytes."""
        if self._file is None:
            return None
        return (self._file.identity, self.offset, self.size)

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`: `length` of them, or fewer at the end.

        Raises:
            ContentChanged: The file is shorter now than when it was opened.
            OSError: The file cannot be read.
        """
        if self.pieces is not None:
            raise OSError(errno.ESPIPE, "a stream is read in order, over HTTP alone")
        length = max(0, min(length, self.size - offset))
        fd = self.fd
        if fd is None:
            return self._data[offset : offset + length]
        data = os.pread(fd, length, self.offset + offset)
        while len(data) < length:  # a signal or a page border may split a read
            more = os.pread(fd, length - len(data), self.offset + offset + len(data))
            if not more:
                raise ContentChanged("the file was cut short while it was read")
            data += more
        return data

    def check(self, status: os.stat_result | None = None) -> None:
        """Notice a rewrite: ask before the last bytes are called complete.

        Args:
            status: The file's, where it was just asked for.

        Raises:
            ContentChanged: The file was modified since it was opened.
        """
        fd = self.fd
        if fd is None:
            return
        status = status or os.fstat(fd)
        if status.st_mtime_ns != self.mtime_ns and (
            status.st_size <= self.offset + self.size
        ):
            raise ContentChanged("the file was rewritten while it was read")

    def let_go(self) -> None:
        """Hold no descriptor until it is used again, where that is possible.

        What is replaced meanwhile can be read no more: `ContentChanged`.
        """
        if self.slow:
            return  # to open it again may take for ever
        if self._fd is not None and self._file is not None and self._file.reopens:
            self._file.release()
            self._fd = None

    def close(self) -> None:
        """Give the file back; a second call does nothing."""
        feed, self.feed = self.feed, None
        if feed is not None:
            feed.close()
        file, self._file = self._file, None
        if file is not None and self._fd is not None:
            file.release()
        self._fd = None


async def next_piece(pieces: AsyncIterator[bytes]) -> Blob:
    """The next piece of a stream that is not empty; at its end an empty one."""
    async for piece in pieces:
        if piece:
            return Blob(size=len(piece), etag="", data=bytes(piece))
    return Blob(size=0, etag="")


async def leave(pieces: AsyncIterator[bytes]) -> None:
    """Tell a stream that nobody reads it any more, if it can be told."""
    aclose = getattr(pieces, "aclose", None)
    if aclose is not None:
        await aclose()

"""What answers carry: parts of a file, the pieces of a stream, the news of a feed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastboot import events
from fastboot.errors import ContentChanged, FastbootError
from fastboot.events import Emit
from fastboot.tree import Blob

from .actions import Action, Await, Send, SendFile
from .limits import EVERY, NOTEWORTHY
from .message import RequestHead
from .ranges import Span
from .respond import Response
from .stream import Stream


@dataclass(slots=True)
class Transfer:
    """The answer under way, as far as it is content that somebody waits for."""

    name: str
    size: int
    noteworthy: bool
    began: float
    sent: int = 0


class Body:
    """The content of the answer under way, for one connection's answers in turn.

    Args:
        protocol: "http" or "https", for what is reported.
        client: The peer's address, for what is reported.
        emit: Told how each transfer ended: `Finished` or `Failed`.
        do: Has what nobody waits for awaited: the end of a stream that is left.

    Attributes:
        transfer: The content under way; None where there is none.
        look_at: When a feed is asked again.
    """

    def __init__(
        self,
        protocol: str,
        client: str,
        emit: Emit,
        do: Callable[[Awaitable[Blob]], object],
    ) -> None:
        self._who = protocol, client
        self._emit = emit
        self._do = do
        self._blob: Blob | None = None
        self._stream: Stream | None = None
        self.transfer: Transfer | None = None
        self.look_at = 0.0

    @property
    def is_stream(self) -> bool:
        """Whether a piece of a stream is to be asked for, or was."""
        return self._stream is not None and not self._stream.ended

    @property
    def is_feed(self) -> bool:
        """Whether it is a feed."""
        return self._blob is not None and self._blob.feed is not None

    def begin(
        self, head: RequestHead, blob: Blob, response: Response, now: float
    ) -> None:
        """Carry what an answer has of a blob, which is closed if that is nothing.

        Args:
            head: The request.
            blob: The content.
            response: How it is answered.
            now: Seconds on the caller's clock.
        """
        self._blob, self.look_at = blob, now
        size = sum(part.length for part in response.body if isinstance(part, Span))
        if size:
            noteworthy = size == blob.size or size >= NOTEWORTHY
            self.transfer = Transfer(head.path, size, noteworthy, now)
        elif blob.feed is None or head.method == "HEAD":
            self.release()

    def actions(self, response: Response) -> list[Action]:
        """How to send it; what a stream has is asked for once the head is out."""
        actions: list[Action] = []
        for part in response.body:
            if isinstance(part, bytes):
                actions.append(Send(part))
                continue
            assert self._blob is not None  # spans are of what was opened
            if self._blob.pieces is not None:
                self._stream = Stream(self._blob.pieces, part.length, self._do)
                break
            actions.append(SendFile(self._blob, part.offset, part.length))
        return actions

    def ask(self) -> Await:
        """Have the next piece of the stream brought; the one before was sent."""
        assert self._stream is not None  # the caller looked
        return self._stream.ask()

    def take(self, piece: Blob | Exception) -> bytes:
        """What to send now that a piece came; nothing: `ask` for another first.

        Raises:
            ContentChanged: There will be no more of the stream, or it is not as long
                as it said.
        """
        if not isinstance(piece, Blob):
            if not isinstance(piece, FastbootError):
                self._emit(events.Fault(self._who[0], piece))
            raise ContentChanged(f"the stream broke off: {piece}")
        assert self._stream is not None  # the caller looked
        data = self._stream.take(piece)
        self.taken(len(data))
        return data

    def news(self, now: float) -> bytes | None:
        """What is new of the feed, which is asked once a second; None: it is over."""
        assert self._blob is not None  # the caller looked
        assert self._blob.feed is not None
        if now < self.look_at:
            return b""
        self.look_at = now + EVERY
        return self._blob.feed()

    def taken(self, count: int) -> None:
        """So many bytes were handed over."""
        if self.transfer:
            self.transfer.sent += count

    def complete(self, now: float) -> None:
        """All of it was handed over."""
        transfer = self.transfer
        self.release()
        if transfer and transfer.noteworthy:
            took = now - transfer.began
            self._emit(events.Finished(*self._who, transfer.name, transfer.size, took))

    def fail(self, reason: str, now: float) -> None:
        """The rest of it will not be sent."""
        transfer = self.transfer
        if transfer and transfer.noteworthy:
            name, sent, took = transfer.name, transfer.sent, now - transfer.began
            self._emit(events.Failed(*self._who, name, sent, took, reason))
        self.release()

    def release(self) -> None:
        """Give the content back."""
        blob, self._blob, self.transfer = self._blob, None, None
        if blob and blob.pieces is not None:
            (self._stream or Stream(blob.pieces, 0, self._do)).leave()
        self._stream = None
        if blob:
            blob.close()

"""A stream as it is sent: all that it said it would be, and never more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from fastboot.blob import leave, next_piece
from fastboot.errors import ContentChanged
from fastboot.tree import Blob

from .actions import Await


class Stream:
    """The pieces of a stream, of which the last is kept until the end was seen.

    Nobody is to have all of what is too long.

    Args:
        pieces: The stream.
        size: Bytes that it said it has.
        do: Has what nobody waits for awaited, where the pieces are brought; it may be
            called there as well.

    Attributes:
        ended: Whether the end was seen.
    """

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        size: int,
        do: Callable[[Awaitable[Blob]], object],
    ) -> None:
        self._pieces = pieces
        self._do = do
        self._left = size
        self._held = b""
        self._coming = False  # whether a piece is being brought
        self._left_alone = False
        self.ended = False

    def ask(self) -> Await:
        """Have the next piece brought."""
        return Await(self._next())

    async def _next(self) -> Blob:
        self._coming = True
        try:
            return await next_piece(self._pieces)
        finally:
            self._coming = False
            if self._left_alone:  # while this was under way, and maybe is cancelled
                self._do(self._close())

    def leave(self) -> None:
        """Nobody reads on: have it closed, once no piece of it is being brought."""
        if not self.ended:
            self._left_alone = True
            self._do(self._close())

    async def _close(self) -> Blob:
        if not self._coming:
            await leave(self._pieces)
        return Blob(size=0, etag="")

    def take(self, piece: Blob) -> bytes:
        """What to send now that a piece came; nothing: `ask` for another first.

        Raises:
            ContentChanged: It is longer or shorter than it said.
        """
        if piece.size > self._left:
            raise ContentChanged("the stream is longer than it said")
        data = piece.read(0, piece.size)
        self._left -= piece.size
        if not data:
            if self._left:
                raise ContentChanged("the stream is shorter than it said")
            self.ended = True
            return self._held
        if not self._left:
            self._held, data = data, b""
        return data

"""A stream as it is sent: all that it said it would be, and never more."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastboot.blob import next_piece
from fastboot.errors import ContentChanged
from fastboot.tree import Blob

from .actions import Await


class Stream:
    """The pieces of a stream, of which the last is kept until the end was seen.

    Nobody is to have all of what is too long.

    Args:
        pieces: The stream.
        size: Bytes that it said it has.

    Attributes:
        ended: Whether the end was seen.
    """

    def __init__(self, pieces: AsyncIterator[bytes], size: int) -> None:
        self._pieces = pieces
        self._left = size
        self._held = b""
        self.ended = False

    def ask(self) -> Await:
        """Have the next piece brought."""
        return Await(next_piece(self._pieces))

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

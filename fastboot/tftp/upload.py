"""Sending a file: the client's side of a write request, without sockets or clocks."""

from __future__ import annotations

from fastboot.tree import Blob

from .blocks import Blocks, NetasciiBlocks, OctetBlocks
from .packet import Ack, Packet, WriteRequest
from .transfer import Sender, Terms
from .wishes import Agreed, Wishes


class Writing:
    """The role of who sends; see `exchange.Role`.

    Args:
        name: The file's name there.
        title: What messages call it.
        blob: The content; whoever made this closes it.
        patience: Seconds without progress after which it ends.
        netascii: Whether line ends are converted.
    """

    def __init__(
        self,
        name: bytes,
        title: str,
        blob: Blob,
        patience: float,
        *,
        netascii: bool = False,
    ) -> None:
        self.title = title
        self._name = name
        self._blob = blob
        self._patience = patience
        self._netascii = netascii
        self._sender: Sender | None = None

    def request(self, wishes: Wishes) -> WriteRequest:
        """See `exchange.Role`; of a text nobody knows how long it gets."""
        if self._netascii:
            options = tuple(
                option for option in wishes.options() if option[0] != b"tsize"
            )
            return WriteRequest(self._name, b"netascii", options)
        return WriteRequest(self._name, b"octet", wishes.options(self._blob.size))

    def opens(self, packet: Packet) -> bool:
        """See `exchange.Role`: ACK 0."""
        return isinstance(packet, Ack) and packet.block == 0

    def machine(self, agreed: Agreed) -> Sender:
        """See `exchange.Role`."""
        kind = NetasciiBlocks if self._netascii else OctetBlocks
        blocks: Blocks = kind(self._blob, agreed.negotiated.blksize)
        terms = Terms(agreed.negotiated, self._blob.size, self._patience)
        self._sender = Sender(blocks, terms, proved=True)
        return self._sender

    def check(self, agreed: Agreed) -> None:
        """See `exchange.Role`: the server has acknowledged everything."""

    def given_up(self, carried: int) -> str:
        """See `exchange.Role`.

        Many servers do not wait for their last ACK to arrive: where it is lost nobody
        is left to repeat it.
        """
        left = self._blob.size - carried
        if self._sender is not None and self._sender.sent_all:
            return (
                f"the server did not acknowledge the last {left} bytes, and may have "
                "the whole file all the same: look there before you try again"
            )
        return f"the server stopped answering after {carried} bytes; try again"

    def farewell(self) -> None:
        """See `exchange.Role`: who sends hears the last word."""
        return

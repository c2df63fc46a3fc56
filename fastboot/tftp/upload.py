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
        return Sender(blocks, terms, proved=True)

    def check(self, agreed: Agreed) -> None:
        """See `exchange.Role`: the server has acknowledged everything."""

    def farewell(self) -> None:
        """See `exchange.Role`: who sends hears the last word."""
        return

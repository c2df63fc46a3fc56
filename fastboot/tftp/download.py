"""Fetching a file: the client's side of a read request, without sockets or clocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fastboot.errors import NotKept, TreeError, WrongContent

from .packet import Data, Packet, ReadRequest
from .receive import Content, Receiver
from .wishes import Agreed, Wishes


class Landing(Content, Protocol):
    """Where a file goes that is fetched; see `fastboot.tftp.landing`."""

    size: int

    def expect(self, size: int) -> None:
        """So many bytes were announced.

        Raises:
            TreeError: They are not taken.
        """


_SILENT = "the server stopped answering after {} bytes; try again, or with a smaller block size"


class Reading:
    """The role of who fetches; see `exchange.Role`.

    Args:
        name: The file's name there.
        title: What messages call it.
        landing: Where it goes.
        patience: Seconds without progress after which it ends.
        netascii: Whether line ends are converted.
        kind: Makes the machine; `Receiver` or its compiled twin.
    """

    def __init__(
        self,
        name: bytes,
        title: str,
        landing: Landing,
        patience: float,
        *,
        netascii: bool = False,
        kind: Callable[..., Receiver] = Receiver,
    ) -> None:
        self.title = title
        self._name = name
        self._landing = landing
        self._patience = patience
        self._netascii = netascii
        self._kind = kind
        self._receiver: Receiver | None = None

    def request(self, wishes: Wishes) -> ReadRequest:
        """See `exchange.Role`."""
        mode = b"netascii" if self._netascii else b"octet"
        return ReadRequest(self._name, mode, wishes.options())

    def opens(self, packet: Packet) -> bool:
        """See `exchange.Role`: DATA 1."""
        return isinstance(packet, Data) and packet.block == 1

    def machine(self, agreed: Agreed) -> Receiver:
        """See `exchange.Role`."""
        if agreed.tsize is not None and not self._netascii:
            try:
                self._landing.expect(agreed.tsize)
            except TreeError as error:
                raise NotKept(f"{self.title}: {error}") from None
        # What the compiled twin leaves to Python is rare.
        usual = not self._netascii and not agreed.negotiated.rollover
        self._receiver = (self._kind if usual else Receiver)(
            self._landing,
            agreed.negotiated,
            self._patience,
            netascii=self._netascii,
            proved=True,
        )
        return self._receiver

    def check(self, agreed: Agreed) -> None:
        """See `exchange.Role`: nothing else tells that a file was cut short."""
        told, came = agreed.tsize, self._landing.size
        # Some servers repeat the 0 that they were asked with, and mean nothing by it.
        if not told or self._netascii:
            return
        # dnsmasq tells sizes past 4 GiB without their upper half.
        if came in (told, told + (came >> 32 << 32)):
            return
        raise WrongContent(
            f"{self.title}: the server announced {told} bytes and sent {came}; "
            "did the file change meanwhile?"
        )

    def given_up(self, carried: int) -> str:
        """See `exchange.Role`."""
        return _SILENT.format(carried)

    def farewell(self) -> bytes | None:
        """See `exchange.Role`: the last ACK, where a block came twice or was missing."""
        receiver = self._receiver
        if receiver is None or not (receiver.gaps or receiver.retransmissions):
            return None
        return receiver.last_ack.encode()

"""What a carrier is given to do: a file to send or to receive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fastboot.arrival import Arrival
from fastboot.tree import Blob

from .blocks import Blocks, NetasciiBlocks, OctetBlocks
from .receive import Receiver
from .transfer import Outcome, Sender, Terms


class Machine(Protocol):
    """What a carrier keeps going: a sender or a receiver."""

    outcome: Outcome | None
    reason: str
    deadline: float | None
    retransmissions: int

    @property
    def confirmed(self) -> bool:
        """Whether the client has answered."""
        ...

    @property
    def acknowledged(self) -> int:
        """Bytes of the file that came across."""
        ...

    def start(self, now: float) -> list[bytes]:
        """The first packet."""
        ...

    def repeat(self, now: float) -> list[bytes]:
        """The first packet again, to a client that repeats its request."""
        ...

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """Take a datagram from the client."""
        ...

    def tick(self, now: float) -> list[bytes]:
        """Do what is due at `deadline`."""
        ...

    def close(self, reason: str) -> list[bytes]:
        """End it from our side; what is returned tells the client."""
        ...


class Job(NamedTuple):
    """What to send to whom.

    Attributes:
        blob: The content; whoever made the job closes it when the transfer has ended.
        terms: What the transfer is held to.
        netascii: Whether line ends are converted.
        came: The address of ours to answer from.
        mtu: Bytes of the longest packet on the interface it came by.
    """

    blob: Blob
    terms: Terms
    netascii: bool
    came: Arrival
    mtu: int = 1500

    @property
    def is_unusual(self) -> bool:
        """Whether it asks for what the machine in C does not know."""
        negotiated = self.terms.negotiated
        return self.netascii or negotiated.rollover != 0 or negotiated.msftwindow

    def machine(self) -> Machine:
        """The machine that does it, in Python."""
        kind = NetasciiBlocks if self.netascii else OctetBlocks
        blocks: Blocks = kind(self.blob, self.terms.negotiated.blksize)
        return Sender(blocks, self.terms)

    def wait(self) -> None:
        """The first packet is out: hold nothing for a client that may never answer."""
        if self.terms.negotiated.answer:
            self.blob.let_go()


@dataclass(frozen=True, slots=True)
class Taking:
    """What to receive from whom; the machine in C knows nothing of it.

    Attributes:
        receiver: The machine that does it.
        came: The address of ours to answer from.
    """

    receiver: Receiver
    came: Arrival

    @property
    def is_unusual(self) -> bool:
        """Always: it runs on the Python machine in both carriers."""
        return True

    def machine(self) -> Machine:
        """The machine that does it, in Python."""
        return self.receiver

    def wait(self) -> None:
        """The first packet is out; there is nothing to let go."""

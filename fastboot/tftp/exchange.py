"""A client's conversation with a server about one file, without sockets or clocks.

    start(now)                  -> parcels     the request
    receive(data, source, now)  -> parcels     what came, and from where
    tick(now)                   -> parcels     call when `deadline` is reached
    finished, failure                          how it ended

A parcel is a datagram and the address it goes to. What follows the server's first answer
is the business of the same machines that a server runs: who fetches a file receives, as
a server does that is sent one, and who sends a file is the sender. Only who speaks first
differs.

Rules, and where they come from:
1. The request is repeated, ever more slowly, until something comes (RFC 1123, section
   4.2.3.2).
2. The first answer tells the port that the server has chosen; what comes from elsewhere
   is no part of this and gets ERROR 5, a bounded number of times (RFC 1350, section 4).
   That answer must come from the address that was asked: who can only guess at our port
   cannot speak for the server.
3. An OACK that grants what was not asked for is answered with ERROR 8 (RFC 2347). A
   server that knows no options answers with DATA 1 or ACK 0, and none hold.
4. ERROR 8 in answer to options, or 4 of a server that knows none and takes such a
   request for malformed: it goes out once more, without any.
5. An OACK that comes again has not heard our answer to it, which is repeated.
6. Who has the whole file may leave. Where something was lost the last ACK may be as well:
   we wait a little, to repeat it (RFC 1350, section 6).
"""

from __future__ import annotations

from typing import Protocol

from fastboot.errors import (
    DecodeError,
    NoAnswer,
    NotKept,
    ServerRefused,
    TransferError,
    WrongAnswer,
)

from .job import Machine
from .options import Negotiated
from .packet import (
    Ack,
    Data,
    Error,
    ErrorCode,
    OptionAck,
    Packet,
    ReadRequest,
    WriteRequest,
    decode,
)
from .ports import Peer
from .strangers import UNKNOWN, Strangers
from .transfer import RTO_FIRST, RTO_MAX, Outcome
from .wishes import NOTHING, Agreed, Wishes, agree

LINGER = 1.5
"""Seconds to wait for a last block that comes again: more than a second, after which most
servers repeat it."""

Parcel = tuple[bytes, Peer]
"""A datagram and where it goes."""


class Role(Protocol):
    """What fetching and sending differ in."""

    title: str

    def request(self, wishes: Wishes) -> ReadRequest | WriteRequest:
        """The request with these wishes."""
        ...

    def opens(self, packet: Packet) -> bool:
        """Whether that is how a server begins that grants no options."""
        ...

    def machine(self, agreed: Agreed) -> Machine:
        """What does the rest; the server has answered it already."""
        ...

    def check(self, agreed: Agreed) -> None:
        """See that all is well, once the machine is done.

        Raises:
            TransferError: It is not.
        """

    def given_up(self, carried: int) -> str:
        """What is said where the server fell silent after so many bytes."""
        ...

    def farewell(self) -> bytes | None:
        """What to repeat when all is done; None: nothing was lost on the way."""


class Exchange:
    """One file on its way to or from a server.

    Args:
        role: Fetching or sending.
        server: The address and port that are asked.
        wishes: The options to ask for.
        patience: Seconds without progress after which it ends.

    Attributes:
        agreed: What holds; None until the server has answered.
        machine: What runs by it.
        failure: Why it failed, once it is over; None: all is well.
    """

    def __init__(
        self, role: Role, server: Peer, wishes: Wishes, patience: float
    ) -> None:
        self._role = role
        self._server = server
        self._wishes = wishes
        self._patience = patience
        self._request = b""
        self._wait = RTO_FIRST
        self._deadline: float | None = None
        self._give_up = 0.0
        self._strangers = Strangers()
        self._over = False
        self._farewell: bytes | None = None  # while we linger
        self.peer: Peer | None = None
        self.agreed: Agreed | None = None
        self.machine: Machine | None = None
        self.failure: TransferError | None = None

    @property
    def finished(self) -> bool:
        """Whether it is over; `failure` says how."""
        return self._over

    @property
    def complete(self) -> bool:
        """Whether the whole file came across; it may linger a little after that."""
        return (self._over or self._farewell is not None) and self.failure is None

    @property
    def carrying(self) -> bool:
        """Whether blocks come or go, and nothing else is to be done."""
        return not self._over and self.machine is not None and self._farewell is None

    @property
    def deadline(self) -> float | None:
        """When `tick` is to be called; None: never."""
        if self._over:
            return None
        if self.machine is None or self._farewell is not None:
            return self._deadline
        return self.machine.deadline

    @property
    def carried(self) -> int:
        """Bytes of the file that came across so far."""
        return self.machine.acknowledged if self.machine else 0

    def start(self, now: float) -> list[Parcel]:
        """The request."""
        self._give_up = now + self._patience
        return self._ask(now)

    def receive(self, data: bytes, source: Peer, now: float) -> list[Parcel]:
        """Take a datagram."""
        if self._over:
            return []
        if not self._is_server(source):
            return self._stray(data, source, now)
        try:
            packet = decode(data)
        except DecodeError:
            return []
        match packet:
            case Error(code, message):
                return self._refused(code, message, now)
            case OptionAck() if self.machine is None:
                return self._accept(packet, source, now)
            case OptionAck():
                return self._to_server(self._answered_again(now))
            case _ if self._farewell is not None:
                return self._to_server([self._farewell] * isinstance(packet, Data))
            case _ if self.machine is not None:
                return self._step(self.machine.receive(data, now), now)
            case _ if self._role.opens(packet):
                return self._begin(Agreed(), data, source, now)
            case _:
                return []

    def tick(self, now: float) -> list[Parcel]:
        """Do what is due; call it when `deadline` is reached."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return []
        if self._farewell is not None:
            self._over = True
            return []
        if self.machine is not None:
            return self._step(self.machine.tick(now), now)
        if now >= self._give_up:
            return self._fail(
                NoAnswer(
                    f"{self._role.title}: no answer within {self._patience:g} s; is a "
                    "TFTP server there, and does a firewall let its answers through?"
                )
            )
        self._wait = min(self._wait * 2, RTO_MAX)
        return self._ask(now)

    def went_on(self, packets: list[bytes], now: float) -> list[Parcel]:
        """Take note of what the machine did by itself, and wants sent besides."""
        return self._step(packets, now) if self.machine is not None else []

    def unreachable(self, reason: str) -> None:
        """The network says that the server cannot be reached, or does not listen."""
        if self.machine is None and not self._over:
            self._fail(
                NoAnswer(f"{self._role.title}: {reason}; is a TFTP server there?")
            )

    def close(self) -> list[Parcel]:
        """End it from our side; what is returned tells the server."""
        if self._over:
            return []
        done = self._farewell is not None
        self._over = True
        if done or self.machine is None:
            return []
        return self._to_server(self.machine.close("the client ended it"))

    def _ask(self, now: float) -> list[Parcel]:
        self._request = self._role.request(self._wishes).encode()
        self._deadline = now + self._wait
        return [(self._request, self._server)]

    def _is_server(self, source: Peer) -> bool:
        if self.peer is not None:
            return source[:2] == self.peer[:2]
        return source[0].partition("%")[0] == self._server[0].partition("%")[0]

    def _stray(self, data: bytes, source: Peer, now: float) -> list[Parcel]:
        if self._strangers.answered(data, source[1], now):
            return [(UNKNOWN, source)]
        return []

    def _to_server(self, packets: list[bytes]) -> list[Parcel]:
        return [(packet, self.peer or self._server) for packet in packets]

    def _accept(self, answer: OptionAck, source: Peer, now: float) -> list[Parcel]:
        asked = self._role.request(self._wishes).options
        try:
            agreed = agree(asked, answer)
        except WrongAnswer as error:
            self.peer = source
            parcels = self._tell(ErrorCode.OPTION_REFUSED, str(error))
            text = f"{self._role.title}: the server {error}; ask for other options"
            self._fail(WrongAnswer(text))
            return parcels
        return self._begin(agreed, b"", source, now)

    def _begin(
        self, agreed: Agreed, data: bytes, source: Peer, now: float
    ) -> list[Parcel]:
        """Go on with what holds; `data` is the answer where that is a packet of it."""
        self.peer = source
        self.agreed = agreed
        try:
            self.machine = self._role.machine(agreed)
        except TransferError as error:
            parcels = self._tell(ErrorCode.DISK_FULL, "no room for that file")
            self._fail(error)
            return parcels
        packets = self.machine.start(now)
        if data[:2] == b"\0\3":  # DATA 1 needs no ACK 0 before it
            packets = self.machine.receive(data, now)
        return self._step(packets, now)

    def _answered_again(self, now: float) -> list[bytes]:
        """What an OACK that comes again is answered with."""
        if self.machine is None or self._farewell is not None or self.carried:
            return []
        # A receiver has its ACK 0 to repeat; to a sender it is an ACK 0.
        return self.machine.repeat(now) or self.machine.receive(Ack(0).encode(), now)

    def _step(self, packets: list[bytes], now: float) -> list[Parcel]:
        """What the machine wants sent, and what becomes of us where it is over."""
        parcels = self._to_server(packets)
        machine = self.machine
        if machine is not None and machine.outcome and self._farewell is None:
            parcels += self._end(machine.outcome, machine.reason, now)
        return parcels

    def _end(self, outcome: Outcome, reason: str, now: float) -> list[Parcel]:
        """Take note of how the machine ended; what the server is told of that."""
        title, agreed = self._role.title, self.agreed or Agreed(Negotiated())
        match outcome:
            case Outcome.DONE:
                try:
                    self._role.check(agreed)
                except TransferError as error:
                    return self._fail(error)
                self._farewell = self._role.farewell()
                self._deadline = now + LINGER
                self._over = self._farewell is None
                return []
            case Outcome.UNREADABLE | Outcome.UNWRITABLE:
                return self._fail(NotKept(f"{title}: {reason}"))
            case Outcome.ABORTED:
                return self._fail(WrongAnswer(f"{title}: the server sent {reason}"))
            case _:
                self._fail(NoAnswer(f"{title}: {self._role.given_up(self.carried)}"))
                return self._tell(ErrorCode.NOT_DEFINED, "nothing came any more")

    def _refused(self, code: int, message: bytes, now: float) -> list[Parcel]:
        if self._farewell is not None:
            self._over = True
            return []
        asked = self._wishes.options()
        if code in _NO_OPTIONS and self.machine is None and asked:
            self._wishes = NOTHING
            self._wait = RTO_FIRST
            return self._ask(now)
        text = message[:200].decode("utf-8", "replace").strip() or "nothing more"
        hint = _HINTS.get(code, "")
        return self._fail(
            ServerRefused(
                f"{self._role.title}: the server says: {text} (error {code}{hint})",
                code,
            )
        )

    def _tell(self, code: ErrorCode, text: str) -> list[Parcel]:
        return self._to_server([Error(code, text.encode()).encode()])

    def _fail(self, failure: TransferError) -> list[Parcel]:
        self.failure = failure
        self._over = True
        return []


_NO_OPTIONS = (ErrorCode.OPTION_REFUSED, ErrorCode.ILLEGAL_OPERATION)

_HINTS: dict[int, str] = {
    ErrorCode.FILE_NOT_FOUND: ": no such file there; case counts",
    ErrorCode.ACCESS_VIOLATION: ": the server does not allow that",
    ErrorCode.DISK_FULL: ": the server has no room for it",
    ErrorCode.FILE_EXISTS: ": the server has a file of that name",
}
"""What the codes mean, for people; servers' own words are terse."""

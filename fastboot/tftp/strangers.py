"""Datagrams that belong to no transfer.

Who is told so (RFC 1350, section 4), and whose transfer was only given up too early.
"""

from __future__ import annotations

from collections import OrderedDict

from .packet import Ack, Error, ErrorCode
from .ports import Line

STRAY_ERRORS = 50
"""ERROR 5 sent in one second at the most, whoever asks."""

PRIVILEGED = 1024
"""No client has a port below it, but services have: what claims to come from there is
forged, to make two servers talk to each other (CVE-2024-2169)."""

UNKNOWN = Error(ErrorCode.UNKNOWN_TID, b"unknown transfer").encode()
"""What a stranger is told."""

UNHEARD_MAX = 1024
"""Requests remembered after nobody acknowledged the answer: as many as may be half open
at a time, so that forged ones take no more than that again."""

UNHEARD_FOR = 60.0
"""Seconds that they are: edk2 repeats an ACK for 24 s, U-Boot for 50 s."""

_FIRST_ACKS = (Ack(0).encode(), Ack(1).encode())
"""Of an OACK, and of DATA 1 where no options were granted."""

_OF_A_TRANSFER = (b"\0\3", b"\0\4", b"\0\6")  # DATA, ACK, OACK: never an ERROR


class Strangers:
    """Decides whether a stranger gets an answer."""

    def __init__(self) -> None:
        self._second = 0.0
        self._count = 0

    def answered(self, data: bytes, port: int, now: float) -> bool:
        """Whether to answer a datagram that was sent from `port`.

        Each time this says so it counts as done.
        """
        if data[:2] not in _OF_A_TRANSFER or port < PRIVILEGED:
            return False
        if now - self._second >= 1.0:
            self._second, self._count = now, 0
        self._count += 1
        return self._count <= STRAY_ERRORS


class Unheard:
    """Requests that were answered, and nobody said that the answer came.

    Where many packets get lost, all first ACKs of a client may, until its transfer is
    given up; it repeats that ACK, not the request, and ERROR 5 would end it. So the ACK
    is taken for the request, and costs whoever forges it no less than that would.

    >>> unheard, line = Unheard(), (7, ("192.0.2.1", 1024))
    >>> unheard.remember(line, b"the request", now=0.0)
    >>> unheard.meant(line, Ack(0).encode(), now=5.0)
    b'the request'
    >>> unheard.meant(line, Ack(9).encode(), now=5.0)
    """

    def __init__(self) -> None:
        self._requests: OrderedDict[Line, tuple[bytes, float]] = OrderedDict()

    def remember(self, line: Line, request: bytes, now: float) -> None:
        """A transfer was given up of which nothing was ever acknowledged."""
        self._requests[line] = (request, now + UNHEARD_FOR)
        self._requests.move_to_end(line)
        while len(self._requests) > UNHEARD_MAX or self._oldest_until() <= now:
            self._requests.popitem(last=False)

    def meant(self, line: Line, data: bytes, now: float) -> bytes | None:
        """The request that a datagram stands for; None where it stands for none."""
        if data not in _FIRST_ACKS or line not in self._requests:
            return None
        request, until = self._requests[line]
        return request if now < until else None

    def forget(self, line: Line) -> None:
        """A transfer begins there, whose own ACKs come."""
        self._requests.pop(line, None)

    def _oldest_until(self) -> float:
        return next(iter(self._requests.values()))[1]

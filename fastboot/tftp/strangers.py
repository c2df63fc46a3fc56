"""Datagrams that belong to no transfer: who is told so (RFC 1350, section 4)."""

from __future__ import annotations

from .packet import Error, ErrorCode

STRAY_ERRORS = 50
"""ERROR 5 sent in one second at the most, whoever asks."""

PRIVILEGED = 1024
"""No client has a port below it, but services have: what claims to come from there is
forged, to make two servers talk to each other (CVE-2024-2169)."""

UNKNOWN = Error(ErrorCode.UNKNOWN_TID, b"unknown transfer").encode()
"""What a stranger is told."""

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

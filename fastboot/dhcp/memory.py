"""What is remembered of machines between their messages: a bounded table."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

DUPLICATE = 2.0
"""Seconds within which a DISCOVER is the one before, come twice: EDK2 repeats after 4,
and relays and bridges duplicate within milliseconds."""

SAME_BOOT = 90.0
"""Seconds within which a DISCOVER belongs to the same attempt to boot: EDK2 asks for 60
seconds in all (4, 8, 16 and 32)."""

MACHINES_MAX = 4096
"""Machines that are remembered; the one longest unheard is forgotten."""


@dataclass(slots=True)
class _Attempt:
    """What is remembered of a UEFI machine: how it was answered and what it did."""

    direct: bool
    proved: bool  # it did what the offer told, so the dialect is right
    at: float


class Dialects:
    """Which of the two dialects each UEFI machine takes, learned from what it does.

    A machine that asks anew without having come to port 4011 did not take the offer of
    a boot server: it is answered directly, and so on in turn.
    """

    def __init__(self) -> None:
        self._attempts: OrderedDict[bytes, _Attempt] = OrderedDict()

    def is_direct(self, chaddr: bytes, now: float) -> bool:
        """Whether a UEFI machine that asks now is answered directly."""
        attempt = self._attempts.pop(chaddr, None)
        if attempt is None:
            attempt = _Attempt(direct=False, proved=False, at=now)
        elif now - attempt.at >= DUPLICATE:
            # Failed with a boot server: directly. Failed directly, and so soon that
            # it is no later boot of a machine that went well: the other way again.
            soon = now - attempt.at < SAME_BOOT
            if not attempt.proved and (not attempt.direct or soon):
                attempt.direct = not attempt.direct
            attempt.proved = False
            attempt.at = now
        self._attempts[chaddr] = attempt
        if len(self._attempts) > MACHINES_MAX:
            self._attempts.popitem(last=False)
        return attempt.direct

    def prove(self, chaddr: bytes) -> None:
        """Note that a machine did what its last offer told."""
        attempt = self._attempts.get(chaddr)
        if attempt is not None:
            attempt.proved = True


class Chained:
    """Which machines with an old iPXE were given a newer one, so that none goes round.

    A new one that cannot load by HTTP either asks as the old one did, but in another
    transaction.
    """

    def __init__(self) -> None:
        self._given: OrderedDict[bytes, tuple[int, float]] = OrderedDict()

    def was_given(self, chaddr: bytes, xid: int, now: float) -> bool:
        """Whether this is not the old iPXE; otherwise it is now taken to be given one."""
        given, at = self._given.get(chaddr, (xid, now))
        if given != xid and now - at < SAME_BOOT:
            return True
        self._given[chaddr] = (xid, now)
        self._given.move_to_end(chaddr)
        if len(self._given) > MACHINES_MAX:
            self._given.popitem(last=False)
        return False

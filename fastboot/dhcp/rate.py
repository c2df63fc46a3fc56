"""How often one party may be answered."""

from __future__ import annotations

from collections.abc import Hashable

from fastboot.rate import Rate

MACHINE_RATE = (4.0, 8.0, 4096)
"""Answers a second, burst, and machines remembered: firmware asks once a second at the
most, on each of its interfaces."""

RELAY_RATE = (256.0, 512.0, 256)
"""The same for each relay, behind which there may be a hall of machines, and which
anyone may claim to be: who is claimed gets the answers."""

RELAYS_RATE = (2000.0, 4000.0, 1)
"""The same for all such relays together."""

TOTAL_RATE = (20_000.0, 20_000.0, 1)
"""The same for all answers, however many addresses a flood invents: machines that are
left out ask again. It is more than a data centre that is switched on asks for, and what
one core sends."""


class Limits:
    """What may be sent: to each machine, to each relay, and in all.

    A machine's hardware address can be invented, so that each forged one has a full
    bucket; relays, which answers can be aimed at, and the whole are counted as well.

    Args:
        relays_known: Whether only relays that were named are answered; they may speak
            for any number of machines.
    """

    def __init__(self, *, relays_known: bool = False) -> None:
        self._relays_known = relays_known
        self._machines = Rate(*MACHINE_RATE)
        self._relays = Rate(*RELAY_RATE)
        self._all_relays = Rate(*RELAYS_RATE)
        self._total = Rate(*TOTAL_RATE)

    def allow(self, hearer: Hashable, now: float, *, relay: bool) -> bool:
        """Whether one more answer may go to `hearer`, and count it.

        Args:
            hearer: The relay's address as text; the machine's address, or its hardware
                address while it has no other.
            now: Seconds on a monotonic clock.
            relay: Whether it is a relay.
        """
        if not relay:
            allowed = self._machines.allow(hearer, now)
        elif self._relays_known:
            allowed = True
        else:
            allowed = self._relays.allow(hearer, now) and (
                self._all_relays.allow(None, now)
            )
        return allowed and self._total.allow(None, now)

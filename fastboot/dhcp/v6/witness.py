"""What is seen of a machine's boot in DHCPv6 messages, for those who follow it.

Other servers' answers go to their clients alone, so they are never heard. But what a
client says it says to everybody, also which address it was given: that is how a machine
that loads files over IPv6 is known for the one that asked.
"""

from __future__ import annotations

from ipaddress import IPv6Address

from fastboot.boot.machine import Machine
from fastboot.dhcp.outcome import silence_of
from fastboot.dhcp.witness import TOLD_A_SECOND, TOLD_AT_ONCE
from fastboot.errors import DecodeError
from fastboot.rate import Rate
from fastboot.seen import Asked, Holds

from .machine import read_machine
from .options import Association, Code
from .outcome import Origin, Outcome, Relays
from .packet import Kind, Message


class Witness:
    """Sees messages come and go, and tells of those of machines that boot."""

    def __init__(self) -> None:
        self._rate = Rate(TOLD_A_SECOND, TOLD_AT_ONCE, 1)

    def machine(
        self, message: Message, relays: Relays, origin: Origin, now: float
    ) -> Machine | None:
        """The machine that boots and asks; None if it is none, or one of too many.

        Args:
            message: What it sent.
            relays: The relays that it came through.
            origin: Where it came in.
            now: When, by a clock that only grows.
        """
        if message.option(Code.CLIENT_ARCHITECTURE) is None:
            return None
        if not self._rate.allow(None, now):
            return None
        try:
            return read_machine(message, relays, origin.peer)
        except DecodeError:
            return None

    def question(
        self,
        machine: Machine,
        message: Message,
        origin: Origin,
        outcome: Outcome,
    ) -> tuple[Asked | Holds, ...]:
        """What a machine's message tells.

        Args:
            machine: Who asks.
            message: What it sent.
            origin: Where it came in.
            outcome: What was decided about it.
        """
        held = _held(message)
        told = (Holds(machine.mac, held),) if held else ()
        if message.kind not in _BEGINS and not origin.boot_server:
            return told
        asked = Asked(
            mac=machine.mac,
            arch=machine.arch.words,
            firmware=machine.firmware.value,
            address="",
            boot_server=origin.boot_server,
            hears=False,
            silence=silence_of(outcome),
            protocol="dhcp6",
        )
        return (asked, *told)


_BEGINS = (Kind.SOLICIT, Kind.INFORMATION_REQUEST)
"""Messages that a boot begins with."""


def _held(message: Message) -> str:
    """The address that it names, as only who was offered it can; "" for none."""
    try:
        held = [
            address
            for code, value in message.options
            if code == Code.IA_NA
            for address in Association.decode(value).addresses
        ]
    except DecodeError:
        return ""
    return str(held[0]) if held and _may_be_its(held[0]) else ""


def _may_be_its(address: IPv6Address) -> bool:
    return not (address.is_multicast or address.is_loopback or address.is_unspecified)

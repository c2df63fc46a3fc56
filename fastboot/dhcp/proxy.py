"""Proxy DHCP: names boot files beside the network's own DHCP server.

A proxy never gives an address, so it can share a network with any DHCP server: it
answers PXE, HTTP boot and iPXE clients and is silent to everyone else. Two dialects
are in use (PXE specification 2.1, section 2.2):

- direct: the OFFER itself names the boot file, and option 43 says to load it at once.
  BIOS ROMs are answered so.
- by boot server: the OFFER has no option 43, and the client asks again on port 4011.
  Some UEFI firmware ignores direct offers while all take these; so UEFI is answered
  this way, and directly when it asks anew without having come to port 4011.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from fastboot.boot.choose import Answer, Missing, Site, choose
from fastboot.boot.machine import Firmware, Machine
from fastboot.errors import DecodeError
from fastboot.events import Conflict, Dropped, Event, Unbootable

from . import options
from .allow import EVERYONE, Allowed
from .machine import U_BOOT, read_machine
from .memory import Chained, Dialects
from .options import Code, MessageType
from .outcome import Ignored, Origin, Outcome
from .packet import BOOTREQUEST, UNSPECIFIED, Frame, mac_text
from .reply import Style, reply


@dataclass(frozen=True, slots=True)
class Plan:
    """What a machine is to load.

    Attributes:
        machine: The machine.
        answer: What it loads.
    """

    machine: Machine
    answer: Answer


class Proxy:
    """Answers boot clients; a `fastboot.dhcp.outcome.Decider`.

    Args:
        site: What there is to boot.
        allowed: The machines that may boot; all by default.
        relays: Where relays may be; empty for anywhere.
    """

    def __init__(
        self,
        site: Site,
        allowed: Allowed = EVERYONE,
        relays: Collection[IPv4Network] = (),
    ) -> None:
        self._site = site
        self._allowed = allowed
        self.relays = relays
        self._dialects = Dialects()
        self._chained = Chained()

    def receive(self, frame: Frame, origin: Origin, now: float) -> Outcome:
        """Decide about one message; see `Decider.receive`."""
        silence = _silence(frame, origin, self.relays)
        if silence is not None:
            return silence
        if (frame.option(Code.VENDOR_CLASS) or b"").startswith(U_BOOT):
            return Ignored("U-Boot heeds the server alone that gives it an address")
        plan = self.plan(frame, now)
        if not isinstance(plan, Plan):
            return plan
        machine = plan.machine
        if origin.boot_server and machine.firmware is Firmware.HTTP:
            return Ignored("HTTP boot has no boot server")  # nothing to answer with
        style = self._style(frame, origin, machine, now)
        return reply(frame, origin, machine, plan.answer, style)

    def plan(self, frame: Frame, now: float) -> Plan | Unbootable | Dropped | Ignored:
        """What the sender of a message is to load, whoever gives it its address."""
        try:
            machine = read_machine(frame)
        except DecodeError as error:
            return Dropped("dhcp", mac_text(frame.chaddr), str(error))
        if machine is None:
            return Ignored("no boot client")
        if not self._allowed.has(frame.chaddr, machine.number):
            return Ignored("not on the list of machines to boot", meant=True)
        chained = self._is_chained(frame, machine, now)
        answer = choose(machine, self._site, chained=chained)
        if isinstance(answer, Missing):
            return Unbootable(machine.mac, machine.arch.words, answer.reason)
        return Plan(machine, answer)

    @property
    def deadline(self) -> None:
        """See `Decider`: nothing is due unasked."""
        return None

    def settle(self, now: float, epoch: float) -> Iterable[Event]:
        """See `Decider`: an answer of a proxy promises nothing."""
        return ()

    def conflict(self, address: IPv4Address, now: float) -> Event:
        """See `Decider`: a proxy gives no address that could be in conflict."""
        return Conflict(str(address), "", "found it in use")

    def _is_chained(self, frame: Frame, machine: Machine, now: float) -> bool:
        if machine.firmware is not Firmware.IPXE or machine.ipxe_http:
            return False
        return self._chained.was_given(frame.chaddr, frame.xid, now)

    def _style(
        self, frame: Frame, origin: Origin, machine: Machine, now: float
    ) -> Style:
        """In which way the machine is answered."""
        if origin.boot_server:
            self._dialects.prove(frame.chaddr)
            return Style.QUESTION
        match machine.firmware:
            case Firmware.IPXE:
                self._dialects.prove(frame.chaddr)  # it was loaded, by whatever offer
                return Style.IPXE
            case Firmware.HTTP:
                return Style.HTTP
            case Firmware.RASPBERRY_PI:
                return Style.RASPBERRY_PI
        if machine.arch.platform != "efi":
            return Style.DIRECT
        direct = self._dialects.is_direct(frame.chaddr, now)
        return Style.DIRECT if direct else Style.BOOT_SERVER


def no_machine(frame: Frame, origin: Origin) -> Dropped | Ignored | None:
    """Why a message is no machine's question; None where it may be one."""
    if frame.op != BOOTREQUEST:
        return Ignored("a reply of another server")
    if frame.htype != 1 or len(frame.chaddr) != 6:
        kind = f"hardware type {frame.htype} with {len(frame.chaddr)} bytes"
        return Dropped("dhcp", origin.address, kind)
    if frame.chaddr[0] & 1 or not any(frame.chaddr):
        mac = mac_text(frame.chaddr)
        return Dropped("dhcp", mac, "the hardware address is no machine's")
    return None


def no_relay(
    frame: Frame, origin: Origin, relays: Collection[IPv4Network]
) -> Dropped | None:
    """Why a message came through no relay of ours; None where it may have, or had none.

    An answer goes to whatever address the message names as its relay.
    """
    relay, mac = frame.giaddr, mac_text(frame.chaddr)
    if relay == UNSPECIFIED:
        return None
    if relay == origin.server or relay.is_loopback or not _is_host(relay):
        return Dropped("dhcp", mac, f"{relay} cannot be a relay")
    if relays and not any(relay in network for network in relays):
        return Dropped("dhcp", mac, f"{relay} is none of the relays named")
    return None


def _silence(
    frame: Frame, origin: Origin, relays: Collection[IPv4Network]
) -> Dropped | Ignored | None:
    """Why a message gets no answer, whoever its sender is; None where it may get one."""
    silence = no_machine(frame, origin)
    if silence is not None:
        return silence
    mac = mac_text(frame.chaddr)
    if origin.boot_server:
        if frame.message_type not in (MessageType.REQUEST, MessageType.INFORM):
            return Ignored("no question to a boot server")
        if not _is_host(IPv4Address(origin.address)):
            return Dropped("dhcp", mac, f"sent from the address {origin.address}")
        # EDK2 asks from 4011 and iPXE from 68. Other low ports belong to services,
        # which an answer must not be aimed at.
        if origin.port < 1024 and origin.port not in (67, 68):
            return Dropped("dhcp", mac, f"sent from port {origin.port}")
    elif frame.message_type != MessageType.DISCOVER:
        return Ignored("a message for the DHCP server")
    elif (silence := no_relay(frame, origin, relays)) is not None:
        return silence
    named = options.address(frame.options, Code.SERVER_IDENTIFIER)
    if named not in (None, origin.server):
        return Ignored("a message for another server")
    return None


def _is_host(address: IPv4Address) -> bool:
    """Whether this can be one machine's address: not 0/8, multicast or broadcast."""
    return 1 <= address.packed[0] <= 223

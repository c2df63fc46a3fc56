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

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Address

from fastboot.boot.choose import Missing, Site, choose
from fastboot.boot.machine import Firmware, Machine, printable
from fastboot.errors import DecodeError
from fastboot.events import Dropped, Unbootable

from . import options, pxe
from .options import Code, MessageType
from .packet import BOOTREQUEST, UNSPECIFIED, Frame, mac_text
from .reply import Origin, Reply, reply

DUPLICATE = 2.0
"""Seconds within which a DISCOVER is the one before, come twice: EDK2 repeats after 4,
and relays and bridges duplicate within milliseconds."""

SAME_BOOT = 90.0
"""Seconds within which a DISCOVER belongs to the same attempt to boot: EDK2 asks for 60
seconds in all (4, 8, 16 and 32)."""

MACHINES_MAX = 4096
"""UEFI machines whose dialect is remembered; the one longest unheard is forgotten."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that is none of a boot proxy's business, as most on a network are.

    Attributes:
        reason: Why, in words.
    """

    reason: str


Outcome = Reply | Unbootable | Dropped | Ignored
"""What comes of one message: an answer, or one of three kinds of silence."""


@dataclass(slots=True)
class _Attempt:
    """What is remembered of a UEFI machine: how it was answered and what it did."""

    direct: bool
    proved: bool  # it did what the offer told, so the dialect is right
    at: float


class Proxy:
    """Answers boot clients; holds nothing but which dialect each UEFI machine takes.

    Args:
        site: What there is to boot.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._attempts: OrderedDict[bytes, _Attempt] = OrderedDict()

    def receive(self, frame: Frame, origin: Origin, now: float) -> Outcome:
        """Decide about one message.

        Args:
            frame: The message.
            origin: Where it came in.
            now: Seconds on the caller's monotonic clock.
        """
        silence = _silence(frame, origin)
        if silence is not None:
            return silence
        try:
            machine = read_machine(frame)
        except DecodeError as error:
            return Dropped("dhcp", mac_text(frame.chaddr), str(error))
        if machine is None:
            return Ignored("no boot client")
        if origin.boot_server and machine.firmware is Firmware.HTTP:
            return Ignored("HTTP boot has no boot server")  # nothing to answer with
        answer = choose(machine, self._site)
        if isinstance(answer, Missing):
            return Unbootable(machine.mac, machine.arch.words, answer.reason)
        vendor = self._option_43(frame, origin, machine, now)
        return reply(frame, origin, machine, answer, vendor)

    def _option_43(
        self, frame: Frame, origin: Origin, machine: Machine, now: float
    ) -> bytes | None:
        """What the reply's option 43 says; None where it has none."""
        if origin.boot_server:
            self._prove(frame.chaddr)
            return _boot_item(frame)
        if machine.firmware is Firmware.IPXE:
            # It goes by siaddr and file; and that it runs proves what was loaded before.
            self._prove(frame.chaddr)
            return None
        if machine.firmware is Firmware.HTTP:
            return None
        if machine.arch.platform == "efi" and not self._is_direct(frame.chaddr, now):
            return None
        return pxe.BOOT_NOW

    def _is_direct(self, chaddr: bytes, now: float) -> bool:
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

    def _prove(self, chaddr: bytes) -> None:
        attempt = self._attempts.get(chaddr)
        if attempt is not None:
            attempt.proved = True


def _silence(frame: Frame, origin: Origin) -> Dropped | Ignored | None:
    """Why a message gets no answer, whoever its sender is; None where it may get one."""
    if frame.op != BOOTREQUEST:
        return Ignored("a reply of another server")
    if frame.htype != 1 or len(frame.chaddr) != 6:
        kind = f"hardware type {frame.htype} with {len(frame.chaddr)} bytes"
        return Dropped("dhcp", origin.address, kind)
    mac = mac_text(frame.chaddr)
    if frame.chaddr[0] & 1 or not any(frame.chaddr):
        return Dropped("dhcp", mac, "the hardware address is no machine's")
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
    elif frame.giaddr != UNSPECIFIED and (
        frame.giaddr == origin.server
        or frame.giaddr.is_loopback
        or not _is_host(frame.giaddr)
    ):
        return Dropped("dhcp", mac, f"{frame.giaddr} cannot be a relay")
    named = options.address(frame.options, Code.SERVER_IDENTIFIER)
    if named not in (None, origin.server):
        return Ignored("a message for another server")
    return None


def _is_host(address: IPv4Address) -> bool:
    """Whether this can be one machine's address: not 0/8, multicast or broadcast."""
    return 1 <= address.packed[0] <= 223


def read_machine(frame: Frame) -> Machine | None:
    """The facts that a boot client tells about itself; None if it is none.

    A boot client says "PXEClient" or "HTTPClient" in option 60, and its architecture
    there or in option 93. What only begins like one (a server's own "PXEClient", a
    U-Boot that boots another way) is left alone.

    Raises:
        DecodeError: An option that matters is malformed.
    """
    vendor_text = frame.option(Code.VENDOR_CLASS) or b""
    vendor = pxe.vendor_class(vendor_text)
    if vendor is None:
        return None
    codes = pxe.architectures(frame.option(Code.CLIENT_ARCHITECTURE) or b"")
    if not codes:
        if vendor.architecture is None:
            return None
        codes = (vendor.architecture,)
    classes = pxe.user_classes(frame.option(Code.USER_CLASS) or b"")
    features = frame.option(Code.IPXE)
    firmware = Firmware.PXE
    if b"iPXE" in classes or features is not None:
        firmware = Firmware.IPXE
    elif vendor.client == pxe.HTTP_CLIENT:
        firmware = Firmware.HTTP
    return Machine(
        mac=mac_text(frame.chaddr),
        codes=codes,
        firmware=firmware,
        uuid=pxe.machine_uuid(frame.option(Code.CLIENT_MACHINE) or b""),
        vendor_class=printable(vendor_text),
        user_class=printable(b" ".join(classes)),
        ipxe_http=pxe.Feature.HTTP in pxe.ipxe_features(features or b""),
    )


def _boot_item(frame: Frame) -> bytes | None:
    """Option 43 of an ACK: the item that was asked for, said back (PXE 2.1, 2.2.3)."""
    item = pxe.boot_item(frame.option(Code.VENDOR_SPECIFIC) or b"")
    if item is None:
        return None
    return pxe.encode_suboptions(((pxe.Sub.BOOT_ITEM, item),))

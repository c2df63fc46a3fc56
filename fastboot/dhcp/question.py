"""What a client of the lease server asks: the facts in a message that leases turn on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from fastboot.errors import DecodeError

from . import options, pxe
from .options import Code, MessageType, Options, decode_area, get
from .outcome import Origin
from .packet import UNSPECIFIED, Frame, mac_text
from .subnet import Reservation, Subnet

LINK_SELECTION = 5
"""Sub-option of option 82 by which a relay names the client's subnet (RFC 3527)."""

HOSTNAME_MAX = 63
"""Characters of a host's name (RFC 1034, section 3.1)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A message to the lease server, read.

    Attributes:
        frame: The message.
        origin: Where it came in.
        now: When, seconds on the caller's monotonic clock.
        subnet: The subnet that the client is in.
        reserved: What is reserved for it there, if anything.
        client: Who it is to us: option 61, or hardware type and address.
        wish: The address that it asks for, option 50.
        server: The server that it speaks to, option 54.
        seconds: The lease time that it asks for, option 51.
        hostname: The name that it gives itself; "" for none, or for one that may not go
            into a table or a log.
    """

    frame: Frame
    origin: Origin
    now: float
    subnet: Subnet
    reserved: Reservation | None
    client: bytes
    wish: IPv4Address | None
    server: IPv4Address | None
    seconds: int | None
    hostname: str

    @property
    def mac(self) -> str:
        """The client's hardware address, for people."""
        return mac_text(self.frame.chaddr)

    @property
    def told(self) -> Options:
        """What settings tell this client: its own before the subnet's."""
        if self.reserved is None or not self.reserved.options:
            return self.subnet.options
        told = {**dict(self.subnet.options), **dict(self.reserved.options)}
        return tuple(told.items())


def read_question(frame: Frame, origin: Origin, subnet: Subnet, now: float) -> Question:
    """The facts in a message; what is malformed counts as not said."""
    identifier = frame.option(Code.CLIENT_IDENTIFIER)
    if identifier is not None and len(identifier) < 2:  # RFC 2132, section 9.14
        identifier = None
    machine = pxe.machine_number(frame.option(Code.CLIENT_MACHINE) or b"")
    return Question(
        frame=frame,
        origin=origin,
        now=now,
        subnet=subnet,
        reserved=subnet.reservation(frame.chaddr, identifier, machine),
        client=identifier or bytes((frame.htype,)) + frame.chaddr,
        wish=options.address(frame.options, Code.REQUESTED_ADDRESS),
        server=options.address(frame.options, Code.SERVER_IDENTIFIER),
        seconds=options.number(frame.options, Code.LEASE_TIME, 4),
        hostname=_hostname(frame.option(Code.HOST_NAME) or b""),
    )


def _hostname(value: bytes) -> str:
    text = value.rstrip(b"\0").decode("ascii", "replace")
    bare = text.replace("-", "").replace(".", "").replace("_", "")
    fine = bare.isascii() and bare.isalnum() and len(text) <= HOSTNAME_MAX
    return text if fine else ""


def find_subnet(
    frame: Frame, origin: Origin, subnets: Sequence[Subnet]
) -> Subnet | None:
    """The subnet that a client is in; None where it is none of ours.

    A relay says it (RFC 3527, section 3), else the client (RFC 3011, section 3), else
    the relay's address or the client's own show it, else the interface that the message
    came in by (RFC 2131, section 4.3.1).
    """
    named = _link(frame) or options.address(frame.options, Code.SUBNET_SELECTION)
    if named is None:
        # A DISCOVER has no ciaddr (table 5), whatever stands in that field.
        own = frame.message_type != MessageType.DISCOVER
        shown = (frame.giaddr, frame.ciaddr if own else UNSPECIFIED)
        named = next((item for item in shown if item != UNSPECIFIED), origin.server)
    return next((subnet for subnet in subnets if named in subnet.network), None)


def _link(frame: Frame) -> IPv4Address | None:
    relayed = frame.option(Code.RELAY_AGENT_INFORMATION)
    if relayed is None or frame.giaddr == UNSPECIFIED:
        return None
    try:
        value = get(decode_area(relayed), LINK_SELECTION)
    except DecodeError:
        return None
    return IPv4Address(value) if value is not None and len(value) == 4 else None

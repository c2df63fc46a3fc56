"""The OFFER or ACK that names a boot file, byte for byte as firmware wants it.

Server and boot file are named in every place where some client looks: EDK2 reads option
67 before `file`, iPXE and shim read `file`, GRUB nothing else; iPXE takes no offer whose
siaddr is zero.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from ipaddress import IPv4Address

from fastboot.boot.choose import Answer
from fastboot.boot.machine import Firmware, Machine
from fastboot.events import Offered, Unbootable

from . import options, pxe
from .options import Code, MessageType
from .packet import BOOTREPLY, UNSPECIFIED, Frame

BROADCAST = ("255.255.255.255", 68)
"""Where a client without an address hears us (RFC 2131, section 4.1)."""

RELAY_PORT = 67
"""Where a relay takes replies (RFC 2131, section 4.1)."""

PACKET_MIN = 576
"""Bytes of an IP packet that every client takes (RFC 2131, section 2), and the least
that option 57 may say: smaller values are raised to it, not obeyed (CVE-2007-5365)."""

PACKET_MAX = 1500
"""Bytes of the longest IP packet sent: EDK2 drops offers that are longer, and says 65280
in option 57 all the same."""

HEADERS = 28
"""Bytes of the IPv4 and UDP headers within such a packet."""

FILE_MAX = 127
"""Bytes of a name in the `file` field, which ends with NUL; a longer one (a URL) goes
into option 67 alone."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came in.

    Attributes:
        server: Our address on that interface, which the answer names.
        boot_server: Whether it came to port 4011, not 67.
        address: The sender's address.
        port: The sender's port.
    """

    server: IPv4Address
    boot_server: bool = False
    address: str = "0.0.0.0"  # noqa: S104 (a client without an address)
    port: int = 68


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send.

    Attributes:
        data: The message.
        to: The address and port to send it to; `BROADCAST` means the interface that
            the request came in by.
        event: What to report once it is sent.
    """

    data: bytes
    to: tuple[str, int]
    event: Offered


def reply(
    request: Frame,
    origin: Origin,
    machine: Machine,
    answer: Answer,
    vendor: bytes | None,
) -> Reply | Unbootable:
    """The answer to `request`: OFFER to a DISCOVER, ACK to a question on port 4011.

    Args:
        request: What was asked.
        origin: Where it came in.
        machine: Who asks.
        answer: What it is to load.
        vendor: Option 43's value; None for no such option.

    Returns:
        The reply; or that the name does not fit into what the client can take.
    """
    server = str(origin.server)
    location = answer.location(server)
    file = location.encode("utf-8", "surrogateescape")
    kind = MessageType.ACK if origin.boot_server else MessageType.OFFER
    frame = Frame(
        op=BOOTREPLY,
        xid=request.xid,
        chaddr=request.chaddr,
        flags=request.flags,
        # Some clients take a ciaddr in an OFFER for the address offered.
        ciaddr=request.ciaddr if origin.boot_server else UNSPECIFIED,
        siaddr=origin.server,
        giaddr=request.giaddr,
        sname=server.encode(),
        file=file if len(file) <= FILE_MAX else b"",
        options=_options(request, origin, kind, machine, vendor, file),
    )
    data = _fit(frame, _limit(request))
    if data is None:
        reason = f"the boot file's name is too long for a DHCP message: {location}"
        return Unbootable(machine.mac, machine.arch.words, reason)
    words, message = machine.arch.words, kind.name.lower()
    event = Offered(machine.mac, words, location, server, message)
    return Reply(data, _destination(request, origin), event)


def _options(
    request: Frame,
    origin: Origin,
    kind: MessageType,
    machine: Machine,
    vendor: bytes | None,
    file: bytes,
) -> options.Options:
    """A reply's options: short ones before strings, the relay's own at the end."""
    http = machine.firmware is Firmware.HTTP
    machine_id = request.option(Code.CLIENT_MACHINE) or b""
    chosen = (
        (Code.MESSAGE_TYPE, bytes((kind,))),
        (Code.SERVER_IDENTIFIER, origin.server.packed),
        (Code.VENDOR_CLASS, pxe.HTTP_CLIENT if http else pxe.PXE_CLIENT),
        (Code.CLIENT_MACHINE, machine_id if len(machine_id) == 17 else None),
        (Code.VENDOR_SPECIFIC, vendor),
        # Both end with NUL within their length: some clients run on to the next byte,
        # and EDK2 itself writes the NUL there.
        (Code.TFTP_SERVER_NAME, str(origin.server).encode() + b"\0"),
        (Code.BOOTFILE_NAME, file + b"\0"),
        (
            Code.RELAY_AGENT_INFORMATION,
            request.option(Code.RELAY_AGENT_INFORMATION),
        ),
    )
    return tuple((int(code), value) for code, value in chosen if value)


def _limit(request: Frame) -> int:
    """Bytes that a reply may have (RFC 2132, section 9.10, read as an IP packet's)."""
    size = options.number(request.options, Code.MAX_MESSAGE_SIZE, 2) or PACKET_MIN
    return max(PACKET_MIN, min(size, PACKET_MAX)) - HEADERS


def _fit(frame: Frame, limit: int) -> bytes | None:
    """The message in `limit` bytes, without what matters least if it must be so."""
    droppable = [
        Code.RELAY_AGENT_INFORMATION,
        Code.TFTP_SERVER_NAME,
        Code.CLIENT_MACHINE,
    ]
    while True:
        try:
            return frame.encode(limit)
        except ValueError:
            if not droppable:
                return None
            frame = _without(frame, droppable.pop(0))


def _without(frame: Frame, code: int) -> Frame:
    kept = tuple(item for item in frame.options if item[0] != code)
    return dataclasses.replace(frame, options=kept)


def _destination(request: Frame, origin: Origin) -> tuple[str, int]:
    if origin.boot_server:
        return (origin.address, origin.port)
    if request.giaddr != UNSPECIFIED:
        return (str(request.giaddr), RELAY_PORT)
    return BROADCAST

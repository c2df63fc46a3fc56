"""The OFFER or ACK that names a boot file, byte for byte as firmware wants it.

Server and boot file are named in every place where some client looks: EDK2 reads option
67 before `file`, iPXE and shim read `file`, GRUB nothing else; iPXE takes no offer whose
siaddr is zero.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address

from fastboot.boot.choose import Answer
from fastboot.boot.machine import Machine
from fastboot.events import Offered, Unbootable

from . import options, pxe
from .options import Code, MessageType
from .outcome import BROADCAST, Origin, Reply
from .packet import BOOTREPLY, BROADCAST_FLAG, UNSPECIFIED, Frame

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


class Style(Enum):
    """The ways in which boot clients want to be answered."""

    DIRECT = "direct"
    """The OFFER names the file, and says to load it at once."""

    BOOT_SERVER = "boot server"
    """The OFFER makes the client ask again on port 4011."""

    QUESTION = "question"
    """The answer to that question."""

    HTTP = "HTTP boot"
    """UEFI's HTTP boot: a URL, and nothing of PXE's."""

    IPXE = "iPXE"
    """It goes by siaddr and `file`, never gets a menu, and is told to prefer ours."""

    RASPBERRY_PI = "Raspberry Pi"
    """It looks for its own name in the menu of option 43, and asks for its own files."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is particular to a style.

    Attributes:
        vendor_class: Option 60. Clients pair what they asked as with what they are told;
            EDK2 takes a proxy that says nothing for a broken one.
        vendor_options: Option 43; None: it is left out.
        nul: Whether option 66 ends with NUL. Most clients run on to the next byte if it
            does not; a Raspberry Pi is said not to find its server if it does.
        ipxe: Option 175; None: it is left out.
    """

    vendor_class: bytes
    vendor_options: bytes | None = None
    nul: bool = True
    ipxe: bytes | None = None


RECIPES = {
    Style.DIRECT: Recipe(pxe.PXE_CLIENT, pxe.BOOT_NOW),
    Style.BOOT_SERVER: Recipe(pxe.PXE_CLIENT),
    Style.QUESTION: Recipe(pxe.PXE_CLIENT),  # and the boot item that was asked for
    Style.HTTP: Recipe(pxe.HTTP_CLIENT),
    Style.IPXE: Recipe(pxe.PXE_CLIENT, ipxe=pxe.IPXE_PRIORITY),
    Style.RASPBERRY_PI: Recipe(pxe.PXE_CLIENT, pxe.RASPBERRY_PI_BOOT, nul=False),
}
"""The recipe of each style."""


def reply(
    request: Frame,
    origin: Origin,
    machine: Machine,
    answer: Answer,
    style: Style,
) -> Reply | Unbootable:
    """The answer to `request`: OFFER to a DISCOVER, ACK to a question on port 4011.

    Args:
        request: What was asked.
        origin: Where it came in.
        machine: Who asks.
        answer: What it is to load.
        style: In which way it is told.

    Returns:
        The reply; or that the name does not fit into what the client can take.
    """
    server = _text(origin.server)
    location = _location(answer, server)
    file = location.encode("utf-8", "surrogateescape")
    kind = MessageType.ACK if origin.boot_server else MessageType.OFFER
    frame = Frame(
        op=BOOTREPLY,
        xid=request.xid,
        chaddr=request.chaddr,
        flags=request.flags | (BROADCAST_FLAG if _is_relayed(request, origin) else 0),
        # Some clients take a ciaddr in an OFFER for the address offered.
        ciaddr=request.ciaddr if origin.boot_server else UNSPECIFIED,
        siaddr=origin.server,
        giaddr=request.giaddr,
        sname=server.encode(),
        file=file if len(file) <= FILE_MAX else b"",
        options=_options(request, origin, kind, style, file),
    )
    data = _fit(frame, limit(request))
    if data is None:
        reason = f"the boot file's name is too long for a DHCP message: {location}"
        return Unbootable(machine.mac, machine.arch.words, reason)
    words, message = machine.arch.words, kind.name.lower()
    event = Offered(machine.mac, words, location, server, message)
    return Reply(data, _destination(request, origin), event)


_text = lru_cache(256)(str)
"""Our addresses as text."""


@lru_cache(256)
def _location(answer: Answer, server: str) -> str:
    return answer.location(server)


def _options(
    request: Frame, origin: Origin, kind: MessageType, style: Style, file: bytes
) -> options.Options:
    """A reply's options: short ones before strings, the relay's own at the end."""
    first, last = _same_for_all(origin.server, kind, style, file)
    machine_id = request.option(_MACHINE)
    if machine_id is not None and len(machine_id) == 17:
        first += ((_MACHINE, machine_id),)
    if style is Style.QUESTION:
        item = _boot_item(request)
        if item is not None:
            first += ((_VENDOR, item),)
    info = request.option(_RELAY)
    return (*first, *last, (_RELAY, info)) if info else first + last


_MACHINE, _VENDOR = int(Code.CLIENT_MACHINE), int(Code.VENDOR_SPECIFIC)
_RELAY = int(Code.RELAY_AGENT_INFORMATION)


@lru_cache(256)
def _same_for_all(
    server: IPv4Address, kind: MessageType, style: Style, file: bytes
) -> tuple[options.Options, options.Options]:
    """The options that do not depend on who asks, before those that do and after."""
    recipe = RECIPES[style]
    name = str(server).encode()
    first = (
        (Code.MESSAGE_TYPE, bytes((kind,))),
        (Code.SERVER_IDENTIFIER, server.packed),
        (Code.VENDOR_CLASS, recipe.vendor_class),
    )
    last = (
        (Code.VENDOR_SPECIFIC, recipe.vendor_options),
        (Code.IPXE, recipe.ipxe),
        (Code.TFTP_SERVER_NAME, name + b"\0" if recipe.nul else name),
        # It ends with NUL within its length: some clients run on to the next byte, and
        # EDK2 itself writes the NUL there.
        (Code.BOOTFILE_NAME, file + b"\0" if file else None),
    )
    return (
        tuple((int(code), value) for code, value in first),
        tuple((int(code), value) for code, value in last if value),
    )


def _boot_item(request: Frame) -> bytes | None:
    """Option 43 of an ACK: the item that was asked for, said back (PXE 2.1, 2.2.3)."""
    item = pxe.boot_item(request.option(Code.VENDOR_SPECIFIC) or b"")
    if item is None:
        return None
    return pxe.encode_suboptions(((pxe.Sub.BOOT_ITEM, item),))


def limit(request: Frame) -> int:
    """Bytes that a reply may have (RFC 2132, section 9.10, read as an IP packet's)."""
    size = options.number(request.options, Code.MAX_MESSAGE_SIZE, 2) or PACKET_MIN
    return max(PACKET_MIN, min(size, PACKET_MAX)) - HEADERS


def _fit(frame: Frame, most: int) -> bytes | None:
    """The message in `most` bytes, without what matters least if it must be so."""
    droppable = [
        Code.RELAY_AGENT_INFORMATION,
        Code.TFTP_SERVER_NAME,
        Code.CLIENT_MACHINE,
    ]
    while True:
        try:
            return frame.encode(most)
        except ValueError:
            if not droppable:
                return None
            frame = _without(frame, droppable.pop(0))


def _without(frame: Frame, code: int) -> Frame:
    kept = tuple(item for item in frame.options if item[0] != code)
    return dataclasses.replace(frame, options=kept)


def _is_relayed(request: Frame, origin: Origin) -> bool:
    """Whether a relay passes the answer on.

    It is told to broadcast it, as a NAK is (RFC 2131, section 4.3.2): it would send it
    to yiaddr otherwise, which a proxy leaves empty.
    """
    return request.giaddr != UNSPECIFIED and not origin.boot_server


def _destination(request: Frame, origin: Origin) -> tuple[str, int]:
    if origin.boot_server:
        return (origin.address, origin.port)
    if _is_relayed(request, origin):
        return (str(request.giaddr), RELAY_PORT)
    return BROADCAST

"""The OFFER, ACK and NAK of a server that gives addresses, byte for byte.

RFC 2131, section 4.3.1, table 3. What boot clients need besides is that of `reply`: the
server's address and the boot file in every place where some client looks.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address

from fastboot.boot.choose import Answer

from .options import Code, MessageType, Options
from .outcome import BROADCAST, Origin
from .packet import BOOTREPLY, BROADCAST_FLAG, UNSPECIFIED, Frame
from .reply import FILE_MAX, RECIPES, RELAY_PORT, Style, limit

text = lru_cache(1024)(str)
"""An address in words; the same few servers, relays and clients come again and again."""

CLIENT_PORT = 68
"""Where a client takes replies (RFC 2131, section 4.1)."""

NEEDED = frozenset(
    {
        *(Code.MESSAGE_TYPE, Code.SERVER_IDENTIFIER, Code.LEASE_TIME),
        *(Code.SUBNET_MASK, Code.VENDOR_CLASS, Code.VENDOR_SPECIFIC),
        *(Code.BOOTFILE_NAME, Code.CLIENT_IDENTIFIER),
    }
)
"""Options that a message is of no use without."""


@dataclass(frozen=True, slots=True)
class Boot:
    """What a boot client is told to load.

    Attributes:
        answer: The file.
        style: In which way it is told; None for one that heeds siaddr and `file` alone.
    """

    answer: Answer
    style: Style | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a client is given with its address.

    Attributes:
        options: What the settings tell it.
        seconds: How long the lease lasts; None where no lease is given (INFORM).
        boot: What it loads, if it boots from the network.
    """

    options: Options
    seconds: int | None = None
    boot: Boot | None = None


def grant(
    request: Frame,
    origin: Origin,
    kind: MessageType,
    address: IPv4Address,
    terms: Terms,
) -> bytes | None:
    """An OFFER or ACK; None if it cannot be written so that the client takes it.

    Args:
        request: What is answered.
        origin: Where it came in.
        kind: OFFER or ACK.
        address: What it is given: yiaddr.
        terms: And what with it.
    """
    server, file = text(origin.server), b""
    if terms.boot is not None:
        location = terms.boot.answer.location(server)
        file = location.encode("utf-8", "surrogateescape")
    frame = Frame(
        op=BOOTREPLY,
        xid=request.xid,
        chaddr=request.chaddr,
        flags=request.flags,
        ciaddr=request.ciaddr if kind is MessageType.ACK else UNSPECIFIED,
        yiaddr=address,
        siaddr=origin.server if terms.boot else UNSPECIFIED,
        giaddr=request.giaddr,
        sname=server.encode() if terms.boot else b"",
        file=file if len(file) <= FILE_MAX else b"",
        options=_options(request, origin, kind, terms, file),
    )
    return _fit(frame, request)


def refuse(request: Frame, origin: Origin, reason: str) -> bytes:
    """A NAK (RFC 2131, table 3): nothing but who says no, and why."""
    flags = request.flags
    if request.giaddr != UNSPECIFIED:
        flags |= BROADCAST_FLAG  # section 4.3.2: the client may have a wrong address
    chosen = (
        (Code.MESSAGE_TYPE, bytes((MessageType.NAK,))),
        (Code.SERVER_IDENTIFIER, origin.server.packed),
        (Code.MESSAGE, reason.encode()),
        *_echoed(request),
    )
    return Frame(
        op=BOOTREPLY,
        xid=request.xid,
        chaddr=request.chaddr,
        flags=flags,
        giaddr=request.giaddr,
        options=tuple((int(code), value) for code, value in chosen),
    ).encode()


def destination(request: Frame, kind: MessageType) -> tuple[str, int]:
    """Where a reply goes (RFC 2131, section 4.1).

    A client without an address that can take unicast is answered by broadcast as well,
    as the section allows: who would be asked for its hardware address does not know
    yet that it has one.
    """
    if request.giaddr != UNSPECIFIED:
        return (text(request.giaddr), RELAY_PORT)
    if kind is MessageType.ACK and request.ciaddr != UNSPECIFIED:
        return (text(request.ciaddr), CLIENT_PORT)
    return BROADCAST


def _options(
    request: Frame, origin: Origin, kind: MessageType, terms: Terms, file: bytes
) -> Options:
    """A reply's options, each once: short ones before strings, the relay's at the end."""
    chosen: dict[int, bytes] = {
        Code.MESSAGE_TYPE: bytes((kind,)),
        Code.SERVER_IDENTIFIER: origin.server.packed,
    }
    if terms.seconds is not None:
        # Half and seven eighths of the lease: RFC 2131, section 4.4.5.
        chosen[Code.LEASE_TIME] = terms.seconds.to_bytes(4, "big")
        chosen[Code.RENEWAL_TIME] = (terms.seconds // 2).to_bytes(4, "big")
        chosen[Code.REBINDING_TIME] = (terms.seconds * 7 // 8).to_bytes(4, "big")
    if terms.boot is not None:
        chosen.update(_boot_options(request, origin, terms.boot, file))
    wanted = request.option(Code.PARAMETER_REQUEST_LIST) or b""
    told = dict(terms.options)
    # In the order in which the client asks for them, as RFC 2132, section 9.8, likes it.
    for code in (*wanted, *told):
        if code in told:
            chosen.setdefault(code, told[code])
    chosen.update(_echoed(request))
    return tuple((int(code), value) for code, value in chosen.items())


def _boot_options(
    request: Frame, origin: Origin, boot: Boot, file: bytes
) -> dict[int, bytes]:
    server = text(origin.server).encode()
    if boot.style is None:
        return {Code.TFTP_SERVER_NAME: server, Code.BOOTFILE_NAME: file}
    recipe = RECIPES[boot.style]
    machine_id = request.option(Code.CLIENT_MACHINE) or b""
    chosen = {
        Code.VENDOR_CLASS: recipe.vendor_class,
        Code.CLIENT_MACHINE: machine_id if len(machine_id) == 17 else b"",
        Code.VENDOR_SPECIFIC: recipe.vendor_options or b"",
        Code.TFTP_SERVER_NAME: server + (b"\0" if recipe.nul else b""),
        Code.BOOTFILE_NAME: file + b"\0" if file else b"",
    }
    return {code: value for code, value in chosen.items() if value}


def _echoed(request: Frame) -> list[tuple[int, bytes]]:
    """What is said back as it came: RFC 6842, RFC 3011 and RFC 3046, each section 3 or 2."""
    echoed = (
        Code.CLIENT_IDENTIFIER,
        Code.SUBNET_SELECTION,
        Code.RELAY_AGENT_INFORMATION,
    )
    values = ((int(code), request.option(code)) for code in echoed)
    return [(code, value) for code, value in values if value]


def _fit(frame: Frame, request: Frame) -> bytes | None:
    """The message in what the client takes, without what it can do without if need be.

    First what it did not ask for goes, then what it did, then what was said back.
    """
    most = limit(request)
    try:
        return frame.encode(most)
    except ValueError:
        pass
    wanted = request.option(Code.PARAMETER_REQUEST_LIST) or b""
    relay = (Code.RELAY_AGENT_INFORMATION, Code.SUBNET_SELECTION)
    dropped = [code for code, _ in frame.options if code not in NEEDED]
    dropped.sort(key=lambda code: (code in relay, code in wanted))
    for gone in dropped:
        kept = tuple(item for item in frame.options if item[0] != gone)
        frame = dataclasses.replace(frame, options=kept)
        try:
            return frame.encode(most)
        except ValueError:
            continue
    return None

"""What is seen of a machine's boot in DHCP messages, as events for those who follow it.

Only boot clients are looked at: whatever else is on the network costs a comparison.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv4Address

from fastboot.errors import DecodeError
from fastboot.rate import Rate
from fastboot.seen import Asked, Overheard, Packet

from . import options, pxe
from .machine import U_BOOT, read_machine
from .options import Code, MessageType
from .outcome import Origin, Reply
from .packet import BOOTREPLY, BOOTREQUEST, UNSPECIFIED, Frame, mac_text

SERVER_PORT, CLIENT_PORT = 67, 68

KNOWN_MAX = 4096
"""Boot clients remembered, so that offers to them are told from those to telephones."""

TOLD_AT_ONCE, TOLD_A_SECOND = 1024, 256
"""Clients' messages that are told of; those beyond are answered and not told of: more
is an attack, or a crowd of which everybody asks again."""

TEXT_MAX = 128
"""Characters of a server's texts that are told."""

_BEGINNINGS = (pxe.PXE_CLIENT, pxe.HTTP_CLIENT, U_BOOT)


def is_boot_client(frame: Frame) -> bool:
    """Whether a client's message is one of a machine that boots."""
    return (frame.option(Code.VENDOR_CLASS) or b"").startswith(_BEGINNINGS)


class Witness:
    """Sees messages come and go, and tells of those that matter.

    Args:
        hears: Whether other servers' offers are heard.
    """

    def __init__(self, *, hears: bool) -> None:
        self._hears = hears
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._rate = Rate(TOLD_A_SECOND, TOLD_AT_ONCE, 1)

    def question(
        self, frame: Frame, data: bytes, origin: Origin, now: float, silence: str = ""
    ) -> tuple[Asked | Packet | Overheard, ...]:
        """What a client's message tells; nothing if it is not about booting.

        Args:
            frame: The message.
            data: Its bytes.
            origin: Where it came in.
            now: When, by a clock that only grows.
            silence: Why it is not answered on purpose; "" where it may be answered.
        """
        if frame.op != BOOTREQUEST or not is_boot_client(frame):
            return ()
        if frame.message_type not in (
            MessageType.DISCOVER,
            MessageType.REQUEST,
            MessageType.INFORM,
        ):
            return ()
        if not self._rate.allow(None, now):
            return ()
        try:
            machine = read_machine(frame)
        except DecodeError:
            return ()
        if machine is None:
            return ()
        self._remember(frame.chaddr)
        mac, here = machine.mac, str(origin.server)
        port = 4011 if origin.boot_server else SERVER_PORT
        packet = Packet(mac, (origin.address, origin.port), (here, port), True, data)
        if not (origin.boot_server or frame.message_type == MessageType.DISCOVER):
            return (packet, *_chosen(frame, mac, origin.server))
        address = "" if frame.ciaddr == UNSPECIFIED else str(frame.ciaddr)
        asked = Asked(
            mac=mac,
            arch=machine.arch.words,
            firmware=machine.firmware.value,
            address=address,
            boot_server=origin.boot_server,
            hears=self._hears,
            silence=silence,
        )
        return packet, asked

    def answer(self, frame: Frame, origin: Origin, reply: Reply) -> tuple[Packet, ...]:
        """What our answer to a message tells.

        Args:
            frame: The question.
            origin: Where it came in.
            reply: What was sent.
        """
        if frame.chaddr not in self._known:
            return ()
        port = 4011 if origin.boot_server else SERVER_PORT
        here = (reply.event.server, port)
        return (Packet(mac_text(frame.chaddr), reply.to, here, False, reply.data),)

    def overheard(
        self, frame: Frame, data: bytes, ours: IPv4Address, source: str
    ) -> tuple[Packet | Overheard, ...]:
        """What another server's message tells; nothing if it is for no boot client.

        Args:
            frame: The message.
            data: Its bytes.
            ours: Our address on that network.
            source: The address that it came from.
        """
        if frame.op != BOOTREPLY or frame.chaddr not in self._known:
            return ()
        server = options.address(frame.options, Code.SERVER_IDENTIFIER) or frame.siaddr
        if server == ours:
            return ()
        mac = mac_text(frame.chaddr)
        packet = Packet(
            mac,
            ("255.255.255.255", CLIENT_PORT),
            (source, SERVER_PORT),
            False,
            data,
        )
        if frame.message_type != MessageType.OFFER:
            return (packet,)
        file = frame.option(Code.BOOTFILE_NAME) or frame.file
        heard = Overheard(
            mac=mac,
            server=str(server),
            address=_given(frame.yiaddr),
            vendor=_text(frame.option(Code.VENDOR_CLASS) or b""),
            boots=bool(frame.option(Code.VENDOR_SPECIFIC)),
            next_server=_given(frame.siaddr),
            file=_text(file),
            ours=str(ours),
        )
        return packet, heard

    def _remember(self, chaddr: bytes) -> None:
        self._known[chaddr] = None
        self._known.move_to_end(chaddr)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)


def _chosen(frame: Frame, mac: str, ours: IPv4Address) -> tuple[Overheard, ...]:
    """The server whose address a client takes, which its REQUEST names to everybody.

    That server's offer may have gone to the client alone, as iPXE wants it, so that
    nobody else heard it (RFC 2131, section 4.1).
    """
    server = options.address(frame.options, Code.SERVER_IDENTIFIER)
    wanted = options.address(frame.options, Code.REQUESTED_ADDRESS)
    if server is None or wanted is None or server == ours:
        return ()
    return (
        Overheard(
            mac=mac,
            server=str(server),
            address=_given(wanted),
            vendor="",
            boots=False,
            next_server="",
            file="",
            ours=str(ours),
        ),
    )


def _given(address: IPv4Address) -> str:
    return "" if address == UNSPECIFIED else str(address)


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "surrogateescape")[:TEXT_MAX]

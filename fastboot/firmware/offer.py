"""What firmware reads in an offer: the facts that every model looks at.

Names keep the bytes that were sent, so that whoever asks for them asks for the same;
`shown` makes them fit for a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from fastboot.dhcp import options, pxe
from fastboot.dhcp.options import Code, MessageType, Options
from fastboot.dhcp.packet import BOOTREPLY, UNSPECIFIED, Frame
from fastboot.errors import DecodeError

from .decision import BOOT_SERVER_PORT, Heard

SERVER_PORT = 67
"""Where offers come from (RFC 2131, section 4.1)."""

SHOWN_MAX = 100
"""Characters of a server's text in a sentence."""


def in_order(heard: Iterable[Heard]) -> list[Heard]:
    """What was heard, the first first."""
    return sorted(heard, key=lambda item: item.order)


def offers(heard: Iterable[Heard]) -> list[Heard]:
    """The offers among what was heard, in order."""
    return [
        item
        for item in in_order(heard)
        if item.packet.op == BOOTREPLY
        and item.packet.message_type == MessageType.OFFER
        and item.port != BOOT_SERVER_PORT
    ]


def answers(heard: Iterable[Heard], server: IPv4Address) -> list[Heard]:
    """What a server answered from port 4011, in order."""
    return [
        item
        for item in in_order(heard)
        if item.packet.op == BOOTREPLY
        and item.port == BOOT_SERVER_PORT
        and server in (item.source, identifier(item.packet))
    ]


def identifier(frame: Frame) -> IPv4Address | None:
    """Option 54; None where it is missing, malformed or zero."""
    found = options.address(frame.options, Code.SERVER_IDENTIFIER)
    return found if found != UNSPECIFIED else None


def who(heard: Heard) -> IPv4Address:
    """The server that sent this, as people know it."""
    return identifier(heard.packet) or heard.source


def gives_address(heard: Heard) -> bool:
    """Whether it is a DHCP server's offer; a proxy's has no yiaddr."""
    return heard.packet.yiaddr != UNSPECIFIED


def has_class(frame: Frame, words: bytes) -> bool:
    """Whether option 60 begins with `words`, which is all that firmware compares."""
    return (frame.option(Code.VENDOR_CLASS) or b"").startswith(words)


def discovery(frame: Frame) -> Options:
    """The sub-options of option 43; none where it is missing or malformed."""
    try:
        return pxe.decode_suboptions(frame.option(Code.VENDOR_SPECIFIC) or b"")
    except DecodeError:
        return ()


def boots_now(frame: Frame) -> bool:
    """Whether option 43 says to load the file without a menu (PXE 2.1, table 2-1)."""
    control = options.get(discovery(frame), pxe.Sub.DISCOVERY_CONTROL)
    return control is not None and any(byte & 8 for byte in control[:1])


def unasked_item(frame: Frame) -> IPv4Address | None:
    """The boot server of the menu item that is taken without anybody being asked.

    That is the first item where the prompt's time-out is 0 (PXE 2.1, table 2-1); its
    servers are in the list of sub-option 8, else it is the sender's own.
    """
    found = discovery(frame)
    prompt = options.get(found, pxe.Sub.MENU_PROMPT) or b""
    menu = options.get(found, pxe.Sub.BOOT_MENU) or b""
    kind = menu[:2]  # type (2 bytes), length of the text (1), text
    if prompt[:1] != b"\0" or len(kind) < 2 or kind == b"\0\0":  # 0 is the disk
        return None
    return first_boot_server(frame, kind) or identifier(frame)


def first_boot_server(frame: Frame, kind: bytes = b"") -> IPv4Address | None:
    """The first address in the list of boot servers of option 43 (sub-option 8).

    Args:
        frame: The offer.
        kind: The type of boot server; b"" for any.
    """
    left = options.get(discovery(frame), pxe.Sub.BOOT_SERVERS) or b""
    while len(left) >= 7:  # type (2 bytes), count (1), then that many addresses
        count = left[2]
        if count and left.startswith(kind):
            return IPv4Address(left[3:7])
        left = left[3 + 4 * count :]
    return None


def option_name(frame: Frame) -> bytes:
    """Option 67, as far as a NUL; b"" where there is none."""
    return (frame.option(Code.BOOTFILE_NAME) or b"").partition(b"\0")[0]


def option_before_field(frame: Frame) -> bytes:
    """The boot file as EDK2 and BIOS ROMs read it: option 67, else `file`."""
    if frame.option(Code.BOOTFILE_NAME) is not None:
        return option_name(frame)
    return frame.file


def field_before_option(frame: Frame) -> bytes:
    """The boot file as iPXE reads it: `file`, else option 67."""
    return frame.file or option_name(frame)


def tftp_server(frame: Frame) -> IPv4Address | None:
    """Where the file is: siaddr, else option 54, as EDK2 does (PxeBcDhcp4BootInfo)."""
    return frame.siaddr if frame.siaddr != UNSPECIFIED else identifier(frame)


def text(name: bytes) -> str:
    """A name as text; bytes that are no UTF-8 become surrogates."""
    return name.decode("utf-8", "surrogateescape")


def shown(name: bytes | str) -> str:
    r"""A name for a sentence: printable, in quotes, and not too long.

    >>> print(shown(b"a\n\xff"))
    "a\x0a\xff"
    """
    given = name if isinstance(name, str) else text(name)
    data = given.encode("utf-8", "surrogateescape")
    plain = given if given.isprintable() else data.decode("ascii", "backslashreplace")
    safe = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain)
    return f'"{safe if len(safe) <= SHOWN_MAX else safe[: SHOWN_MAX - 1] + "…"}"'


def who_do(servers: Sequence[IPv4Address], one: str, many: str) -> str:
    """Servers and what they do: "192.0.2.1 and 192.0.2.2 answer".

    Args:
        servers: The servers, at least one.
        one: The verb for one of them.
        many: The verb for several.
    """
    *most, last = (str(server) for server in dict.fromkeys(servers))
    return f"{', '.join(most)} and {last} {many}" if most else f"{last} {one}"

"""Option negotiation: what a client asks for, what it is granted (RFC 2347).

Nothing here refuses a request: a value out of range or malformed is left out of the
OACK, as if the option were unknown, and one too large is granted smaller where its RFC
allows that. A boot ROM that gets ERROR 8 just dies.

    blksize      RFC 2348    8..65464 octets; granted smaller, never larger
    timeout      RFC 2349    1..255 seconds; granted as asked or not at all
    tsize        RFC 2349    answered with the size, whatever number was sent
    windowsize   RFC 7440    1..65535 blocks; granted smaller, never larger
"""

from __future__ import annotations

from dataclasses import dataclass

from .packet import BLKSIZE_DEFAULT, BLKSIZE_MAX, Options

OVERHEAD_IPV4 = 20 + 8 + 4
"""IPv4, UDP and DATA headers: a block this much smaller than the MTU is not cut up."""

OVERHEAD_IPV6 = 40 + 8 + 4
"""The same with IPv6's header."""

DIGITS_MAX = 20
"""Enough for 2**64; more are no number of ours."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server grants at the most.

    Attributes:
        blksize: Octets, 8..65464.
        windowsize: Blocks, 1..65535.
    """

    blksize: int = BLKSIZE_MAX
    windowsize: int = 64


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What holds for one transfer.

    Attributes:
        blksize: Octets in every block but the last.
        windowsize: Blocks sent before an ACK is waited for.
        timeout: Seconds between retransmissions that the client asked for, or None.
        answer: The options to acknowledge, in the client's order and spelling; empty:
            no OACK is due.
        probe: Whether the size was asked for, so that the client may leave with it.
    """

    blksize: int = BLKSIZE_DEFAULT
    windowsize: int = 1
    timeout: float | None = None
    answer: Options = ()
    probe: bool = False


def number(text: bytes) -> int | None:
    """A decimal number of ASCII digits, or None.

    `int` takes signs, spaces, underscores and every script's digits as well; a client
    that sends those means something else than the next program that reads them.

        >>> number(b"1432"), number(b"+8"), number(b"1e9")
        (1432, None, None)
    """
    if text.isdigit() and len(text) <= DIGITS_MAX:
        return int(text)
    return None


def negotiate(options: Options, limits: Limits, size: int | None) -> Negotiated:
    """Decide on a read request's options.

    Of an option that comes twice the first counts (RFC 2347 allows each once).

    Args:
        options: As the client sent them.
        limits: What is granted at the most.
        size: The content's octets, or None where they are not known (netascii).

    >>> negotiate(((b"BlkSize", b"1432"), (b"tsize", b"0")), Limits(), 99).answer
    ((b'BlkSize', b'1432'), (b'tsize', b'99'))
    """
    granted: dict[bytes, int] = {}
    answer: list[tuple[bytes, bytes]] = []
    for spelling, text in options:
        name, asked = spelling.lower(), number(text)
        if name in granted or asked is None:
            continue
        value = _grant(name, asked, limits, size)
        if value is not None:
            granted[name] = value
            answer.append((spelling, b"%d" % value))
    return Negotiated(
        blksize=granted.get(b"blksize", BLKSIZE_DEFAULT),
        windowsize=granted.get(b"windowsize", 1),
        timeout=granted.get(b"timeout"),
        answer=tuple(answer),
        probe=b"tsize" in granted,
    )


def _grant(name: bytes, asked: int, limits: Limits, size: int | None) -> int | None:
    match name:
        case b"blksize" if asked >= 8:
            return min(asked, limits.blksize)
        case b"windowsize" if 1 <= asked <= 65535:
            return min(asked, limits.windowsize)
        case b"timeout" if 1 <= asked <= 255:
            return asked
        case b"tsize":
            # Whatever was sent: U-Boot sends the size of its previous download. An
            # empty file's is left out: curl takes "tsize 0" for a mistake.
            return size or None
        case _:
            return None

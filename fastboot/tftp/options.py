"""Option negotiation: what a client asks for, what it is granted (RFC 2347).

Nothing here refuses a request: a value out of range or malformed is left out of the
OACK, as if the option were unknown, and one too large is granted smaller where its RFC
allows that. A boot ROM that gets ERROR 8 just dies.

    blksize      RFC 2348    8..65464 octets; granted smaller, never larger
    blksize2     tftp-hpa    the same, granted as a power of two, at most 32768
    timeout      RFC 2349    1..255 seconds; granted as asked or not at all
    utimeout     tftp-hpa    10,000..255,000,000 microseconds, likewise; goes before
                             timeout
    tsize        RFC 2349    answered with the size, whatever number was sent
    windowsize   RFC 7440    1..65535 blocks; granted smaller, never larger
    rollover     tftp-hpa    0 or 1: the block number that follows 65535
    msftwindow   Microsoft   31416, granted as 27182: each ACK then has one byte more,
                             the blocks wanted before the next
"""

from __future__ import annotations

from dataclasses import dataclass

from .packet import BLKSIZE_DEFAULT, BLKSIZE_MAX, Options

OVERHEAD_IPV4 = 20 + 8 + 4
"""IPv4, UDP and DATA headers: a block this much smaller than the MTU is not cut up."""

OVERHEAD_IPV6 = 40 + 8 + 4
"""The same with IPv6's header."""

WINDOW_MAX = 32767
"""Largest window, blocks: of 65536 numbers a larger one would use so many that an old
ACK looks like a new one (RFC 1982, section 3.2, for the same reason)."""

MSFT_ASKED, MSFT_GRANTED = 31416, 27182
"""What Windows' loader says for `msftwindow`, and what it is to be answered."""

MSFT_WINDOW = 4
"""Blocks before the first ACK that says how many, where no windowsize was asked for."""

DIGITS_MAX = 20
"""Enough for 2**64; more are no number of ours."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server grants at the most.

    Attributes:
        blksize: Octets, 8..65464.
        windowsize: Blocks, 1..32767.
        msftwindow: Whether a client may change the window with every ACK. It may then
            ask for up to 255 blocks, whatever `windowsize` says: who is sent fewer than
            it asked for waits for the rest.
        refused: Names of options, in lower case, that are left out as if unknown.
    """

    blksize: int = BLKSIZE_MAX
    windowsize: int = 64
    msftwindow: bool = False
    refused: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What holds for one transfer.

    Attributes:
        blksize: Octets in every block but the last.
        windowsize: Blocks sent before an ACK is waited for; with `msftwindow` the
            first time.
        timeout: Seconds between retransmissions that the client asked for, or None.
        answer: The options to acknowledge, in the client's order and spelling; empty:
            no OACK is due.
        probe: Whether the size was asked for, so that the client may leave with it.
        rollover: The block number that follows 65535, 0 or 1.
        msftwindow: Whether each ACK may say how many blocks are wanted next.
    """

    blksize: int = BLKSIZE_DEFAULT
    windowsize: int = 1
    timeout: float | None = None
    answer: Options = ()
    probe: bool = False
    rollover: int = 0
    msftwindow: bool = False


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
        kind = _SAME.get(name, name)
        if kind in granted or name in limits.refused or asked is None:
            continue
        value = _grant(name, asked, limits, size)
        if value is not None:
            granted[kind] = value
            answer.append((spelling, b"%d" % value))
    msftwindow = b"msftwindow" in granted
    return Negotiated(
        blksize=granted.get(b"blksize", BLKSIZE_DEFAULT),
        windowsize=granted.get(b"windowsize", MSFT_WINDOW if msftwindow else 1),
        timeout=_timeout(granted),
        answer=tuple(answer),
        probe=b"tsize" in granted,
        rollover=granted.get(b"rollover", 0),
        msftwindow=msftwindow,
    )


_SAME = {b"blksize2": b"blksize"}
"""Options that are another's second name: the first of the two counts."""


def _grant(name: bytes, asked: int, limits: Limits, size: int | None) -> int | None:
    match name:
        case b"blksize" if asked >= 8:
            return min(asked, limits.blksize)
        case b"blksize2" if asked >= 8:
            return 1 << min(asked, limits.blksize, 32768).bit_length() - 1
        case b"windowsize" if 1 <= asked <= 65535:
            return min(asked, limits.windowsize, WINDOW_MAX)
        case b"timeout" if 1 <= asked <= 255:
            return asked
        case b"utimeout" if 10_000 <= asked <= 255_000_000:
            return asked
        case b"tsize":
            # Whatever was sent: U-Boot sends the size of its previous download. An
            # empty file's is left out: curl takes "tsize 0" for a mistake.
            return size or None
        case b"rollover" if asked <= 1:
            return asked
        case b"msftwindow" if asked == MSFT_ASKED and limits.msftwindow:
            return MSFT_GRANTED
        case _:
            return None


def _timeout(granted: dict[bytes, int]) -> float | None:
    if b"utimeout" in granted:
        return granted[b"utimeout"] / 1_000_000
    return granted.get(b"timeout")

"""What a client asks for, and what it makes of the answer (RFC 2347).

The other end of `options.negotiate`: a client names values, a server may grant smaller
ones or leave options out, and everything else in its answer is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fastboot.errors import ConfigError, WrongAnswer

from .options import WINDOW_MAX, Negotiated, number
from .packet import BLKSIZE_DEFAULT, BLKSIZE_MAX, OptionAck, Options


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(
            f"{name} is {value:g}; it must be between {low:g} and {high:g}"
        )


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of a request.

    Values that hold without an option are not sent as one.

    Attributes:
        blksize: Octets of a block, 8..65464. By default 1428, which RFC 2348 chose
            for Ethernet: it fits where some tunnel takes its share of 1500 as well.
        windowsize: Blocks for each ACK, 1..32767.
        timeout: Seconds between retransmissions, 1..255 in whole ones (`timeout`) or
            0.01..255 in others (`utimeout`); None: as the server likes.
        tsize: Whether the size is asked for, or told.
        rollover: The block number after 65535, 0 or 1; None: as the server likes,
            which is 0 nearly everywhere.
    """

    blksize: int = 1428
    windowsize: int = 64
    timeout: float | None = None
    tsize: bool = True
    rollover: int | None = None

    def __post_init__(self) -> None:
        """Check each value."""
        _between("blksize", self.blksize, 8, BLKSIZE_MAX)
        _between("windowsize", self.windowsize, 1, WINDOW_MAX)
        if self.timeout is not None:
            _between("timeout", self.timeout, 0.01, 255)
        if self.rollover is not None:
            _between("rollover", self.rollover, 0, 1)

    def options(self, size: int | None = None) -> Options:
        """The request's options.

        Args:
            size: Octets of the file that will be sent; None where it is asked for.

        >>> Wishes(blksize=1468, windowsize=8).options()
        ((b'tsize', b'0'), (b'blksize', b'1468'), (b'windowsize', b'8'))
        """
        wanted: list[tuple[bytes, int]] = []
        if self.tsize:
            wanted.append((b"tsize", size or 0))
        if self.blksize != BLKSIZE_DEFAULT:
            wanted.append((b"blksize", self.blksize))
        if self.timeout is not None:
            wanted.append(_timeout(self.timeout))
        if self.windowsize > 1:
            wanted.append((b"windowsize", self.windowsize))
        if self.rollover is not None:
            wanted.append((b"rollover", self.rollover))
        return tuple((name, b"%d" % value) for name, value in wanted)


NOTHING = Wishes(blksize=BLKSIZE_DEFAULT, windowsize=1, tsize=False)
"""No options at all: RFC 1350 as it was."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What holds for a transfer.

    Attributes:
        negotiated: For the machines.
        tsize: The size that the server told; None: it did not.
    """

    negotiated: Negotiated = field(default_factory=Negotiated)
    tsize: int | None = None


def agree(asked: Options, answer: OptionAck) -> Agreed:
    """What a server's OACK means for a request with the options `asked`.

    >>> agree(Wishes().options(), OptionAck(((b"blksize", b"1024"),))).negotiated.blksize
    1024

    Raises:
        WrongAnswer: An option was not asked for, or its value is not one that may be
            granted; the text says which.
    """
    wanted = {name: int(value) for name, value in asked}
    granted: dict[bytes, int] = {}
    for spelling, text in answer.options:
        name, value = spelling.lower(), number(text)
        if name not in wanted or name in granted:
            raise WrongAnswer(f"grants {_shown(spelling)}, which was not asked for")
        if value is None or not _may_grant(name, wanted[name], value):
            raise WrongAnswer(f"answers {_shown(spelling)} with {_shown(text)}")
        granted[name] = value
    timeout: float | None = granted.get(b"timeout")
    if b"utimeout" in granted:
        timeout = granted[b"utimeout"] / 1_000_000
    negotiated = Negotiated(
        blksize=granted.get(b"blksize", BLKSIZE_DEFAULT),
        windowsize=granted.get(b"windowsize", 1),
        timeout=timeout,
        rollover=granted.get(b"rollover", 0),
    )
    return Agreed(negotiated, granted.get(b"tsize"))


def _may_grant(name: bytes, wanted: int, value: int) -> bool:
    match name:
        case b"blksize":
            return 8 <= value <= wanted
        case b"windowsize":
            return 1 <= value <= wanted
        case b"tsize":
            return True
        case _:
            return value == wanted  # RFC 2349: the same value, or no answer at all


def _timeout(seconds: float) -> tuple[bytes, int]:
    if seconds == int(seconds):
        return b"timeout", int(seconds)
    return b"utimeout", round(seconds * 1_000_000)


def _shown(text: bytes) -> str:
    return text[:40].decode("utf-8", "replace")

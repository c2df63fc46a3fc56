"""A hardware address, written in one way."""

from __future__ import annotations

import re
from typing import Self

_BYTE = "[0-9A-Fa-f]{2}"

PATTERN = f"(?:{_BYTE}(?::{_BYTE}){{5}}|{_BYTE}(?:-{_BYTE}){{5}}|[0-9A-Fa-f]{{12}})"
"""How firmware, iPXE and people write one: with colons, with hyphens, with nothing."""

_WRITTEN = re.compile(PATTERN)


class Mac(str):
    """A hardware address of six bytes, in the form that every event has it in.

    >>> Mac("52-54-00-12-34-AB")
    Mac('52:54:00:12:34:ab')
    >>> Mac("5254001234ab") == "52:54:00:12:34:ab"
    True

    Raises:
        ValueError: The text is none.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Read one from a text."""
        if not _WRITTEN.fullmatch(text):
            raise ValueError(f"{text!r} is no hardware address")
        digits = re.sub("[:-]", "", text).lower()
        return super().__new__(cls, ":".join(re.findall("..", digits)))

    def __repr__(self) -> str:
        return f"Mac({str(self)!r})"

    @property
    def packed(self) -> bytes:
        """Its six bytes."""
        return bytes.fromhex(self.replace(":", ""))

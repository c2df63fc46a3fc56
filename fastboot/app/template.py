"""Names with parameters, such as "ipxe/{mac}.ipxe": what stands for each in a name.

What a parameter takes is the type that the function declares for it; a name with any
other text there is another name. So a conversion never fails, and no text that a client
sends costs more than one look at it: of any-text parameters there is one to a folder.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, get_type_hints
from uuid import UUID

from .mac import PATTERN, Mac

_HEX = "[0-9A-Fa-f]"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a parameter of one type takes.

    Attributes:
        pattern: A regular expression of every text that it takes.
        read: Makes the value of such a text.
    """

    pattern: str
    read: Callable[[str], Any]


KINDS: Mapping[type, Kind] = {
    str: Kind("[^/]+", str),
    int: Kind("[0-9]{1,18}", int),
    Mac: Kind(PATTERN, Mac),
    UUID: Kind(f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}", UUID),
    PurePosixPath: Kind(".+", PurePosixPath),
}
"""By type: any text without a slash, digits, a MAC, a UUID, and the rest of the name."""

_PARAMETER = re.compile(r"\{([A-Za-z_]\w*)\}")


class Template:
    """A name with parameters.

    >>> def script(request: object, mac: Mac) -> str: ...
    >>> Template("ipxe/{mac}.ipxe", script).match("ipxe/52-54-00-12-34-56.ipxe")
    {'mac': Mac('52:54:00:12:34:56')}
    >>> Template("ipxe/{mac}.ipxe", script).match("ipxe/menu.ipxe")

    Args:
        text: The name; `{word}` stands for the parameter `word`.
        function: Takes a request and, by name, each parameter.

    Raises:
        TypeError: The function does not take those parameters, or not as a known type.
        ValueError: The text is no name, or could mean several things.
    """

    def __init__(self, text: str, function: Callable[..., object]) -> None:
        text = text.strip("/")
        pieces = _PARAMETER.split(text)  # text, parameter, text, parameter, ..., text
        kinds = _kinds(text, function, pieces[1::2])
        if not text or any("{" in piece or "}" in piece for piece in pieces[::2]):
            raise ValueError(f"{text!r} is no name; a parameter is a word in braces")
        _check_order(text, pieces, kinds)
        self._readers = {name: kind.read for name, kind in kinds.items()}
        self._pattern = re.compile(
            "".join(
                f"(?P<{piece}>{kinds[piece].pattern})"
                if number % 2
                else re.escape(piece)
                for number, piece in enumerate(pieces)
            ),
            re.DOTALL,
        )

    def match(self, name: str) -> dict[str, Any] | None:
        """The parameters in a name; None where it is another name."""
        found = self._pattern.fullmatch(name)
        if found is None:
            return None
        return {
            word: self._readers[word](text) for word, text in found.groupdict().items()
        }


def _kinds(
    text: str, function: Callable[..., object], words: list[str]
) -> dict[str, Kind]:
    """What each parameter takes, as the function declares it."""
    called = getattr(function, "__name__", repr(function))
    declared = list(inspect.signature(function).parameters.values())[1:]
    wanted = [p.name for p in declared if p.default is p.empty or p.name in words]
    if sorted(wanted) != sorted(set(words)) or len(set(words)) != len(words):
        raise TypeError(
            f"{called} must take a request and {', '.join(words) or 'nothing else'}, "
            f"as the name {text!r} has it; it takes {', '.join(wanted) or 'nothing'}"
        )
    try:
        hints = get_type_hints(function)
    except NameError as error:
        raise TypeError(
            f"{called} is annotated with what is not there: {error}"
        ) from None
    kinds = {}
    for word in words:
        hint = hints.get(word, str)
        if hint not in KINDS:
            known = ", ".join(kind.__name__ for kind in KINDS)
            raise TypeError(f"{word} of {called} is a {hint}; it can be one of {known}")
        kinds[word] = KINDS[hint]
    return kinds


def _check_order(text: str, pieces: list[str], kinds: Mapping[str, Kind]) -> None:
    """Refuse what could be read in several ways, and so would take time to read."""
    if any(not piece for piece in pieces[2:-1:2]):
        raise ValueError(f"{text!r} has nothing between two parameters")
    loose = 0  # parameters of any text in this folder
    for number, piece in enumerate(pieces):
        if number % 2 == 0:
            loose = 0 if "/" in piece else loose
            continue
        kind = kinds[piece]
        loose += kind in (KINDS[str], KINDS[PurePosixPath])
        if loose > 1:
            raise ValueError(f"{text!r} has two parameters of any text in one folder")
        if kind is KINDS[PurePosixPath] and number != len(pieces) - 2:
            raise ValueError(f"in {text!r} the rest of the name is not at its end")

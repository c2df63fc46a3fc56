"""Which media type a request asks for (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_QVALUE = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def preferred(accept: str, kinds: Sequence[str]) -> str | None:
    """The media type that Accept names and likes best; None where it names none.

    Wildcards name nothing: firmware sends "*/*" and means a file.

        >>> kinds = ("text/html", "application/json", "text/plain")
        >>> preferred("text/html,application/xml;q=0.9,*/*;q=0.8", kinds)
        'text/html'
        >>> preferred("*/*", kinds)

    Args:
        accept: The field's value.
        kinds: What there is; of those liked equally, the first.
    """
    weights: dict[str, float] = {}
    for member in accept.lower().split(","):
        name, *parameters = [part.strip(" \t") for part in member.split(";")]
        weights[name] = _weight(parameters)
    best = max(kinds, key=lambda kind: weights.get(kind, 0.0))
    return best if weights.get(best, 0.0) > 0 else None


def _weight(parameters: Sequence[str]) -> float:
    """The weight among a media range's parameters (section 12.4.2); 1 without one."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            return float(value) if _QVALUE.fullmatch(value) else 0.0
    return 1.0

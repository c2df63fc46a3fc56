"""Parsers that exist twice: the same result, or the same error, on any input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def same(
    one: Callable[[bytes], Any], other: Callable[[bytes], Any], error: type[Exception]
) -> Callable[[bytes], None]:
    """What asserts that two parsers give the same, or raise an equal `error`."""

    def outcome(parse: Callable[[bytes], Any], data: bytes) -> Any:
        try:
            return parse(data)
        except error as problem:
            return vars(problem), str(problem)

    def run(data: bytes) -> None:
        assert outcome(one, data) == outcome(other, data)

    return run

"""What a turn of the front leaves for others to do, and to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from .recall import Recipe

NEWS_DELAY = 0.05
"""Seconds that answers which are complete may wait to be told together: of many that one
client got of the same file, only the last costs more than to be counted."""


@dataclass(slots=True)
class Turn:
    """What one turn left for others to do, and to know.

    For one connection, answers stand for what came before anything else of it.

    Attributes:
        ready: Descriptors that are not the front's, and what they are ready for.
        came: Connections that are handed up with the bytes that came.
        late: Connections that are handed up because their time is over.
        sent: Answers that are complete, those that are `NOTEWORTHY` or a whole file:
            client, recipe, bytes of content, seconds.
        cold: Connections whose answer is not in memory, the file's descriptor, and where
            in it to read; they are the front's, and go on with `resume`.
        cut: Answers that are not and will not be: the descriptor that the connection
            had, client, recipe, bytes that the content has, bytes of it that were sent,
            seconds, and the reason. The connection was reset.
    """

    ready: list[tuple[int, int]] = field(default_factory=list)
    came: list[tuple[int, bytes]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    sent: list[tuple[str, Recipe, int, float]] = field(default_factory=list)
    cold: list[tuple[int, int, int]] = field(default_factory=list)
    cut: list[tuple[int, str, Recipe, int, int, float, str]] = field(
        default_factory=list
    )

    @property
    def is_pressing(self) -> bool:
        """Whether something is there to do, and not only to know."""
        return bool(self.ready or self.came or self.late or self.cold or self.cut)

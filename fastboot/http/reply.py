"""What requests are answered, and what is told of it: content, refusals, mistakes."""

from __future__ import annotations

from collections.abc import Callable

from fastboot import events
from fastboot.errors import NotFound, Refused, Unavailable
from fastboot.events import Emit
from fastboot.tree import Blob

from .limits import RETRY
from .message import RequestHead
from .respond import REASONS, Response, follow, refuse, respond


class Replies:
    """The answers that one client gets.

    Args:
        protocol: "http" or "https", for what is reported.
        client: The peer's address, for what is reported.
        emit: Told about each HEAD (`Probed`), each refusal (`RequestRefused`) and all
            that was no request (`Dropped`).
        wall_clock: Seconds since the epoch, for Date.
    """

    def __init__(
        self,
        protocol: str,
        client: str,
        emit: Emit,
        wall_clock: Callable[[], float],
    ) -> None:
        self._who = protocol, client
        self._emit = emit
        self._wall_clock = wall_clock

    def reply(
        self, head: RequestHead, answer: Blob | Exception, *, close: bool
    ) -> Response:
        """The answer to a request.

        Args:
            head: The request.
            answer: What the tree has for it: content, or why there is none.
            close: End the connection even where the client would keep it.
        """
        match answer:
            case Blob():
                return self._send(head, answer, close=close)
            case NotFound():
                return self._deny(404, head, str(answer), close=close)
            case Refused(told=told):
                return self._deny(403, head, str(answer), close=close, told=told)
            case Unavailable():
                return self._deny(503, head, str(answer), close=close)
        self._emit(events.Fault(self._who[0], answer))
        reason = "the server failed to work out an answer"
        return self._deny(500, head, reason, close=close)

    def reject(self, status: int, reason: str, *, without_body: bool) -> Response:
        """The answer to what is no request; the connection ends after it."""
        self.drop(reason)
        return refuse(status, self._wall_clock(), without_body=without_body)

    def turn_away(self) -> Response:
        """The answer before anything is asked; iPXE then comes back by itself."""
        self.drop("too many connections")
        return refuse(503, self._wall_clock(), *RETRY)

    def drop(self, reason: str) -> None:
        """Tell of what was no request, and may have no answer."""
        self._emit(events.Dropped(*self._who, reason))

    def _send(self, head: RequestHead, blob: Blob, *, close: bool) -> Response:
        if blob.feed is not None:
            return follow(blob, self._wall_clock())
        response = respond(head, blob, self._wall_clock(), close=close)
        if response.status >= 400:
            self._refused(head, REASONS[response.status])
        elif head.method == "HEAD" and response.status == 200:
            self._emit(events.Probed(*self._who, head.path, blob.size))
        return response

    def _deny(
        self,
        status: int,
        head: RequestHead,
        reason: str,
        *,
        close: bool,
        told: bool = False,
    ) -> Response:
        """Answer a request whose path has no content; seldom is the peer told why."""
        self._refused(head, reason)
        return refuse(
            status,
            self._wall_clock(),
            *(RETRY if status == 503 else ()),
            without_body=head.method == "HEAD",
            close=close or not head.keep_alive,
            why=reason if told else "",
        )

    def _refused(self, head: RequestHead, reason: str) -> None:
        self._emit(events.RequestRefused(*self._who, head.path, reason))

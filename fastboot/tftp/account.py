"""How requests and transfers are reported, and errors put in TFTP's words."""

from __future__ import annotations

from fastboot import events
from fastboot.errors import NotFound, Refused, TreeError

from .carrier import Ended
from .packet import Error, ErrorCode
from .table import Entry
from .transfer import Outcome


def error_for(error: TreeError) -> Error:
    """The packet that tells a client why it gets no content."""
    return Error(_code(error), str(error).encode())


def _code(error: TreeError) -> ErrorCode:
    match error:
        case NotFound():
            return ErrorCode.FILE_NOT_FOUND
        case Refused():
            return ErrorCode.ACCESS_VIOLATION
        case _:
            return ErrorCode.NOT_DEFINED


def refused(client: str, filename: bytes, error: Error) -> events.RequestRefused:
    """The event of a request that was answered with an error."""
    name = filename.decode("utf-8", "surrogateescape")
    reason = error.message.decode("utf-8", "replace")
    return events.RequestRefused("tftp", client, name, reason)


def ended(end: Ended, entry: Entry, seconds: float) -> events.Event:
    """The event of a transfer that is over after so many seconds."""
    client, name, size = end.line[1][0], entry.name, entry.blob.size
    match end.outcome:
        case Outcome.DONE:
            again = end.retransmissions
            return events.Finished("tftp", client, name, size, seconds, again)
        case Outcome.PROBED:
            return events.Probed("tftp", client, name, size)
        case _:
            got, reason = end.acknowledged, end.reason
            return events.Failed("tftp", client, name, got, seconds, reason)

"""How requests and transfers are reported."""

from __future__ import annotations

from fastboot import events

from .carrier import Ended
from .packet import Error
from .table import Entry
from .transfer import Outcome


def refused(client: str, filename: bytes, error: Error) -> events.RequestRefused:
    """The event of a request that was answered with an error."""
    name = filename.decode("utf-8", "surrogateescape")
    reason = error.message.decode("utf-8", "replace")
    return events.RequestRefused("tftp", client, name, reason)


def ended(end: Ended, entry: Entry, seconds: float) -> events.Event:
    """The event of a transfer that is over after so many seconds."""
    client, name, size = end.line[1][0], entry.name, entry.content.size
    got, again, reason = end.acknowledged, end.retransmissions, end.reason
    match end.outcome, entry.receiver:
        case Outcome.DONE, None:
            return events.Finished("tftp", client, name, size, seconds, again)
        case Outcome.DONE, _:
            return events.Received("tftp", client, name, size, seconds, again)
        case Outcome.PROBED, _:
            return events.Probed("tftp", client, name, size)
        case _, None:
            return events.Failed("tftp", client, name, got, seconds, reason)
        case _:
            return events.NotReceived("tftp", client, name, got, seconds, reason)

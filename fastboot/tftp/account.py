"""How requests and transfers are reported."""

from __future__ import annotations

from fastboot import events
from fastboot.arrival import Arrival
from fastboot.seen import Packet

from .carrier import Account, Ended
from .packet import Error, OptionAck
from .ports import Peer
from .recall import Recipe
from .table import Entry
from .transfer import Outcome, Terms


def came_in(peer: Peer, came: Arrival, port: int, data: bytes) -> Packet:
    """The event of a request, as it came to that port."""
    return Packet("", peer[:2], (came.local, port), True, data)


def went_out(peer: Peer, came: Arrival, port: int, data: bytes) -> Packet:
    """The event of what a request was answered with at first, from that port."""
    return Packet("", peer[:2], (came.local, port), False, data)


def options_of(terms: Terms) -> bytes:
    """The OACK that a transfer begins with; nothing where it begins with the file."""
    answer = terms.negotiated.answer
    return OptionAck(answer).encode() if answer else b""


def refused(client: str, filename: bytes, error: Error) -> events.RequestRefused:
    """The event of a request that was answered with an error."""
    name = filename.decode("utf-8", "surrogateescape")
    reason = error.message.decode("utf-8", "replace")
    return events.RequestRefused("tftp", client, name, reason)


def served(account: Account, recipe: Recipe) -> events.Event:
    """The event of a transfer that the carrier began by itself, and that went wrong.

    Or that was about the file's size alone.
    """
    line, outcome, reason, got, _, seconds = account
    client, name, size = line[1][0], recipe.name, recipe.size
    if outcome is Outcome.PROBED:
        return events.Probed("tftp", client, name, size)
    return events.Failed("tftp", client, name, got, seconds, reason)


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

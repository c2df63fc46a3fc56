"""Which client may have which address: pure functions of a question and the book."""

from __future__ import annotations

from ipaddress import IPv4Address

from .book import Book
from .leases import State
from .question import Question


def choose(question: Question, book: Book) -> IPv4Address | None:
    """The address to offer; None where all are taken.

    In this order (RFC 2131, section 4.3.1): the one reserved for the client, one that
    it has or had, the one that it asks for, any other.
    """
    reserved = question.reserved
    own = reserved.address if reserved is not None else None
    had = [lease.address for lease in book.of(question.client)]
    for address in (own, *had, question.wish):
        if isinstance(address, IPv4Address) and may_have(question, address, book):
            return address
    return book.free(question.subnet, question.now)


def may_have(question: Question, address: IPv4Address, book: Book) -> bool:
    """Whether an address is this client's, or free and one that it may be given."""
    own = is_reserved(question, address)
    if not own and address not in question.subnet.pool:
        return False
    lease = book.at(address)
    if lease is None or lease.expires <= question.now:
        return True
    if lease.state is State.CONFLICT:
        return False
    if lease.client == question.client:
        return True
    # Firmware, iPXE and the system of one machine call themselves by different names.
    return own and lease.mac == question.frame.chaddr


def holds(question: Question, address: IPv4Address, book: Book) -> bool:
    """Whether an address is offered or given to this client just now."""
    lease = book.at(address)
    if lease is None or lease.client != question.client:
        return False
    held = lease.state in (State.OFFERED, State.BOUND)
    return held and lease.expires > question.now


def is_known(question: Question, address: IPv4Address, book: Book) -> bool:
    """Whether an address is the client's by reservation, or was its last one."""
    lease = book.at(address)
    last = lease is not None and lease.client == question.client
    return last or is_reserved(question, address)


def is_reserved(question: Question, address: IPv4Address) -> bool:
    """Whether an address is reserved for this client."""
    return question.reserved is not None and question.reserved.address == address

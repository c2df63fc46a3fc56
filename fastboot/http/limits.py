"""How large a request's head may be, how long things take, and what is raised else.

They stand apart from `message` so that its compiled twin shares them.
"""

from __future__ import annotations

from fastboot.errors import DecodeError

MAX_LINE = 8 << 10
"""Bytes in a line, its CRLF not counted: what nginx and Apache take, and more than the
8000 octets that RFC 9112, section 3, recommends for the request line."""

MAX_HEAD = 16 << 10
"""Bytes in a head, the empty line included; boot firmware sends some hundred."""

MAX_FIELDS = 64
"""Field lines in a head; boot firmware sends up to ten, a browser twenty."""


class BadRequest(DecodeError):
    """Bytes that are no request, or a request that is not taken.

    Attributes:
        status: The status code that says so: 400, 405, 413, 414, 431, 501 or 505. The
            connection is closed after it: where the next request would begin is not
            known any more (RFC 9112, section 9.2).
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


LINGER = 5.0
"""Seconds to go on reading after our last byte, so that what the client still sends is
not answered by a reset that overtakes it (RFC 9112, section 9.6); nginx's value."""

RETRY_AFTER = 5
"""Seconds after which a client that was turned away may ask again; iPXE does."""

RETRY = (("Retry-After", str(RETRY_AFTER)),)
"""The field that says so."""

EVERY = 1.0
"""Seconds between two looks at what is new for a client that watches."""

NOTEWORTHY = 1 << 20
"""Bytes from which on a part of a file is reported as a transfer; a disk read over HTTP
asks for thousands of small ones (iPXE's sanboot)."""

RECEIVE = 16 << 10
"""Bytes read at once; so much is kept of requests that wait for an answer."""

SHARE = 256 << 10
"""A connection's share of a turn, bytes. Larger ones cost a quarter more each byte: it
has left the cache when it is received, or when its place is needed again."""

RENEWALS = 8
"""How often within its timeout a client is given the time again: each time the kernel is
asked what it has acknowledged."""

ANSWER_COST = 16 << 10
"""Bytes that an answer counts for besides its own: small ones cost time as well."""

TOO_LITTLE = "the client took too little for {:g} s"
"""Why an answer is cut off: less was taken within the stall timeout than the least rate."""

NO_STORAGE = "the storage did not answer for {:g} s"
"""Why it is where a part of the file was waited for as long, and not for the client."""

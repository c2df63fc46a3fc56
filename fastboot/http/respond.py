"""The answer to a request: its head as boot firmware can read it, and its body.

What firmware stumbles over is never sent: a redirect (UEFI and GRUB follow none), the
chunked coding (U-Boot and iPXE's older versions lack parts of it), a field without a
value (UEFI hangs), lower-case names (GRUB reads a file of length zero), a head that is
longer than U-Boot's buffer of 2048 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from posixpath import splitext

from fastboot.tree import Blob, Client

from .dates import write_date
from .message import RequestHead
from .ranges import Span, Validators, precondition, requested

SERVER = "fastboot"

REASONS = {
    200: "OK",
    206: "Partial Content",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
"""Reason phrases (RFC 9110, section 15); iPXE and U-Boot need the space before one."""

CONTENT_TYPES = {
    # UEFI compares these three exactly (UEFI 2.10, section 24.7.3.1).
    ".efi": "application/efi",
    ".iso": "application/vnd.efi-iso",
    ".img": "application/vnd.efi-img",
    ".cfg": "text/plain",
    ".conf": "text/plain",
    ".css": "text/css",
    ".gz": "application/gzip",
    ".htm": "text/html",
    ".html": "text/html",
    ".ipxe": "text/plain",
    ".js": "text/javascript",
    ".json": "application/json",
    ".ks": "text/plain",
    ".log": "text/plain",
    ".png": "image/png",
    ".sh": "text/plain",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
"""By the path's suffix, without parameters: firmware knows none."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer.

    Attributes:
        status: The status code.
        head: The head's bytes, with its empty line.
        body: What follows: bytes, or spans of the blob that was asked for.
        close: Whether the connection ends after it.
    """

    status: int
    head: bytes
    body: tuple[bytes | Span, ...]
    close: bool


def content_type(path: str) -> str:
    """The media type of a file of that name.

    >>> content_type("/EFI/BOOT/BOOTX64.EFI"), content_type("/debian/vmlinuz")
    ('application/efi', 'application/octet-stream')
    """
    if path.endswith("/cmdline"):
        return "text/plain"
    return CONTENT_TYPES.get(splitext(path)[1].lower(), "application/octet-stream")


def asker(head: RequestHead, address: str, server: str) -> Client:
    """Who asks, as trees are told.

    Args:
        head: The request.
        address: The client's address.
        server: The address of ours that it reached.
    """

    def field(name: bytes) -> str:
        return (head.field(name) or b"").decode("latin-1")

    return Client(
        address,
        "http",
        server,
        agent=field(b"user-agent"),
        accept=field(b"accept"),
        host=head.host.decode("latin-1"),
        query=head.query.decode("latin-1"),
    )


def respond(
    head: RequestHead, blob: Blob, now: float, *, close: bool = False
) -> Response:
    """The answer to a request whose path has content.

    Args:
        head: The request.
        blob: The content; it is not read.
        now: Seconds since the epoch, for Date and for the conditions.
        close: End the connection even where the client would keep it.
    """
    close = close or not head.keep_alive
    file = _validators(blob, now)
    status = precondition(head, file, now)
    if status == 412:
        return refuse(412, now, without_body=head.method == "HEAD", close=close)
    if status == 304:
        same = [("ETag", blob.etag), *blob.fields]  # section 15.4.5
        return Response(304, _head(304, now, same, close=close), (), close)
    streams = blob.pieces is not None
    spans = None if streams else requested(head, blob.size, file, now)
    if spans == []:
        lengths = ("Content-Range", f"bytes */{blob.size}")
        return refuse(416, now, lengths, close=close)
    kind, length = blob.kind or content_type(head.path), blob.size
    about: list[tuple[str, str]] = []
    body: tuple[bytes | Span, ...] = (Span(0, length),) if length else ()
    if spans:
        part = _part(kind, blob, spans)
        if part[1] <= blob.size:
            kind, length, about, body = part
        else:
            spans = None  # its parts' heads outweigh what they spare
    if head.method == "HEAD":
        body = ()  # but the length that GET would have (RFC 9110, section 9.3.2)
    status = 206 if spans else 200
    fields = [("Content-Type", kind), ("Content-Length", str(length)), *about]
    if file.modified is not None:
        fields.append(("Last-Modified", write_date(file.modified)))
    if blob.etag:
        fields.append(("ETag", blob.etag))
    fields += [("Accept-Ranges", "none" if streams else "bytes"), *blob.fields]
    return Response(status, _head(status, now, fields, close=close), body, close)


def follow(blob: Blob, now: float) -> Response:
    """The answer with content that has no end but the connection's.

    It has no length (RFC 9112, section 6.3): no firmware is ever sent one.

    Args:
        blob: The content, a feed.
        now: Seconds since the epoch, for Date.
    """
    fields = [("Content-Type", blob.kind), *blob.fields]
    return Response(200, _head(200, now, fields, close=True), (), close=True)


def refuse(
    status: int,
    now: float,
    *more: tuple[str, str],
    without_body: bool = False,
    close: bool = True,
    why: str = "",
) -> Response:
    """An answer that says no, with a line of text that says it again.

    Args:
        status: The status code, 400 or more.
        now: Seconds since the epoch, for Date.
        more: Further fields.
        without_body: The request was a HEAD.
        close: End the connection.
        why: What else the line says.
    """
    text = f"{status} {REASONS[status]}{why and f': {why}'}\n".encode()
    fields = [
        ("Content-Type", "text/plain"),
        ("Content-Length", str(len(text))),
        *more,
    ]
    if status == 405:  # section 15.5.6 asks for it
        fields.append(("Allow", "GET, HEAD"))
    head = _head(status, now, fields, close=close)
    return Response(status, head, () if without_body else (text,), close)


def _validators(blob: Blob, now: float) -> Validators:
    """The blob's; a time in the future becomes now (RFC 9110, section 8.8.2.1)."""
    modified = blob.mtime_ns
    if modified is not None:
        modified = max(0, min(modified // 10**9, int(now)))
    return Validators(blob.etag.encode("latin-1"), modified)


def _head(
    status: int, now: float, fields: list[tuple[str, str]], *, close: bool
) -> bytes:
    """The head in the order and spelling that every boot client reads.

    It says HTTP/1.1 to all (RFC 9112, section 2.3): GRUB looks for just that.
    """
    lines = [
        f"HTTP/1.1 {status} {REASONS[status]}",
        f"Date: {write_date(int(now))}",
        f"Server: {SERVER}",
        *(f"{name}: {value}" for name, value in fields),
        f"Connection: {'close' if close else 'keep-alive'}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_Part = tuple[str, int, list[tuple[str, str]], tuple[bytes | Span, ...]]


def _part(kind: str, blob: Blob, spans: list[Span]) -> _Part:
    """Media type, length, further fields and body of a 206 (section 15.3.7)."""
    ranges = [f"bytes {one.offset}-{one.end - 1}/{blob.size}" for one in spans]
    if len(spans) == 1:
        return kind, spans[0].length, [("Content-Range", ranges[0])], (spans[0],)
    # The etag stands for the content and a hash of it for chance: a boundary must not
    # occur in a part, and each part tells its length besides.
    boundary = blake2b(f"{blob.etag}{ranges}".encode(), digest_size=16).hexdigest()
    body: list[bytes | Span] = []
    for span, of in zip(spans, ranges, strict=True):
        part = (
            f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {of}\r\n\r\n"
        )
        body += [part.encode(), span]
    body.append(f"\r\n--{boundary}--\r\n".encode())
    length = sum(one.length if isinstance(one, Span) else len(one) for one in body)
    return f"multipart/byteranges; boundary={boundary}", length, [], tuple(body)

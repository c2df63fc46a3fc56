"""The head of a request (RFC 9112, sections 2 to 7), without its body: none is taken.

Stricter than the RFC's MAYs where two parsers could read two things: no bare LF, no
folded lines, no body. Laxer where boot loaders need it: spaces and UTF-8 may stand raw
in the target (GRUB sends file names as they are), the leading slash may be missing,
HTTP/1.0 needs no Host (U-Boot).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastboot._ext import twin

from .limits import MAX_FIELDS, MAX_HEAD, MAX_LINE, BadRequest

Scanned = tuple[bytes, bytes, int, list[tuple[bytes, bytes]]]
"""Method, target, minor version (0 or 1), and the fields with names in lower case."""

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_TARGET = re.compile(rb"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?")
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_VALUE_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # any but the tab
_PATH_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)

# uri-host [":" port] (RFC 9110, section 7.2), with a zone in the brackets as RFC 6874
# writes it; empty where the target has no authority.
_HOST = re.compile(
    rb"(?:[A-Za-z0-9\-._~%!$&'()*+,;=]*|\[[A-Za-z0-9\-._~%:]+\])(?::[0-9]{0,5})?"
)

_HANDSHAKE = b"\x16"  # a TLS client's first byte (RFC 8446, section 5.1)

_OTHER_METHODS = frozenset(
    (b"CONNECT", b"DELETE", b"OPTIONS", b"PATCH", b"POST", b"PUT", b"TRACE")
)


@dataclass(frozen=True, slots=True)
class RequestHead:
    r"""The head of a request (RFC 9112, section 2.1).

        method SP target SP HTTP-version CRLF
        *( name ":" OWS value OWS CRLF )
        CRLF

        >>> decode(b"GET /a%20b?c HTTP/1.1\r\nHost: boot\r\n\r\n")[0].path
        '/a b'

    Attributes:
        method: "GET" or "HEAD".
        target: The request target, byte for byte.
        minor: 1 for HTTP/1.1 and what comes after it, 0 for HTTP/1.0.
        fields: Names in lower case and values without the blanks around them, in the
            order of the head.
        path: The target's path, which begins with a slash, decoded once; bytes that
            are no UTF-8 are surrogates (`surrogateescape`).
        query: What follows the target's first "?", as it was sent.
    """

    method: str
    target: bytes
    minor: int
    fields: tuple[tuple[bytes, bytes], ...]
    path: str
    query: bytes = b""

    def field(self, name: bytes) -> bytes | None:
        """The value of a field, of several lines the list (RFC 9110, section 5.3).

        Args:
            name: The field's name in lower case.
        """
        values = [value for key, value in self.fields if key == name]
        return b", ".join(values) if values else None

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may go on (RFC 9112, section 9.3).

        HTTP/1.0's keep-alive is not offered: who speaks 1.0 waits for the close.
        """
        if not self.minor:
            return False
        options = (self.field(b"connection") or b"").lower().split(b",")
        return b"close" not in [option.strip(b" \t") for option in options]

    @property
    def host(self) -> bytes:
        """The host that is asked, of the target if it names one (RFC 9112, 3.2.2)."""
        absolute = _ABSOLUTE.match(self.target)
        return absolute[1] if absolute else self.field(b"host") or b""

    def encode(self) -> bytes:
        """The head as bytes; `decode` reads it back equal."""
        lines = [b"%s %s HTTP/1.%d" % (self.method.encode(), self.target, self.minor)]
        lines += [b"%s: %s" % field for field in self.fields]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def decode(buffer: bytes | bytearray) -> tuple[RequestHead, int] | None:
    """Read the head that `buffer` begins with.

    One empty line before it is passed over (RFC 9112, section 2.2).

    Returns:
        The head and how many bytes it took; None where more bytes are needed.

    Raises:
        BadRequest: on anything that is no request to be answered, as soon as a line
            shows it; nothing else, ever.
    """
    start = 2 if buffer.startswith(b"\r\n") else 0
    window = bytes(buffer[start : start + MAX_HEAD])
    if window.startswith(_HANDSHAKE):
        raise BadRequest(400, "the client speaks HTTPS, not HTTP")
    if window.strip(b"\r") and not _TOKEN.match(window):
        raise BadRequest(400, "not a request line")
    end = window.find(b"\r\n\r\n")
    if end < 0:
        _check_part(window)
        return None
    method, target, minor, fields = scan_head(window[: end + 4])
    if method not in (b"GET", b"HEAD"):
        known = method in _OTHER_METHODS
        raise BadRequest(405 if known else 501, "a method other than GET and HEAD")
    _check_fields(fields, minor)
    path, query = _split_target(target)
    head = RequestHead(method.decode(), target, minor, tuple(fields), path, query)
    return head, start + end + 4


def _check_part(part: bytes) -> None:
    """Raise what the complete head would raise for the lines that are there."""
    last = part.rfind(b"\n")
    if last >= 0:
        scan_head(part[: last + 1] + b"\r\n")
    if len(part[last + 1 :].removesuffix(b"\r")) > MAX_LINE:
        raise _line_too_long(first=last < 0)
    if len(part) >= MAX_HEAD:
        raise BadRequest(431, f"the head is longer than {MAX_HEAD} bytes")


def _check_fields(fields: list[tuple[bytes, bytes]], minor: int) -> None:
    """Exactly one Host (RFC 9112, section 3.2), and no body (section 6)."""
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (minor and not hosts):
        raise BadRequest(400, "not exactly one Host field")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise BadRequest(400, "a Host field that names no host")
    if any(name == b"transfer-encoding" for name, _ in fields):
        raise BadRequest(400, "a request with a body in a transfer coding")
    lengths = [value for name, value in fields if name == b"content-length"]
    # bytes.isdigit knows ASCII's digits only; int() would take "+5" and "1_0".
    if len(lengths) > 1 or not all(length.isdigit() for length in lengths):
        raise BadRequest(400, "a Content-Length that is no number")
    if lengths and lengths[0].strip(b"0"):
        raise BadRequest(413, "a request with a body")


def _split_target(target: bytes) -> tuple[str, bytes]:
    """The path, decoded once, and the query (RFC 9112, section 3.2)."""
    try:
        target.decode()
    except UnicodeDecodeError:
        raise BadRequest(400, "raw bytes in the target that are no UTF-8") from None
    absolute = _ABSOLUTE.match(target)
    if absolute:
        if not absolute[1] or not _HOST.fullmatch(absolute[1]):
            raise BadRequest(400, "a target that names no host")
        target = target[absolute.end() :]
    path, _, query = target.partition(b"#")[0].partition(b"?")
    if _BAD_ESCAPE.search(path):
        raise BadRequest(400, "a percent sign without two digits in the path")
    path = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), path)
    if _PATH_CONTROL.search(path):
        raise BadRequest(400, "a control character in the path")
    if not path.startswith(b"/"):
        path = b"/" + path
    return path.decode("utf-8", "surrogateescape"), query


def _scan_head(head: bytes) -> Scanned:
    """Split a head, up to and with its empty line, into its parts.

    Raises:
        BadRequest: on anything else; nothing else, ever.
    """
    method, target, minor = b"", b"", 0
    fields: list[tuple[bytes, bytes]] = []
    for number, piece in enumerate(head.split(b"\n")[:-1]):
        line = piece.removesuffix(b"\r")
        if len(line) > MAX_LINE:
            raise _line_too_long(first=number == 0)
        if len(line) == len(piece):
            raise BadRequest(400, "a line that does not end with CRLF")
        if number == 0:
            method, target, minor = _request_line(line)
        elif not line:
            return method, target, minor, fields
        elif number > MAX_FIELDS:
            raise BadRequest(431, f"more than {MAX_FIELDS} fields")
        else:
            fields.append(_field_line(line))
    raise BadRequest(400, "a head without an end")


def _request_line(line: bytes) -> tuple[bytes, bytes, int]:
    """Method, target and minor version (RFC 9112, section 3).

    The target is all that stands between the first space and the last, so that it may
    hold spaces itself.
    """
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    if not (
        _TOKEN.fullmatch(method)
        and _TARGET.fullmatch(target)
        and _VERSION.fullmatch(version)
    ):
        raise BadRequest(400, "not a request line")
    if not version.startswith(b"HTTP/1"):
        raise BadRequest(505, "a version other than HTTP/1")
    return method, target, 0 if version.endswith(b"0") else 1


def _field_line(line: bytes) -> tuple[bytes, bytes]:
    """Name and value (RFC 9112, section 5)."""
    if line.startswith((b" ", b"\t")):
        raise BadRequest(400, "a folded field line")
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name):
        raise BadRequest(400, "not a field line")
    if _VALUE_CONTROL.search(value):
        raise BadRequest(400, "a control character in a field's value")
    return name.lower(), value.strip(b" \t")


def _line_too_long(*, first: bool) -> BadRequest:
    if first:
        return BadRequest(414, f"a request line longer than {MAX_LINE} bytes")
    return BadRequest(431, f"a field line longer than {MAX_LINE} bytes")


_twin = twin("http_message")
scan_head = _scan_head if _twin is None else _twin.scan_head

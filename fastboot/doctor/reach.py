"""Asking for the files that machines are sent to, for their sizes alone."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from urllib.parse import quote, urlsplit

from fastboot.errors import DecodeError
from fastboot.firmware.decision import LoadTftp, LoadUrl
from fastboot.tftp.options import number
from fastboot.tftp.packet import Error, OptionAck, ReadRequest, decode

from .facts import Reach, Reached

TFTP_PORT = 69

WAIT = 3.0
"""Seconds to wait for a server; firmware waits four and longer."""

FILES_MAX = 32
"""Files asked for: there are a few kinds of machines, and a few networks."""

AT_ONCE = 8
"""Files asked for at the same time."""

HEAD_MAX = 16384
"""Bytes of an answer's head; ours has some hundred."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]{0,100}))?")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*([0-9]+)")

_SIZE_PROBE = ((b"tsize", b"0"),)
"""RFC 2349, section 3: a request for nothing but the size."""

_THAT_IS_ALL = Error(8, b"size alone")
"""How EDK2 ends it (RFC 2347: a client may refuse with error 8)."""


def reach(
    loads: Iterable[LoadTftp | LoadUrl], wait: float = WAIT
) -> dict[LoadTftp | LoadUrl, Reached]:
    """What comes of asking for files, some at a time.

    What is neither TFTP nor HTTP is left out, and the file of a machine that knows by
    itself what to ask for.
    """

    def one(load: LoadTftp | LoadUrl) -> Reached:
        if isinstance(load, LoadTftp):
            return by_tftp(load.server, load.name, wait=wait)
        return by_http(load.url, wait)

    wanted = [load for load in dict.fromkeys(loads) if _is_known(load)][:FILES_MAX]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(one, wanted), strict=True))


def _is_known(load: LoadTftp | LoadUrl) -> bool:
    if isinstance(load, LoadTftp):
        return bool(load.name)
    return load.url.lower().startswith(("http://", "https://"))


def by_tftp(
    server: IPv4Address, name: str, port: int = TFTP_PORT, wait: float = WAIT
) -> Reached:
    """Ask for a file's size by TFTP, twice at the most; nothing is loaded."""
    path = name.encode("utf-8", "surrogateescape")
    request = ReadRequest(path, b"octet", _SIZE_PROBE).encode()
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            for until in (began + wait / 2, began + wait):
                sock.sendto(request, (str(server), port))
                answer = _answer(sock, server, until)
                if answer is not None:
                    return answer
        except OSError as error:
            return Reached(Reach.SILENT, error.strerror or "")
    return Reached(Reach.SILENT, "no answer")


def _answer(sock: socket.socket, server: IPv4Address, until: float) -> Reached | None:
    """The server's answer; None where none came in time."""
    while (left := until - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            data, sender = sock.recvfrom(65536)
        except TimeoutError:
            break
        if sender[0] != str(server):
            continue  # anybody can send here
        try:
            packet = decode(data)
        except DecodeError:
            return Reached(Reach.SILENT, "the answer is no TFTP")
        if isinstance(packet, Error):
            return Reached(Reach.NOT_FOUND, packet.message.decode("utf-8", "replace"))
        sock.sendto(_THAT_IS_ALL.encode(), sender)
        told = dict(packet.options) if isinstance(packet, OptionAck) else {}
        return Reached(Reach.THERE, "", number(told.get(b"tsize", b"")))
    return None


def by_http(url: str, wait: float = WAIT) -> Reached:
    """Ask for a file by HEAD, as UEFI does first."""
    try:
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme.lower() == "https"
        port = parts.port or (443 if secure else 80)
        name = quote(parts.path or "/", safe="/%", errors="surrogateescape")
        head = f"HEAD {name} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
        request = head.encode("ascii")
    except ValueError:
        return Reached(Reach.SILENT, "the URL is malformed")
    until = time.monotonic() + wait
    try:
        with socket.create_connection((host, port), wait) as sock:
            if not secure:
                return _read_head(sock, request, until)
            with _trusting().wrap_socket(sock, server_hostname=host) as wrapped:
                return _read_head(wrapped, request, until)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        return Reached(Reach.SILENT, words)


def _trusting() -> ssl.SSLContext:
    """Whether a machine trusts the certificate is its own affair.

    It is asked here whether the file is there.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _read_head(sock: socket.socket, request: bytes, until: float) -> Reached:
    """Send the request; what the head of the answer says, if it comes in time."""
    sock.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data and len(data) < HEAD_MAX:
        sock.settimeout(max(0.01, until - time.monotonic()))
        part = sock.recv(4096) if time.monotonic() < until else b""
        if not part:
            break
        data += part
    status = _STATUS.match(data)
    if status is None:
        return Reached(Reach.SILENT, "the answer is no HTTP" if data else "no answer")
    reason = (status[2] or b"").decode("ascii", "replace")
    words = f"{status[1].decode()} {reason}".strip()
    if not status[1].startswith(b"2"):
        return Reached(Reach.NOT_FOUND, words)
    length = _LENGTH.search(data)
    return Reached(Reach.THERE, words, number(length[1]) if length else None)

"""Asking for the files that machines are sent to, for their sizes alone."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterable
from ipaddress import IPv4Address
from urllib.parse import urlsplit

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

_SIZE_PROBE = ((b"tsize", b"0"),)
"""RFC 2349, section 3: a request for nothing but the size."""

_THAT_IS_ALL = Error(8, b"size alone")
"""How EDK2 ends it (RFC 2347: a client may refuse with error 8)."""


def reach(
    loads: Iterable[LoadTftp | LoadUrl], wait: float = WAIT
) -> dict[LoadTftp | LoadUrl, Reached]:
    """What comes of asking for files, one after the other.

    What is neither TFTP nor HTTP is left out, and the file of a machine that knows by
    itself what to ask for.
    """
    found: dict[LoadTftp | LoadUrl, Reached] = {}
    for load in list(dict.fromkeys(loads))[:FILES_MAX]:
        if isinstance(load, LoadTftp):
            if load.name:
                found[load] = by_tftp(load.server, load.name, wait=wait)
        elif load.url.lower().startswith(("http://", "https://")):
            found[load] = by_http(load.url, wait)
    return found


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
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return Reached(Reach.SILENT, "the URL is malformed")
    connection: http.client.HTTPConnection
    if parts.scheme.lower() == "https":
        # Whether a machine trusts the certificate is its own affair; it is asked here
        # whether the file is there.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            host, port, timeout=wait, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=wait)
    try:
        connection.request("HEAD", parts.path or "/")
        answer = connection.getresponse()
        length = answer.getheader("Content-Length", "")
    except (OSError, http.client.HTTPException, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Reached(Reach.SILENT, words)
    finally:
        connection.close()
    words = f"{answer.status} {answer.reason}".strip()
    if not 200 <= answer.status < 300:
        return Reached(Reach.NOT_FOUND, words)
    size = int(length) if length.isdecimal() and len(length) < 20 else None
    return Reached(Reach.THERE, words, size)

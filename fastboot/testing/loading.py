"""TFTP and HTTP as firmware speaks them: block after block, patiently, and not for ever."""

from __future__ import annotations

import socket
import time
from http.client import HTTPConnection, HTTPException
from typing import Self
from urllib.parse import urlsplit

from fastboot.errors import DecodeError
from fastboot.tftp.options import number
from fastboot.tftp.packet import (
    Ack,
    Data,
    Error,
    OptionAck,
    Packet,
    ReadRequest,
    decode,
)

from .firmware import TftpOptions

AGAIN = 0.25
"""Seconds without an answer after which a packet is sent again: real firmware waits one
to four, which nobody wants to watch."""

DATAGRAM_MAX = 65536

Place = tuple[str, int]
"""An address and a port."""


class LoadError(Exception):
    """A file was not loaded.

    Attributes:
        missing: Whether its server said that there is none, or that it is not for us.
    """

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


class Tftp:
    """A client of TFTP on one address.

    Args:
        server: Where requests go.
        address: The address to ask from.
        patience: Seconds that a file may take.
    """

    def __init__(self, server: Place, address: str, patience: float) -> None:
        self._server = server
        self._address = address
        self._patience = patience

    def size(self, name: str, options: TftpOptions) -> int | None:
        """Ask for a file's size alone, and leave with an ERROR, as boot ROMs do.

        Returns:
            The size; None where the server does not tell.

        Raises:
            LoadError: There is no such file, or no answer.
        """
        with _Line(self._server, self._address, self._patience) as line:
            packet = line.ask(name, options)
            line.send(Error(8, b"User aborted the transfer").encode())
            told = dict(packet.options) if isinstance(packet, OptionAck) else {}
            return number(told.get(b"tsize", b""))

    def load(self, name: str, options: TftpOptions) -> bytes:
        """A whole file.

        Raises:
            LoadError: There is no such file, or it did not come to its end.
        """
        with _Line(self._server, self._address, self._patience) as line:
            packet: Packet | None = line.ask(name, options)
            agreed: dict[bytes, bytes] = {}
            if isinstance(packet, OptionAck):
                agreed = dict(packet.options)
                packet = None
                line.send(Ack(0).encode())
            blksize = _granted(agreed, b"blksize", b"512")
            window = _granted(agreed, b"windowsize", b"1")
            return line.read(packet, blksize, window)


def _granted(agreed: dict[bytes, bytes], name: bytes, usual: bytes) -> int:
    """A value that the server granted; what is none ends the transfer (RFC 2347)."""
    value = number(agreed.get(name, usual))
    if not value:
        raise LoadError(f"the server grants {name.decode()} {agreed[name]!r}")
    return value


class _Line:
    """One transfer's socket, and its last word."""

    def __init__(self, server: Place, address: str, patience: float) -> None:
        self._peer = server
        self._known = False  # whether the server's own port is known
        self._until = time.monotonic() + patience
        self._said = b""
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((address, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def send(self, packet: bytes) -> None:
        """Say something, and remember it for the case that it is lost."""
        self._said = packet
        self._sock.sendto(packet, self._peer)

    def ask(self, name: str, options: TftpOptions) -> Packet:
        """Ask for a file; the first answer."""
        encoded = name.encode("utf-8", "surrogateescape")
        self.send(ReadRequest(encoded, b"octet", options).encode())
        return self.hear()

    def hear(self) -> Packet:
        """The next packet of the server; what was said is said again meanwhile."""
        while True:
            left = self._until - time.monotonic()
            if left <= 0:
                raise LoadError("the server does not answer, or not to the end")
            self._sock.settimeout(min(AGAIN, left))
            try:
                raw, peer = self._sock.recvfrom(DATAGRAM_MAX)
            except TimeoutError:
                self._sock.sendto(self._said, self._peer)
                continue
            except ConnectionError:
                continue  # an ICMP error
            if self._known and peer != self._peer:
                continue
            try:
                packet = decode(raw)
            except DecodeError:
                continue
            self._peer, self._known = peer, True
            if isinstance(packet, Error):
                text = packet.message.decode("utf-8", "backslashreplace")
                raise LoadError(text, missing=packet.code in (1, 2))
            return packet

    def read(self, packet: Packet | None, blksize: int, window: int) -> bytes:
        """The file's blocks, from `packet` on if that was one."""
        whole, expected, acked = bytearray(), 1, 0
        while True:
            packet = packet or self.hear()
            if not isinstance(packet, Data):
                packet = None
                continue
            block, payload, packet = packet.block, packet.payload, None
            if block != expected & 0xFFFF:
                if (expected - block) & 0xFFFF > 1:  # a gap: RFC 7440, section 4
                    acked = expected - 1
                    self.send(Ack(acked & 0xFFFF).encode())
                continue
            whole += payload
            last = len(payload) < blksize
            if last or expected - acked == window:
                acked = expected
                self.send(Ack(expected & 0xFFFF).encode())
            if last:
                return bytes(whole)
            expected += 1


Fields = tuple[tuple[str, str], ...]
"""The fields of a request, in order; "Host" is filled in."""


def load_http(
    url: str, fields: Fields, address: str, patience: float, *, head: bool = False
) -> bytes:
    """What a URL has, asked for by HEAD before GET where the firmware does so.

    Raises:
        LoadError: It is not there, or did not come to its end.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(
        parts.hostname or "", parts.port or 80, patience, source_address=(address, 0)
    )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = tuple((name, value or parts.netloc) for name, value in fields)
    try:
        if head:
            _ask(connection, "HEAD", path, fields)
        return _ask(connection, "GET", path, fields)
    except (OSError, HTTPException) as error:
        raise LoadError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _ask(connection: HTTPConnection, method: str, path: str, fields: Fields) -> bytes:
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in fields:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        missing = response.status in (403, 404)
        raise LoadError(f"{response.status} {response.reason}", missing=missing)
    return body

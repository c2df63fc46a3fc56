"""Where a file lies: `tftp://host/name` (RFC 3617)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from fastboot.errors import ConfigError

PORT = 69
"""Where servers take requests (RFC 1350, section 4)."""

NAME_MAX = 1000
"""Longest name, bytes: with its options it fits one Ethernet frame, as requests must."""

_FORM = "write tftp://HOST/FILE or tftp://HOST:PORT/FILE"


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL.

    Attributes:
        host: A name or an address, IPv6 without brackets.
        port: 1..65535.
        name: As it goes into the request.
        netascii: Whether it is text whose line ends are to be converted.
    """

    host: str
    port: int
    name: bytes
    netascii: bool = False

    @property
    def title(self) -> str:
        """For messages: the name and where it lies."""
        name = self.name.decode("utf-8", "replace")
        where = f"[{self.host}]" if ":" in self.host else self.host
        return f"{name} at {where}:{self.port}"


def parse(url: str) -> Address:
    """The parts of a URL.

    The name is relative to the server's folder; a second slash before it makes it begin
    with one, as curl and iPXE have it. `?` and `#` are part of it, as there is nothing
    else that they could mean here; other octets may be escaped with `%`.

    >>> parse("tftp://192.0.2.1:6969/pxe/boot%20me.efi")
    Address(host='192.0.2.1', port=6969, name=b'pxe/boot me.efi', netascii=False)
    >>> parse("tftp://[2001:db8::1]//motd;mode=netascii").name
    b'/motd'

    Raises:
        ConfigError: It is no such URL; the text says what to write.
    """
    scheme, found, rest = url.partition("://")
    if not found or scheme.lower() != "tftp":
        raise ConfigError(f"{url!r} is no TFTP URL: {_FORM}")
    place, _, path = rest.partition("/")
    if "@" in place:
        raise ConfigError(f"{url!r} names a user, and TFTP has none: {_FORM}")
    host, port = _place(place, url)
    path, mode = _mode(path, url)
    name = unquote_to_bytes(path)
    if not name or b"\0" in name or len(name) > NAME_MAX:
        raise ConfigError(f"{url!r} names no file that TFTP can ask for: {_FORM}")
    return Address(host, port, name, netascii=mode == "netascii")


def _place(place: str, url: str) -> tuple[str, int]:
    if place.startswith("["):
        host, closed, rest = place[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        good = bool(closed) and colon in ("", ":")
        # A URL has the zone's "%" escaped (RFC 6874, section 2); people write it bare.
        host = host.replace("%25", "%", 1)
    else:
        host, colon, port = place.partition(":")
        good = ":" not in port
    if not _is_host(host) or not good or bool(colon) != bool(port):
        raise ConfigError(f"{url!r} names no host: {_FORM}, IPv6 as [::1]")
    if not colon:
        return host, PORT
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise ConfigError(f"{url!r} has the port {port!r}, which is no number")
    if not 1 <= int(port) <= 65535:
        raise ConfigError(f"{url!r} has the port {port}; it must be 1..65535")
    return host, int(port)


def _is_host(host: str) -> bool:
    """Whether a resolver can be asked for it: labels are not empty, nor too long."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return bool(host) and host.isprintable()


def _mode(path: str, url: str) -> tuple[str, str]:
    """The path without `;mode=...` at its end, and the mode (RFC 3617, section 3)."""
    name, found, mode = path.rpartition(";mode=")
    if not found:
        return path, "octet"
    if mode.lower() not in ("octet", "netascii"):
        raise ConfigError(f"{url!r} has the mode {mode!r}: it is octet or netascii")
    return name, mode.lower()

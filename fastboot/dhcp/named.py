"""Options by name: what each of RFC 2132 and its followers holds, and how it is written.

A setting names an option by its name here or by its number; the table says what form
its value has. Options that are not in it hold text, or bytes written as "hex:0a0b".
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from .options import Code

Writer = Callable[[Any], bytes]
"""Makes an option's value from a setting's; raises ValueError with what it must be."""


def _address(value: object) -> bytes:
    try:
        return IPv4Address(_text(value).decode()).packed
    except ValueError:
        raise ValueError("an IPv4 address") from None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _addresses(value: object) -> bytes:
    return b"".join(_address(item) for item in _list(value)) or _need("IPv4 addresses")


def _need(what: str) -> bytes:
    raise ValueError(what)


def _number(size: int, *, signed: bool = False) -> Writer:
    least = -(1 << size * 8 - 1) if signed else 0
    most = least + (1 << size * 8) - 1

    def write(value: object) -> bytes:
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                return value.to_bytes(size, "big", signed=signed)
            except OverflowError:
                pass
        raise ValueError(f"a whole number between {least} and {most}")

    return write


def _numbers(size: int) -> Writer:
    one = _number(size)

    def write(value: object) -> bytes:
        return b"".join(one(item) for item in _list(value)) or _need("numbers")

    return write


def _switch(value: object) -> bytes:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 (for the setting's author)
    return bytes((value,))


def _text(value: object) -> bytes:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("a text")
    return value.encode()


def _bytes(value: object) -> bytes:
    """Text as it is, or bytes in hexadecimal digits behind "hex:"."""
    text = _text(value).decode()
    if not text.startswith("hex:"):
        return text.encode()
    try:
        return bytes.fromhex(text.removeprefix("hex:").replace(":", ""))
    except ValueError:
        raise ValueError('a text, or "hex:" and bytes such as 0a:0b') from None


def _domain(value: object) -> bytes:
    """A name as DNS writes it (RFC 1035, section 3.1), which RFC 3397 uses."""
    try:
        labels = [
            label.encode("idna")
            for label in _text(value).decode().strip(".").split(".")
        ]
    except UnicodeError:
        labels = [b""]
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError("a domain name")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def _domains(value: object) -> bytes:
    return b"".join(_domain(item) for item in _list(value)) or _need("domain names")


def _routes(value: object) -> bytes:
    """Networks and their routers (RFC 3442): "10.0.0.0/8 192.0.2.1"."""
    routes = b""
    for item in _list(value):
        try:
            network_text, router = _text(item).decode().split()
            network = IPv4Network(network_text)
            length = network.prefixlen
            routes += (
                bytes((length,)) + network.network_address.packed[: (length + 7) // 8]
            )
            routes += IPv4Address(router).packed
        except ValueError:
            raise ValueError('routes such as "10.0.0.0/8 192.0.2.1"') from None
    return routes or _need("routes")


_U8, _U16, _U32 = _number(1), _number(2), _number(4)

NAMED: dict[str, tuple[int, Writer]] = {
    # RFC 2132, section 3
    "subnet-mask": (1, _address),
    "time-offset": (2, _number(4, signed=True)),
    "router": (3, _addresses),
    "time-server": (4, _addresses),
    "name-server": (5, _addresses),
    "domain-name-server": (6, _addresses),
    "log-server": (7, _addresses),
    "cookie-server": (8, _addresses),
    "lpr-server": (9, _addresses),
    "impress-server": (10, _addresses),
    "resource-location-server": (11, _addresses),
    "host-name": (12, _text),
    "boot-file-size": (13, _U16),
    "merit-dump-file": (14, _text),
    "domain-name": (15, _text),
    "swap-server": (16, _address),
    "root-path": (17, _text),
    "extensions-path": (18, _text),
    # section 4: the IP layer of a host
    "ip-forwarding": (19, _switch),
    "non-local-source-routing": (20, _switch),
    "policy-filter": (21, _addresses),
    "maximum-datagram-reassembly": (22, _U16),
    "default-ip-ttl": (23, _U8),
    "path-mtu-aging-timeout": (24, _U32),
    "path-mtu-plateau-table": (25, _numbers(2)),
    # section 5: the IP layer of an interface
    "interface-mtu": (26, _U16),
    "all-subnets-local": (27, _switch),
    "broadcast-address": (28, _address),
    "perform-mask-discovery": (29, _switch),
    "mask-supplier": (30, _switch),
    "perform-router-discovery": (31, _switch),
    "router-solicitation-address": (32, _address),
    "static-route": (33, _addresses),
    # section 6: the link layer
    "trailer-encapsulation": (34, _switch),
    "arp-cache-timeout": (35, _U32),
    "ethernet-encapsulation": (36, _switch),
    # section 7: TCP
    "tcp-default-ttl": (37, _U8),
    "tcp-keepalive-interval": (38, _U32),
    "tcp-keepalive-garbage": (39, _switch),
    # section 8: applications and services
    "nis-domain": (40, _text),
    "nis-server": (41, _addresses),
    "ntp-server": (42, _addresses),
    "vendor-specific": (43, _bytes),
    "netbios-name-server": (44, _addresses),
    "netbios-datagram-server": (45, _addresses),
    "netbios-node-type": (46, _U8),
    "netbios-scope": (47, _bytes),
    "x-font-server": (48, _addresses),
    "x-display-manager": (49, _addresses),
    "nis-plus-domain": (64, _text),
    "nis-plus-server": (65, _addresses),
    "mobile-ip-home-agent": (68, _addresses),
    "smtp-server": (69, _addresses),
    "pop3-server": (70, _addresses),
    "nntp-server": (71, _addresses),
    "www-server": (72, _addresses),
    "finger-server": (73, _addresses),
    "irc-server": (74, _addresses),
    "street-talk-server": (75, _addresses),
    "stda-server": (76, _addresses),
    # section 9: what DHCP says about itself, as far as it may be set
    "vendor-class": (60, _bytes),
    "tftp-server-name": (66, _text),
    "boot-file-name": (67, _text),
    # others
    "posix-timezone": (100, _text),  # RFC 4833
    "tzdb-timezone": (101, _text),  # RFC 4833
    "ipv6-only-preferred": (108, _U32),  # RFC 8925
    "captive-portal": (114, _text),  # RFC 8910
    "domain-search": (119, _domains),  # RFC 3397
    "classless-static-route": (121, _routes),  # RFC 3442
    "tftp-server-address": (150, _addresses),  # RFC 5859
    "pxelinux-config-file": (209, _text),  # RFC 5071
    "pxelinux-path-prefix": (210, _text),  # RFC 5071
    "pxelinux-reboot-time": (211, _U32),  # RFC 5071
    "web-proxy": (252, _text),  # by use
}
"""Names, and for each the option's number and what writes its value."""

_WRITERS = dict(NAMED.values())

OWN = frozenset(
    {
        *(Code.PAD, Code.REQUESTED_ADDRESS, Code.LEASE_TIME, Code.OVERLOAD),
        *(Code.MESSAGE_TYPE, Code.SERVER_IDENTIFIER, Code.PARAMETER_REQUEST_LIST),
        *(Code.MESSAGE, Code.MAX_MESSAGE_SIZE, Code.RENEWAL_TIME, Code.REBINDING_TIME),
        *(Code.CLIENT_IDENTIFIER, Code.RELAY_AGENT_INFORMATION, Code.END),
    }
)
"""Options that the protocol itself fills: no setting may."""


def encode_named(name: str, value: object) -> tuple[int, bytes]:
    r"""An option from a setting: its number and its value's bytes.

        >>> encode_named("router", ["192.0.2.1"])
        (3, b'\xc0\x00\x02\x01')
        >>> encode_named("224", "hex:0a0b")
        (224, b'\n\x0b')

    Args:
        name: A name in `NAMED`, or a number in digits.
        value: What a TOML file holds.

    Raises:
        ValueError: There is no such option, or that is no value of it; the text says
            what is.
    """
    if name in NAMED:
        code, write = NAMED[name]
    elif name.isascii() and name.isdigit() and len(name) <= 3 and int(name) <= 255:
        code = int(name)
        write = _WRITERS.get(code, _bytes)
    else:
        raise ValueError(f"there is no option called {name}; give its number")
    if code in OWN:
        raise ValueError(f"option {name} is the server's own to fill")
    try:
        return code, write(value)
    except ValueError as error:
        raise ValueError(f"option {name} is {value!r}; it must be {error}") from None

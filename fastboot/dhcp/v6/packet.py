"""DHCPv6 messages as bytes: between clients and servers, and through relays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address

from fastboot.errors import DecodeError

from .options import Code, Options, decode_area, encode_area, get

HOPS_MAX = 8
"""Relays that a message may have passed (RFC 8415, section 7.6)."""

RELAY_HEAD = 34


class Kind(IntEnum):
    """Message types (RFC 8415, section 7.3)."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    CONFIRM = 4
    RENEW = 5
    REBIND = 6
    REPLY = 7
    RELEASE = 8
    DECLINE = 9
    RECONFIGURE = 10
    INFORMATION_REQUEST = 11
    RELAY_FORWARD = 12
    RELAY_REPLY = 13


@dataclass(frozen=True, slots=True)
class Message:
    """A message between a client and a server (RFC 8415, section 8).

      0          1          2          3          4
      +----------+----------+----------+----------+
      | msg-type |         transaction-id         |
      +----------+----------+----------+----------+
      |  options ...                              |
      +-------------------------------------------+

    Attributes:
        kind: What it is, a `Kind`.
        xid: The transaction that a reply repeats, 24 bits.
        options: Codes and values.
    """

    kind: int
    xid: int
    options: Options = ()

    def option(self, code: int) -> bytes | None:
        """The value of the first option `code`; None where it is absent."""
        return get(self.options, code)

    def encode(self) -> bytes:
        """The message as bytes."""
        return (
            bytes((self.kind,))
            + self.xid.to_bytes(3, "big")
            + encode_area(self.options)
        )


@dataclass(frozen=True, slots=True)
class Relayed:
    """A message that a relay sends on, or that it is to send on (section 9).

      0          1          2                     18                    34
      +----------+----------+----------+----------+----------+----------+---------
      | msg-type |   hops   |    link-address     |    peer-address     | options ...
      +----------+----------+----------+----------+----------+----------+---------

    Attributes:
        kind: RELAY_FORWARD or RELAY_REPLY.
        hops: Relays that were passed before this one.
        link: An address on the client's link; unspecified where a relay nearer to the
            client tells.
        peer: Who the relay had it from, or is to give it to.
        options: Codes and values, among them RELAY_MESSAGE.
    """

    kind: int
    hops: int
    link: IPv6Address
    peer: IPv6Address
    options: Options = ()

    def option(self, code: int) -> bytes | None:
        """The value of the first option `code`; None where it is absent."""
        return get(self.options, code)

    def encode(self) -> bytes:
        """The message as bytes."""
        head = bytes((self.kind, self.hops)) + self.link.packed + self.peer.packed
        return head + encode_area(self.options)


def decode(data: bytes) -> Message | Relayed:
    r"""A message as it came in.

        >>> decode(b"\x0b\x12\x34\x56").kind
        11

    Raises:
        DecodeError: It is none.
    """
    if not data:
        raise DecodeError("an empty message")
    kind = data[0]
    if kind in (Kind.RELAY_FORWARD, Kind.RELAY_REPLY):
        if len(data) < RELAY_HEAD:
            raise DecodeError("a relayed message is too short")
        link, peer = IPv6Address(data[2:18]), IPv6Address(data[18:34])
        return Relayed(kind, data[1], link, peer, decode_area(data[RELAY_HEAD:]))
    if not Kind.SOLICIT <= kind <= Kind.INFORMATION_REQUEST:
        raise DecodeError(f"message type {kind} is unknown")
    if len(data) < 4:
        raise DecodeError("a message is too short")
    return Message(kind, int.from_bytes(data[1:4], "big"), decode_area(data[4:]))


def unwrap(packet: Message | Relayed) -> tuple[Message, tuple[Relayed, ...]]:
    """A client's message, and the relays it came through, the nearest to us first.

    Raises:
        DecodeError: A relay passes nothing on, or there are too many of them.
    """
    relays: list[Relayed] = []
    while isinstance(packet, Relayed):
        if packet.kind != Kind.RELAY_FORWARD:
            raise DecodeError("a relay's reply is not for a server")
        if len(relays) > HOPS_MAX:
            raise DecodeError("it passed too many relays")
        inner = packet.option(Code.RELAY_MESSAGE)
        if inner is None:
            raise DecodeError("a relay passed nothing on")
        relays.append(packet)
        packet = decode(inner)
    return packet, tuple(relays)


def wrap(reply: Message, relays: tuple[Relayed, ...]) -> bytes:
    """The reply as the relays take it back (RFC 8415, section 19.3)."""
    data = reply.encode()
    for relay in reversed(relays):
        options: Options = ((Code.RELAY_MESSAGE, data),)
        interface = relay.option(Code.INTERFACE_ID)
        if interface is not None:
            options = ((Code.INTERFACE_ID, interface), *options)
        data = Relayed(
            Kind.RELAY_REPLY, relay.hops, relay.link, relay.peer, options
        ).encode()
    return data

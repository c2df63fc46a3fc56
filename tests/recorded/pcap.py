"""Captured packets, read: the classic format of tcpdump, Ethernet and IPv4 alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}


@dataclass(frozen=True, slots=True)
class Datagram:
    """One packet.

    Attributes:
        seconds: When it was seen, since 1970.
        source: Where it came from.
        target: Where it went.
        protocol: "udp", "tcp" or "icmp".
        source_port: The port that it came from; 0 with ICMP.
        target_port: The port that it went to; 0 with ICMP.
        data: What it carried.
    """

    seconds: float
    source: IPv4Address
    target: IPv4Address
    protocol: str
    source_port: int
    target_port: int
    data: bytes


def read(path: Path) -> list[Datagram]:
    """The packets of a file.

    0            8            16           24
    +------------+------------+------------+
    | magic      | version ...  link type  |  once, 24 bytes
    +------------+------------+------------+------------+
    | seconds    | microsecs  | length     | on wire    |  for each packet
    +------------+------------+------------+------------+
    """
    raw = path.read_bytes()
    magic, *_, link = struct.unpack_from("<IHHIIII", raw)
    assert (magic, link) == (0xA1B2C3D4, 1), f"{path}: no Ethernet with microseconds"
    packets = []
    at = 24
    while at < len(raw):
        seconds, micros, length, _ = struct.unpack_from("<IIII", raw, at)
        at += 16
        packet = raw[at : at + length]
        at += length
        packets.append(_packet(seconds + micros / 1e6, packet[14:]))
    return packets


def _packet(seconds: float, ip: bytes) -> Datagram:
    """A packet, from its IPv4 header on (RFC 791, section 3.1)."""
    ip = ip[: int.from_bytes(ip[2:4])]  # Ethernet pads what is short
    protocol = _PROTOCOLS[ip[9]]
    inner = ip[(ip[0] & 15) * 4 :]
    head = {"icmp": 8, "udp": 8, "tcp": 0}[protocol]
    if protocol == "tcp":
        head = (inner[12] >> 4) * 4
    ports = (0, 0) if protocol == "icmp" else struct.unpack_from(">HH", inner)
    source, target = IPv4Address(ip[12:16]), IPv4Address(ip[16:20])
    return Datagram(seconds, source, target, protocol, *ports, inner[head:])

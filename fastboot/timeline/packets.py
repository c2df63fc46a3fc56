"""The last datagrams of each machine, bounded, and as a file that Wireshark reads."""

from __future__ import annotations

import struct
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

PER_CLIENT = 64
"""Datagrams kept of a machine: a boot with its repetitions has thirty."""

DATA_MAX = 1472
"""Bytes kept of a datagram: the longest DHCP message, and more than the rest needs."""

_COST = 420
"""Bytes that one takes beside its data, measured."""

_MAGIC = 0xA1B2C3D4  # stamps are in microseconds
_LINK_RAW = 101  # LINKTYPE_RAW: packets begin with their IP header
_SNAP = 65535
_UDP = 17

_FILE_HEAD = struct.Struct("<IHHiIII")
_RECORD_HEAD = struct.Struct("<IIII")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_UDP_HEAD = struct.Struct("!HHHH")

Place = tuple[str, int]


@dataclass(slots=True)  # not frozen: twice as fast to make, and it is made per request
class Captured:
    """A datagram that was seen.

    Attributes:
        at: When, seconds since 1970.
        source: The sender's address and port.
        target: The receiver's.
        data: What was in it, the first `DATA_MAX` bytes.
        size: How many bytes there were.
    """

    at: float
    source: Place
    target: Place
    data: bytes
    size: int

    @property
    def cost(self) -> int:
        """Bytes of memory that it takes, about."""
        return _COST + len(self.data)


class Ring:
    """The last datagrams of each machine.

    Args:
        bytes_max: Bytes that all of them may take; the machine that was not heard of
            for longest makes room.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._by_key: OrderedDict[str, deque[Captured]] = OrderedDict()
        self.cost = 0

    def add(self, key: str, packet: Captured) -> None:
        """Keep a datagram of the machine that goes by this key."""
        kept = self._by_key.get(key)
        if kept is None:
            kept = self._by_key[key] = deque()
        self._by_key.move_to_end(key)
        kept.append(packet)
        self.cost += packet.cost
        if len(kept) > PER_CLIENT:
            self.cost -= kept.popleft().cost
        while self.cost > self._bytes_max and len(self._by_key) > 1:
            self.forget(next(iter(self._by_key)))

    def of(self, key: str) -> tuple[Captured, ...]:
        """Those of one machine, the oldest first."""
        return tuple(self._by_key.get(key, ()))

    def move(self, key: str, to: str) -> None:
        """A machine goes by another key from now on."""
        if key in self._by_key:
            moved = [*self._by_key.pop(key), *self._by_key.pop(to, ())]
            moved.sort(key=lambda packet: packet.at)
            self.cost -= sum(packet.cost for packet in moved[:-PER_CLIENT])
            self._by_key[to] = deque(moved[-PER_CLIENT:])

    def forget(self, key: str) -> None:
        """Drop those of one machine."""
        self.cost -= sum(packet.cost for packet in self._by_key.pop(key, ()))


def write_pcap(packets: Iterable[Captured]) -> bytes:
    """The datagrams as a capture file (draft-ietf-opsawg-pcap), stamps to the µs.

    They are given the IP and UDP headers that they had on the way, as far as these are
    known: lifetimes and identifications are not.
    """
    out = [_FILE_HEAD.pack(_MAGIC, 2, 4, 0, 0, _SNAP, _LINK_RAW)]
    for packet in packets:
        raw = datagram(packet.source, packet.target, packet.data)
        whole = len(raw) + packet.size - len(packet.data)
        seconds, rest = divmod(round(packet.at * 1_000_000), 1_000_000)
        out += (_RECORD_HEAD.pack(seconds, rest, len(raw), max(whole, len(raw))), raw)
    return b"".join(out)


def datagram(source: Place, target: Place, data: bytes) -> bytes:
    """An IP packet with a UDP datagram in it (RFC 768; RFC 791; RFC 8200)."""
    here, there = _address(source[0]), _address(target[0])
    if len(here) != len(there):  # one is unknown: what is known tells the family
        here, there = here.rjust(16, b"\0"), there.rjust(16, b"\0")
    length = _UDP_HEAD.size + len(data)
    if len(here) == 4:
        pseudo = here + there + struct.pack("!BBH", 0, _UDP, length)
        size = _IPV4.size + length
        head = _IPV4.pack(0x45, 0, size, 0, 0, 64, _UDP, 0, here, there)
        head = head[:10] + checksum(head).to_bytes(2, "big") + head[12:]
    else:
        pseudo = here + there + struct.pack("!II", length, _UDP)
        head = _IPV6.pack(6 << 28, length, _UDP, 64, here, there)
    udp = _UDP_HEAD.pack(source[1], target[1], length, 0)
    total = checksum(pseudo + udp + data) or 0xFFFF  # 0 would mean: none
    return head + udp[:6] + total.to_bytes(2, "big") + data


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071).

    >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
    '0x220d'
    """
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _address(text: str) -> bytes:
    bare = text.partition("%")[0]
    return ip_address(bare).packed if bare else IPv4Address(0).packed

"""The client's compiled receiver beside the one in Python, behind a real socket.

What comes is sent from two sockets, one by one or joined by the kernel, and in any order:
both must say, keep and hand on the same.
"""

from __future__ import annotations

import socket
import struct

from fastboot._ext import tftp_client
from fastboot.tftp import receive
from fastboot.tftp.landing import Memory
from fastboot.tftp.options import Negotiated
from fastboot.tftp.packet import Data

from .history import History

UDP_SEGMENT = 103  # linux/udp.h
STEPS_MAX = 30

SEEDS = (
    bytes((1, 2)) + bytes((0, 1, 7, 0, 0, 8, 7, 0, 0, 16, 7, 0)),
    bytes((0, 0)) + bytes((1, 1, 1, 0, 2, 3, 1, 0, 4, 5)),
    bytes((2, 3)) + bytes((0, 1, 60, 0, 3, 9, 9, 9, 0, 30, 63, 1)),
)

WORDS = (bytes((0, 1, 8, 0)), bytes((2, 4, 0, 3, 0, 1)), bytes((0, 9, 63, 0)))

_SOCKETS = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
for _sock in _SOCKETS:
    _sock.bind(("127.0.0.1", 0))
    _sock.setblocking(False)
_CLIENT, _SERVER, _STRANGER = _SOCKETS


def run(data: bytes) -> None:
    """Send both the same and compare all that shows."""
    history = History(data)
    blksize = history.choice((8, 16, 512))
    negotiated = Negotiated(blksize, history.choice((1, 4, 8, 64)))
    contents = Memory(1 << 20), Memory(1 << 20)
    plain = receive.Receiver(contents[0], negotiated)
    compiled = tftp_client.Receiver(contents[1], negotiated)
    for machine in (plain, compiled):
        machine.start(0.0)
    now = 0.0
    for _ in range(STEPS_MAX):
        if not history:
            break
        now += 0.01
        datagrams, source, joined = _step(history, blksize)
        said = []
        if source is _SERVER:
            for raw in datagrams:
                said += plain.receive(raw, now)
        _send(source, datagrams, joined=joined)
        assert said == _drained(compiled, now)
        for name in ("acknowledged", "outcome", "deadline", "gaps", "confirmed"):
            assert getattr(plain, name) == getattr(compiled, name), name
    for content in contents:
        content.keep()
    assert contents[0].data == contents[1].data


def _step(history: History, blksize: int) -> tuple[list[bytes], socket.socket, bool]:
    """Some datagrams, where they come from, and whether they are joined."""
    step = history.number() % 4
    if step == 3:
        return [history.bytes(40)], history.choice((_SERVER, _STRANGER)), False
    first, count = history.number(), history.number() % 64 + 1
    size = blksize if step < 2 else history.number() % (blksize + 2)
    source = _STRANGER if history.number() % 8 == 7 else _SERVER
    blocks = [
        Data(first + n, bytes([first + n & 0xFF]) * size).encode() for n in range(count)
    ]
    return blocks, source, step == 0


def _send(sock: socket.socket, datagrams: list[bytes], *, joined: bool) -> None:
    here = _CLIENT.getsockname()
    if joined:
        size = struct.pack("=H", len(datagrams[0]))
        sock.sendmsg(datagrams, [(socket.SOL_UDP, UDP_SEGMENT, size)], 0, here)
        return
    for raw in datagrams:
        sock.sendto(raw, here)


def _drained(compiled: tftp_client.Receiver, now: float) -> list[bytes]:
    """What the compiled one says to all that has come."""
    said: list[bytes] = []
    peer = _SERVER.getsockname()
    more = True
    while more:
        others, packets, more, failed = compiled.drain(_CLIENT, peer, now)
        assert failed == 0
        said += _acks() + packets
        for raw, source in others:
            if source == peer:
                said += compiled.receive(raw, now)
    return said


def _acks() -> list[bytes]:
    found = []
    while True:
        try:
            found.append(_SERVER.recv(100))
        except BlockingIOError:
            return found

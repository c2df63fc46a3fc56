"""The compiled front beside the one in Python: real connections, any bytes in pieces.

A byte 0xFF in an input is where one piece ends and the next turn begins; 0xFE stands for
a request for the file that both fronts know already.
"""

from __future__ import annotations

import re
import socket
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from fastboot._ext import http_front
from fastboot.config import HttpConfig
from fastboot.events import Fault
from fastboot.http import engine, front
from fastboot.listen import Place
from fastboot.tree import Directory

GET = b"GET /file HTTP/1.1\r\nHost: boot\r\n\r\n"
PART = b"GET /file HTTP/1.1\r\nHost: boot\r\nRange: bytes=5-99\r\n\r\n"
TURNS = 60

SEEDS = (
    GET + GET,
    b"\xfe\xfe\xff\xfe",
    PART + b"\xff" + PART.replace(b"5-99", b"3900-9999999999"),
    GET[:20] + b"\xff" + GET[20:] + PART[:-2] + b"\xff\r\n",
    b"HEAD /file HTTP/1.0\r\n\r\n",
    GET.replace(b"/file", b"/none") + GET,
)

WORDS = (
    b"\xfe",
    b"\xff",
    GET,
    PART,
    b"\r\nRange: bytes=",
    b"999999999999999999",
    b"0-0,2-3",
    b"\r\nConnection: close",
    b"\r\nIf-None-Match: *",
)


def run(data: bytes) -> None:
    """Send the same to both and compare what they answer."""
    pieces = [piece.replace(b"\xfe", GET) for piece in data.split(b"\xff")]
    pieces = [piece for piece in pieces if piece]
    with TemporaryDirectory(prefix="fuzz") as name, _years_ahead():
        folder = Path(name)
        (folder / "file").write_bytes(bytes(range(256)) * 16)
        answers = [
            _answer(kind, folder, pieces) for kind in (front.Front, http_front.Front)
        ]
    if None not in answers:
        assert answers[0] == answers[1]


def _years_ahead() -> AbstractContextManager[object]:
    """A wall clock for which the file is old: one that just changed is not kept."""
    return mock.patch.object(engine, "time", return_value=2_000_000_000.0)


def _answer(kind: type, folder: Path, pieces: list[bytes]) -> bytes | None:
    """What an engine with that front answers, once it knows the file."""
    events: list[object] = []
    tree = Directory(folder)
    place = Place("127.0.0.1")
    served = engine.Engine(HttpConfig(port=0), tree, events.append, [place], kind)
    try:
        _talk(served, [GET, GET])
        answer = _talk(served, pieces)
    finally:
        served.close()
        tree.close()
    faults = [event for event in events if isinstance(event, Fault)]
    assert not faults, faults
    return answer


def _talk(served: engine.Engine, pieces: list[bytes]) -> bytes | None:
    """What comes back for these pieces; None where the end was a reset."""
    got = b""
    with socket.create_connection(served.ports[0]) as sock:
        sock.setblocking(False)
        try:
            for piece in pieces:
                sock.sendall(piece)
                served.poll(0)
                got += _read(sock) or b""
            sock.shutdown(socket.SHUT_WR)
            for _ in range(TURNS):
                served.poll(0)
                more = _read(sock)
                if more == b"":
                    break
                got += more or b""
        except OSError:
            return None
    served.poll(0)
    return re.sub(rb"\r\nDate: [^\r]*", b"", got)


def _read(sock: socket.socket) -> bytes | None:
    """What has come; None: nothing yet, empty: the end."""
    try:
        return sock.recv(1 << 20)
    except BlockingIOError:
        return None

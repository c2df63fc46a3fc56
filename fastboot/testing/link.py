"""A UDP link on loopback that loses, doubles and swaps datagrams, by a seed.

    client  <-->  port of the link  <-->  port of the server

A server of TFTP answers from a port of its own; the client sees each such port as one
more port of the link. What befalls the n-th datagram in either direction is the seed's
choice alone, so a run can be repeated as far as both ends say the same.
"""

from __future__ import annotations

import random
import selectors
import socket
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Self

SOCKETS_MAX = 512
"""Sockets of clients and of server ports; datagrams that need more are lost."""

LATE = 0.02
"""Seconds for which a datagram that is swapped with the next waits for it."""

DATAGRAM_MAX = 65536
BUFFER = 4 << 20

Peer = tuple[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class _End:
    """A socket of the link.

    Attributes:
        sock: The socket.
        way: "up" where it hears a client, "down" where it hears the server.
        client: Whose it is; None where all clients come in.
        server: The server's port that it stands for, on the way up.
    """

    sock: socket.socket
    way: str
    client: Peer | None
    server: Peer


class LossyLink:
    """The link; it runs on a thread while its context lasts.

    Args:
        target: The server's port on 127.0.0.1, or address and port.
        seed: Decides what befalls which datagram.
        loss: The share of datagrams that are lost, from 0 to 1.
        reorder: The share that change places with the next one.
        duplicate: The share that arrive twice.

    Attributes:
        port: Where clients send to, on 127.0.0.1.
        counts: Datagrams by what befell them: "passed", "lost", "swapped", "doubled".
    """

    def __init__(
        self,
        target: int | Peer,
        *,
        seed: int = 1,
        loss: float = 0.0,
        reorder: float = 0.0,
        duplicate: float = 0.0,
    ) -> None:
        if not (min(loss, reorder, duplicate) >= 0 and loss + reorder + duplicate <= 1):
            raise ValueError("loss, reorder and duplicate are shares of 1 altogether")
        self._target = ("127.0.0.1", target) if isinstance(target, int) else target
        self._fates = {way: random.Random(f"{seed} {way}") for way in ("up", "down")}  # noqa: S311 (a test's choice)
        self._limits = (loss, loss + reorder, loss + reorder + duplicate)
        self._selector = selectors.DefaultSelector()
        self._ends: set[_End] = set()
        self._upward: dict[Peer, _End] = {}  # client -> its socket to the server
        self._faces: dict[tuple[Peer, Peer], _End] = {}  # client, server port
        self._held: dict[str, tuple[socket.socket, bytes, Peer]] = {}
        self.counts: Counter[str] = Counter()
        self._stopping = False
        front = self._open("up", None, self._target)
        if front is None:
            raise OSError("no socket is left for the link")
        self._front = front
        self.port: int = front.sock.getsockname()[1]
        self._waker = socket.socketpair()
        self._selector.register(self._waker[0], selectors.EVENT_READ)
        self._thread = threading.Thread(
            target=self._run, name="lossy link", daemon=True
        )

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and give every socket back."""
        self._stopping = True
        self._waker[1].send(b"\0")
        self._thread.join()
        for end in self._ends:
            end.sock.close()
        for sock in self._waker:
            sock.close()
        self._selector.close()

    def _open(self, way: str, client: Peer | None, server: Peer) -> _End | None:
        if len(self._ends) >= SOCKETS_MAX:
            return None
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        except OSError:
            return None  # no descriptor is left
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        end = _End(sock, way, client, server)
        self._ends.add(end)
        self._selector.register(sock, selectors.EVENT_READ, end)
        return end

    def _run(self) -> None:
        while not self._stopping:
            ready = self._selector.select(LATE if self._held else None)
            if not ready:
                for way in tuple(self._held):
                    self._release(way)
            for key, _ in ready:
                if isinstance(key.data, _End):
                    self._take(key.data)

    def _take(self, end: _End) -> None:
        """Take a datagram, and send it on as its fate has it."""
        try:
            data, peer = end.sock.recvfrom(DATAGRAM_MAX)
        except OSError:
            return  # an ICMP error: somebody has left
        onward = self._onward(end, (peer[0], peer[1]))
        if onward is None:
            self.counts["lost"] += 1
            return
        chance = self._fates[end.way].random()
        lost, swapped, doubled = self._limits
        if chance < lost:
            self.counts["lost"] += 1
        elif chance < swapped and end.way not in self._held:
            self.counts["swapped"] += 1
            self._held[end.way] = (*onward[:1], data, onward[1])
        else:
            self.counts["doubled" if swapped <= chance < doubled else "passed"] += 1
            for _ in range(2 if swapped <= chance < doubled else 1):
                _send(onward[0], data, onward[1])
            self._release(end.way)

    def _onward(self, end: _End, peer: Peer) -> tuple[socket.socket, Peer] | None:
        """From which socket a datagram goes on, and to whom; None: there is no room."""
        if end.way == "up":
            up = self._upward.get(peer) or self._open("down", peer, self._target)
            if up is None:
                return None
            self._upward[peer] = up
            return up.sock, end.server
        client = end.client
        assert client is not None  # what the server says is for one client
        if peer == self._target:
            return self._front.sock, client
        face = self._faces.get((client, peer)) or self._open("up", client, peer)
        if face is None:
            return None
        self._faces[client, peer] = face
        return face.sock, client

    def _release(self, way: str) -> None:
        """Send what waited for another one to go first."""
        held = self._held.pop(way, None)
        if held is not None:
            sock, data, peer = held
            _send(sock, data, peer)


def _send(sock: socket.socket, data: bytes, peer: Peer) -> None:
    try:
        sock.sendto(data, peer)
    except OSError:
        pass  # its queue is full, or somebody has left: lost as on any link

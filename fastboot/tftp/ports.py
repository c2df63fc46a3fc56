"""TFTP's sockets: well-known ports for requests, a few data ports for all transfers.

For each place there is a listening socket and a small pool of data sockets on ports of
the kernel's choice, which are the transfers' TIDs (RFC 1350, section 4): a client is
told apart by its address and port. That costs no descriptor, bind or close per transfer.

Which port of the pool a client gets is a keyed hash of its address: whoever sends ACKs
in somebody else's name has to guess it, and one that goes to another port gives the
forger away. Where all leave by the listening port (`single`) there is nothing to guess:
NAT and Kubernetes need that, others should not want it. A socket for each transfer
(`each`) is what other servers do: nothing to share, a descriptor and three calls more.

The compiled carrier gives who took a whole file from us the pool's first port, for ten
minutes: he has heard us, which is what the guess is to prove. One call then takes the
ACKs of all of them. What it costs: for so long, ACKs can be forged in his name.
"""

from __future__ import annotations

import hashlib
import os
import random
import socket
from collections import deque
from collections.abc import Iterable, Iterator

from fastboot.arrival import SPACE, Ancillary, Arrival, arrival, sent_from
from fastboot.config.tftp import port_range
from fastboot.errors import ListenError
from fastboot.listen import Place, udp
from fastboot.poller import READ, WRITE, Poller

POOL = 8
"""Data sockets for each place: the more, the harder to guess; the fewer, the more
datagrams are taken from one by one call."""

QUEUE_MAX = 4096
"""Packets that wait for room in one socket; those behind are as good as lost."""

BATCH = 64
"""Datagrams taken from one socket before the others have their turn."""

DATAGRAM_MAX = 2048
"""Longest datagram looked at: requests end at 1500 bytes, ACKs at 4."""

Peer = tuple[str, int] | tuple[str, int, int, int]
"""A client's address and port, as the socket module writes them."""

Line = tuple[int, Peer]
"""A data socket's descriptor and the client at the other end."""


class Ports:
    """The sockets of one engine, watched by its poller."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._sockets: dict[int, socket.socket] = {}
        self._pools: dict[int, list[int]] = {}  # listener -> its data sockets
        self._places: dict[int, Place] = {}  # listener -> where it is, if `each`
        self._own: dict[Peer, int] = {}  # client -> the socket that is its own
        self._settled: set[int] = set()  # sockets that leave by one address only
        self._key = os.urandom(16)
        self._outbox: dict[int, deque[tuple[bytes, Ancillary, Peer]]] = {}

    def open(
        self, place: Place, port: int, data: str = "pool", most: int = POOL
    ) -> None:
        """Take requests at a place.

        Args:
            place: The address and device.
            port: The port for requests; 0 for any.
            data: Which ports files leave from; see `TftpConfig.ports`.
            most: How many of them.

        Raises:
            ListenError: The port cannot be opened, or none of those for files.
        """
        listener = self._add(udp(place, port, "TFTP", requests=True))
        self._pools[listener] = pool = [listener]
        if data == "each":
            self._places[listener] = place
        elif data != "single":
            pool[:] = [
                self._add(sock, settled=place.is_one)
                for sock in _data_sockets(place, data, most)
            ]

    def _add(self, sock: socket.socket, *, settled: bool = False) -> int:
        fd = sock.fileno()
        if settled:
            self._settled.add(fd)
        self._sockets[fd] = sock
        self._outbox[fd] = deque()
        self._poller.watch(fd, READ)
        return fd

    @property
    def listening(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that requests are taken on."""
        names = (self._sockets[fd].getsockname() for fd in self._pools)
        return tuple((name[0], name[1]) for name in names)

    def number(self, fd: int) -> int:
        """The port of a socket; 0 where it is closed."""
        sock = self._sockets.get(fd)
        port: int = sock.getsockname()[1] if sock else 0
        return port

    @property
    def pools(self) -> dict[int, list[int]]:
        """The data sockets behind each listener, but for where each client has its own.

        They may be the listener itself.
        """
        return {fd: p for fd, p in self._pools.items() if fd not in self._places}

    @property
    def settled(self) -> set[int]:
        """The sockets that leave by one address only, and do not tell of it."""
        return self._settled

    def data_port(self, fd: int, peer: Peer) -> int | None:
        """The data socket for a client of a listener; None if `fd` is no listener.

        It may be the listener itself.
        """
        pool = self._pools.get(fd)
        if pool is None:
            return None
        if fd in self._places:
            return self._own_port(fd, peer)
        digest = hashlib.blake2b(repr(peer).encode(), key=self._key, digest_size=2)
        return pool[int.from_bytes(digest.digest()) % len(pool)]

    def _own_port(self, fd: int, peer: Peer) -> int:
        """The client's own socket; the listener where no more can be opened."""
        own = self._own.get(peer)
        if own is None:
            try:
                place = self._places[fd]
                own = self._add(_data_socket(place, 0), settled=place.is_one)
            except (ListenError, OSError):
                return fd
            self._own[peer] = own
        return own

    def answering(self, line: Line, came: Arrival) -> Ancillary:
        """The control message that makes answers leave from the address that was asked.

        None where they cannot leave from another: it has its price for each packet.
        """
        fd, peer = line
        if fd in self._settled:
            return []
        # Only a link-local client needs the interface: routing knows about the others.
        index = came.index if peer[0].startswith("fe80:") else 0
        return sent_from(came.local, index)

    def release(self, line: Line) -> None:
        """Close the socket that was a client's own, if that is what its line has."""
        fd, peer = line
        if self._own.get(peer) == fd:
            del self._own[peer], self._outbox[fd]
            self._settled.discard(fd)
            self._poller.forget(fd)
            self._sockets.pop(fd).close()

    def receive(self, fd: int) -> Iterator[tuple[bytes, Arrival, Peer]]:
        """What has come in: the datagrams, where they came to and from whom."""
        sock = self._sockets.get(fd)
        if sock is None:
            return  # closed since it was reported
        name = sock.getsockname()[0]
        for _ in range(BATCH):
            try:
                data, ancillary, _, peer = sock.recvmsg(DATAGRAM_MAX, SPACE)
            except BlockingIOError:
                return
            except OSError:
                return  # the interface went down, or an ICMP error came in
            yield data, arrival(ancillary) if ancillary else Arrival(0, name), peer

    def send(self, line: Line, ancillary: Ancillary, packets: list[bytes]) -> None:
        """Send packets to a client, in order, now or when there is room."""
        fd, peer = line
        waiting = self._outbox[fd]
        for packet in packets:
            if waiting or not self._send_one(fd, packet, ancillary, peer):
                if not waiting:
                    self._poller.change(fd, READ | WRITE)
                if len(waiting) < QUEUE_MAX:
                    waiting.append((packet, ancillary, peer))

    def flush(self, fd: int) -> None:
        """Send what waited for room."""
        waiting = self._outbox.get(fd)
        if waiting is None:
            return  # closed since it was reported
        while waiting:
            if not self._send_one(fd, *waiting[0]):
                return
            waiting.popleft()
        self._poller.change(fd, READ)

    def _send_one(
        self, fd: int, packet: bytes, ancillary: Ancillary, peer: Peer
    ) -> bool:
        """Whether the kernel took it or never will; False: it has no room just now."""
        try:
            self._sockets[fd].sendmsg([packet], ancillary, 0, peer)
        except BlockingIOError:
            return False
        except OSError:
            # No route, a firewall, an interface that is down, no memory for it: as good
            # as lost on the way, and sent again as if it were.
            return True
        return True

    def stop_listening(self, used: Iterable[int]) -> None:
        """Take no more requests; transfers go on, on the sockets that they use."""
        kept = set(used)
        for fd in self._pools:
            if fd not in kept:
                self._poller.forget(fd)
                self._sockets.pop(fd).close()
        self._pools.clear()
        self._places.clear()

    def close(self) -> None:
        """Give the sockets back."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self._own.clear()
        self._pools.clear()


def is_request(data: bytes) -> bool:
    """Whether a datagram begins something, and belongs to no transfer."""
    return data[:2] in (b"\0\1", b"\0\2")


def _data_sockets(place: Place, data: str, most: int) -> Iterator[socket.socket]:
    """The pool: on ports of the system's choice, or on some of a range by chance."""
    ports = port_range(data)
    if ports is None:
        for _ in range(most):
            yield _data_socket(place, 0)
        return
    opened, failure = 0, None
    for port in random.SystemRandom().sample(ports, len(ports)):
        try:
            yield _data_socket(place, port)
        except ListenError as error:
            failure = error  # taken: there are others
        else:
            opened += 1
        if opened == most:
            return
    if failure is not None and not opened:
        raise failure


def _data_socket(place: Place, port: int) -> socket.socket:
    return udp(place, port, "TFTP", tells=not place.is_one)

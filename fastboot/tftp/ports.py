"""TFTP's sockets: well-known ports for requests, a data port for all transfers.

For each place there is a listening socket and one data socket on a port of the kernel's
choice, which is every transfer's TID (RFC 1350, section 4): a client is told apart by
its address and port. One socket for all costs no descriptor, bind or close per transfer.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator

from fastboot.arrival import SPACE, Ancillary, Arrival, arrival, sent_from
from fastboot.listen import Place, udp
from fastboot.poller import READ, WRITE, Poller

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
        self._data_for: dict[int, int] = {}  # listener's descriptor -> data socket's
        self._outbox: dict[int, deque[tuple[bytes, Ancillary, Peer]]] = {}

    def open(self, place: Place, port: int) -> None:
        """Take requests at a place.

        Raises:
            ListenError: The port cannot be opened.
        """
        listener = udp(place, port, "TFTP")
        self._sockets[listener.fileno()] = listener
        data = udp(place, 0, "TFTP")
        self._sockets[data.fileno()] = data
        self._outbox[data.fileno()] = deque()
        self._data_for[listener.fileno()] = data.fileno()
        self._poller.watch(listener.fileno(), READ)
        self._poller.watch(data.fileno(), READ)

    @property
    def listening(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that requests are taken on."""
        names = (self._sockets[fd].getsockname() for fd in self._data_for)
        return tuple((name[0], name[1]) for name in names)

    def data_port(self, fd: int) -> int | None:
        """The data socket of a listener; None if `fd` is no listener."""
        return self._data_for.get(fd)

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
                waiting.append((packet, ancillary, peer))

    def flush(self, fd: int) -> None:
        """Send what waited for room."""
        waiting = self._outbox[fd]
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
            # No route, a firewall, an interface that is down: as good as lost on the
            # way, and sent again as if it were.
            return True
        return True

    def stop_listening(self) -> None:
        """Take no more requests; transfers go on."""
        for fd in tuple(self._data_for):
            self._poller.forget(fd)
            self._sockets.pop(fd).close()
        self._data_for.clear()

    def close(self) -> None:
        """Give the sockets back."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self._data_for.clear()


def answering(peer: Peer, came: Arrival) -> Ancillary:
    """The control message that makes answers leave from the address that was asked."""
    # Only a link-local client needs the interface: routing knows about the others.
    return sent_from(came.local, came.index if peer[0].startswith("fe80:") else 0)

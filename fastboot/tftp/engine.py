"""TFTP's sockets: requests on the well-known port, all transfers on one port more.

Each family has a listening socket and one data socket on a port of the kernel's choice,
which is every transfer's TID (RFC 1350, section 4): a client is told apart by its
address and port. One socket for all costs no descriptor, bind or close per transfer.
"""

from __future__ import annotations

import errno
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastboot import events
from fastboot.arrival import SPACE, Ancillary, Arrival, arrival, sent_from
from fastboot.config import TftpConfig
from fastboot.errors import DecodeError, NotFound, TreeError
from fastboot.listen import Place, udp
from fastboot.poller import READ, WRITE, Poller
from fastboot.timers import Timers
from fastboot.tree import Blob, Client, Tree

from .blocks import Blocks, NetasciiBlocks, OctetBlocks
from .options import OVERHEAD_IPV4, OVERHEAD_IPV6, Limits, negotiate
from .packet import Error, ErrorCode, ReadRequest, WriteRequest, decode
from .transfer import Outcome, Sender, Terms

BATCH = 64
"""Datagrams taken from one socket before the others have their turn."""

DATAGRAM_MAX = 2048
"""Longest datagram looked at: requests end at 1500 bytes, ACKs at 4."""

UNCONFIRMED_MAX = 1024
"""Transfers whose client has acknowledged nothing yet: forged requests fill this table
and no other."""

LATE = 3.0
"""Seconds in which a request that is answered already counts as a late duplicate. A
client that really begins anew on the same port (GRUB after a reset) asks again later,
and its old transfer makes no progress by then."""

REFLECTORS = frozenset({7, 13, 17, 19, 37, 53, 111, 123, 137, 161, 1900})
"""Source ports of services that answer anything: a request from there is forged to make
two servers talk to each other (CVE-2024-2169)."""

STRAY_ERRORS = 50
"""ERROR 5 sent in one second at the most, whoever asks."""

Peer = tuple[str, int] | tuple[str, int, int, int]
Key = tuple[int, Peer]  # the data socket's descriptor and the client


@dataclass(slots=True)
class _Transfer:
    """A sender with what the engine knows about it."""

    sender: Sender
    blob: Blob
    request: bytes
    name: str
    ancillary: Ancillary
    started: float
    moved: float  # when the client last said something


class Engine:
    """Serves a tree over TFTP; see `fastboot.engine.Engine`.

    Args:
        config: Port and limits.
        tree: What is served.
        emit: Told what happens.
        places: Where to listen.
        mtu: The MTU of the interface with this index, or None where unknown.
        clock: Seconds that only grow.

    Raises:
        ListenError: The port cannot be opened.
    """

    def __init__(
        self,
        config: TftpConfig,
        tree: Tree,
        emit: events.Emit,
        places: Sequence[Place],
        mtu: Callable[[int], int | None] = lambda index: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._tree = tree
        self._emit = emit
        self._mtu = mtu
        self._clock = clock
        self._poller = Poller()
        self._timers: Timers[Key] = Timers()
        self._transfers: dict[Key, _Transfer] = {}
        self._unconfirmed = 0
        self._sockets: dict[int, socket.socket] = {}
        self._data_for: dict[int, int] = {}  # listener's descriptor -> data socket's
        self._outbox: dict[int, deque[tuple[bytes, Ancillary, Peer]]] = {}
        self._strays = (0.0, 0)  # the second, and the errors sent in it
        self._counters = dict.fromkeys(
            ("requests", "transfers", "refused", "dropped", "retransmissions", "bytes"),
            0,
        )
        try:
            for place in places:
                self._listen(place)
        except BaseException:
            self.close()
            raise

    def _listen(self, place: Place) -> None:
        listener = udp(place, self._config.port or 0, "TFTP")
        self._sockets[listener.fileno()] = listener
        data = udp(place, 0, "TFTP")
        self._sockets[data.fileno()] = data
        self._outbox[data.fileno()] = deque()
        self._data_for[listener.fileno()] = data.fileno()
        self._poller.watch(listener.fileno(), READ)
        self._poller.watch(data.fileno(), READ)

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that requests are taken on."""
        names = (self._sockets[fd].getsockname() for fd in self._data_for)
        return tuple((name[0], name[1]) for name in names)

    @property
    def idle(self) -> bool:
        """Whether no transfer is under way."""
        return not self._transfers

    def fileno(self) -> int:
        """See `fastboot.engine.Engine`."""
        return self._poller.fileno()

    def wake(self) -> None:
        """See `fastboot.engine.Engine`."""
        self._poller.wake()

    def stats(self) -> dict[str, int]:
        """Counters by name; `active` is the number of transfers under way."""
        return {**self._counters, "active": len(self._transfers)}

    def drain(self) -> None:
        """Take no more requests; see `fastboot.engine.Engine`."""
        for fd in tuple(self._data_for):
            self._poller.forget(fd)
            self._sockets.pop(fd).close()
        self._data_for.clear()

    def close(self) -> None:
        """Tell each client that it is over, and give the sockets back."""
        for key, transfer in tuple(self._transfers.items()):
            goodbye = transfer.sender.close("the server was stopped")
            self._send(key, transfer.ancillary, goodbye)
            self._settle(key, transfer, self._clock())
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self._data_for.clear()
        self._poller.close()

    def poll(self, timeout: float | None = 0.0) -> None:
        """See `fastboot.engine.Engine`."""
        ready = self._poller.wait(timeout)
        now = self._clock()
        for fd, what in ready:
            if what & WRITE and fd in self._outbox:
                self._flush(fd)
            if what & READ and fd in self._sockets:
                self._drain_socket(fd, now)
        for key in self._timers.due(now):
            transfer = self._transfers.get(key)
            if transfer is not None:
                self._step(key, transfer, transfer.sender.tick(now), now)
        self._poller.set_deadline(self._timers.next)

    def _drain_socket(self, fd: int, now: float) -> None:
        sock = self._sockets[fd]
        take = self._request if fd in self._data_for else self._reply
        for _ in range(BATCH):
            try:
                data, ancillary, _, peer = sock.recvmsg(DATAGRAM_MAX, SPACE)
            except BlockingIOError:
                return
            except OSError:
                return  # the interface went down, or an ICMP error came in
            try:
                take(fd, data, ancillary, peer, now)
            except Exception as error:  # noqa: BLE001 (one bad turn must not end all)
                self._emit(events.Fault("tftp", error))

    def _request(
        self, fd: int, data: bytes, ancillary: Ancillary, peer: Peer, now: float
    ) -> None:
        """Take a datagram that came to the well-known port."""
        came = arrival(ancillary)
        if not came.direct:  # RFC 1123, section 4.2.3.5
            return self._drop(peer, "sent to a broadcast address")
        if peer[1] in REFLECTORS:
            return self._drop(peer, f"sent from port {peer[1]}")
        try:
            packet = decode(data)
        except DecodeError as error:
            return self._drop(peer, str(error))
        key = (self._data_for[fd], peer)
        match packet:
            case ReadRequest(mode=b"octet" | b"netascii"):
                if self._is_new(key, data, now):
                    self._begin(key, packet, data, came, now)
            case ReadRequest(filename):
                text = "this server does not know mail mode"
                answer = Error(ErrorCode.ILLEGAL_OPERATION, text.encode())
                self._refuse(key, came, filename, answer)
            case WriteRequest(filename):
                text = "this server takes no files"
                answer = Error(ErrorCode.ACCESS_VIOLATION, text.encode())
                self._refuse(key, came, filename, answer)
            case _:
                # Never an ERROR: it may be one of ours, come back (CVE-2024-2169).
                self._drop(peer, "no request")
        return None

    def _is_new(self, key: Key, data: bytes, now: float) -> bool:
        """Whether a read request is not the repetition of one that is answered."""
        transfer = self._transfers.get(key)
        if transfer is None:
            if len(self._transfers) >= self._config.max_transfers:
                self._drop(key[1], "too many transfers")
                return False
            if self._unconfirmed >= UNCONFIRMED_MAX:
                self._drop(key[1], "too many requests without a reply")
                return False
            return True
        if data == transfer.request:
            if not transfer.sender.confirmed:
                self._step(key, transfer, transfer.sender.repeat(now), now)
                return False
            if now - transfer.moved < LATE:
                return False
        # The client begins something else, and expects no ERROR about the old.
        transfer.sender.close("the client asked anew")
        self._settle(key, transfer, now)
        return True

    def _begin(
        self, key: Key, packet: ReadRequest, data: bytes, came: Arrival, now: float
    ) -> None:
        self._counters["requests"] += 1
        peer = key[1]
        local = came.local or self._sockets[key[0]].getsockname()[0]
        try:
            name = read_name(packet.filename)
            blob = self._tree.open(name, Client(peer[0], "tftp", local))
        except TreeError as error:
            missing = isinstance(error, NotFound)
            code = ErrorCode.FILE_NOT_FOUND if missing else ErrorCode.ACCESS_VIOLATION
            answer = Error(code, str(error).encode())
            return self._refuse(key, came, packet.filename, answer)
        netascii = packet.mode == b"netascii"
        size = None if netascii else blob.size
        negotiated = negotiate(packet.options, self._limits(peer, came), size)
        kind = NetasciiBlocks if netascii else OctetBlocks
        blocks: Blocks = kind(blob, negotiated.blksize)
        terms = Terms(negotiated, blob.size, self._config.idle_timeout)
        transfer = _Transfer(
            Sender(blocks, terms), blob, data, name, _back(peer, came), now, now
        )
        self._transfers[key] = transfer
        self._unconfirmed += 1
        self._counters["transfers"] += 1
        self._step(key, transfer, transfer.sender.start(now), now)
        return None

    def _limits(self, peer: Peer, came: Arrival) -> Limits:
        blksize = self._config.max_blksize
        mtu = self._mtu(came.index)
        if mtu is not None:
            overhead = OVERHEAD_IPV6 if ":" in peer[0] else OVERHEAD_IPV4
            blksize = max(8, min(blksize, mtu - overhead))
        return Limits(blksize, self._config.max_windowsize)

    def _refuse(self, key: Key, came: Arrival, filename: bytes, error: Error) -> None:
        self._counters["refused"] += 1
        self._send(key, _back(key[1], came), [error.encode()])
        name = filename.decode("utf-8", "surrogateescape")
        reason = error.message.decode("utf-8", "replace")
        self._emit(events.RequestRefused("tftp", key[1][0], name, reason))

    def _reply(
        self, fd: int, data: bytes, ancillary: Ancillary, peer: Peer, now: float
    ) -> None:
        """Take a datagram that came to a data port."""
        key = (fd, peer)
        transfer = self._transfers.get(key)
        if transfer is None:
            return self._stray(key, data, ancillary, now)
        was_confirmed = transfer.sender.confirmed
        acknowledged = transfer.sender.acknowledged
        answer = transfer.sender.receive(data, now)
        if transfer.sender.confirmed and not was_confirmed:
            self._unconfirmed -= 1
        if transfer.sender.acknowledged != acknowledged:
            transfer.moved = now
        self._step(key, transfer, answer, now)
        return None

    def _stray(self, key: Key, data: bytes, ancillary: Ancillary, now: float) -> None:
        """Tell a stranger that its TID is unknown (RFC 1350, section 4); rarely."""
        self._drop(key[1], "no transfer of this client")
        opcode = data[:2]
        if opcode not in (b"\0\3", b"\0\4", b"\0\6") or key[1][1] < 1024:
            return
        second, count = self._strays
        if now - second >= 1.0:
            second, count = now, 0
        self._strays = (second, count + 1)
        if count < STRAY_ERRORS:
            error = Error(ErrorCode.UNKNOWN_TID, b"unknown transfer").encode()
            self._send(key, _back(key[1], arrival(ancillary)), [error])

    def _step(
        self, key: Key, transfer: _Transfer, packets: list[bytes], now: float
    ) -> None:
        """Send what a sender returned, and set its timer or settle it."""
        if packets:
            self._send(key, transfer.ancillary, packets)
        deadline = transfer.sender.deadline
        if deadline is None:
            self._settle(key, transfer, now)
        else:
            self._timers.set(key, deadline)

    def _settle(self, key: Key, transfer: _Transfer, now: float) -> None:
        """Report a transfer that is over and forget it."""
        del self._transfers[key]
        self._timers.forget(key)
        transfer.blob.close()
        sender = transfer.sender
        if not sender.confirmed:
            self._unconfirmed -= 1
        self._counters["retransmissions"] += sender.retransmissions
        self._counters["bytes"] += sender.acknowledged
        self._emit(_account(key[1][0], transfer, now - transfer.started))

    def _drop(self, peer: Peer, reason: str) -> None:
        self._counters["dropped"] += 1
        self._emit(events.Dropped("tftp", peer[0], reason))

    def _send(self, key: Key, ancillary: Ancillary, packets: list[bytes]) -> None:
        fd, peer = key
        waiting = self._outbox[fd]
        for packet in packets:
            if waiting or not self._send_one(fd, packet, ancillary, peer):
                if not waiting:
                    self._poller.change(fd, READ | WRITE)
                waiting.append((packet, ancillary, peer))

    def _send_one(
        self, fd: int, packet: bytes, ancillary: Ancillary, peer: Peer
    ) -> bool:
        """Whether the kernel took it or never will; False: it has no room just now."""
        try:
            self._sockets[fd].sendmsg([packet], ancillary, 0, peer)
        except BlockingIOError:
            return False
        except OSError as error:
            # No route, a firewall, an interface that is down: as good as lost on the
            # way, and sent again as if it were.
            return error.errno != errno.ENOBUFS
        return True

    def _flush(self, fd: int) -> None:
        waiting = self._outbox[fd]
        while waiting:
            if not self._send_one(fd, *waiting[0]):
                return
            waiting.popleft()
        self._poller.change(fd, READ)


def read_name(filename: bytes) -> str:
    r"""The name a client meant.

    Some ROMs read past the end of DHCP's option 67 and append what they find there.

        >>> read_name(b"pxelinux.0\xff")
        'pxelinux.0'
    """
    return filename.rstrip(b"\xff\0 ").decode("utf-8", "surrogateescape")


def _back(peer: Peer, came: Arrival) -> Ancillary:
    # Only a link-local client needs the interface: routing knows about the others.
    return sent_from(came.local, came.index if peer[0].startswith("fe80:") else 0)


def _account(client: str, transfer: _Transfer, seconds: float) -> events.Event:
    sender, name = transfer.sender, transfer.name
    if sender.outcome is Outcome.DONE:
        return events.Finished(
            "tftp", client, name, transfer.blob.size, seconds, sender.retransmissions
        )
    if sender.outcome is Outcome.PROBED:
        return events.Probed(client, name, transfer.blob.size)
    return events.Failed(
        "tftp", client, name, sender.acknowledged, seconds, sender.reason
    )

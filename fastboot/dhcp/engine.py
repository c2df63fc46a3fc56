"""Proxy DHCP's sockets: port 67, where DISCOVERs are broadcast, and port 4011.

Both are bound to every address, for a broadcast reaches no other socket; the kernel
tells which interface a message came in by, and that decides whether it is answered and
which address of ours the answer names.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from fastboot import events
from fastboot.arrival import SPACE, Arrival, arrival, sent_from
from fastboot.config import DhcpConfig
from fastboot.errors import DecodeError, ListenError
from fastboot.interfaces import Interfaces
from fastboot.listen import Place, udp
from fastboot.poller import READ, Poller

from .packet import Frame, decode
from .proxy import Ignored, Proxy
from .rate import Limits
from .reply import BROADCAST, Origin, Reply

EVERYWHERE = "0.0.0.0"  # noqa: S104 (see the module's text)

BATCH = 64
"""Datagrams taken from one socket before the others have their turn."""

DATAGRAM_MAX = 4096
"""Bytes of the longest message looked at; relays and clients send 1472 at the most."""

FOLLOW = 2.0
"""Seconds between two looks whether a device that was named is still the same one."""

COUNTERS = (
    *("received", "offers", "acks", "ignored", "dropped", "unbootable"),
    *("limited", "unsent", "faults"),
)
"""What `Engine.stats` counts."""


@dataclass(slots=True)
class _Port:
    """A socket, and what it was opened for."""

    sock: socket.socket
    boot_server: bool
    number: int
    device: str | None
    index: int  # of the device when the socket was bound to it; 0 without one


class Engine:
    """Answers boot clients on the network; see `fastboot.engine.Engine`.

    Args:
        config: The ports.
        proxy: What decides about each message.
        emit: Told what happens.
        interfaces: The interfaces, followed as they change.
        places: Where to serve: an address of 0.0.0.0 stands for the interfaces of its
            device or for all, any other for the interface that has it. IPv6 has no
            part in this protocol.

    Raises:
        ListenError: A port cannot be opened, or no place is IPv4.
    """

    def __init__(
        self,
        config: DhcpConfig,
        proxy: Proxy,
        emit: events.Emit,
        interfaces: Interfaces,
        places: Sequence[Place],
    ) -> None:
        self._proxy = proxy
        self._emit = emit
        self._interfaces = interfaces
        self._places = tuple(p for p in places if p.family is socket.AF_INET)
        if not self._places:
            raise ListenError("DHCP needs an IPv4 address; add one or use --dhcp off")
        self._limits = Limits()
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._poller = Poller()
        self._ports: dict[int, _Port] = {}
        self._followed_at = time.monotonic()
        self._closed = False
        # Distinct devices in the order named; a socket without device serves them all.
        devices = dict.fromkeys(place.device for place in self._places)
        try:
            for device in (None,) if None in devices else devices:
                self._open(config.port, device, boot_server=False)
                self._open(config.pxe_port, device, boot_server=True)
        except BaseException:
            self.close()
            raise
        self._set_timer()

    def _open(self, number: int, device: str | None, *, boot_server: bool) -> None:
        # Before the socket: a device that is replaced in between is found out later.
        index = _index(device) if device is not None else 0
        sock = udp(Place(EVERYWHERE, device), number, "DHCP", reuse=True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        bound = sock.getsockname()[1]
        port = _Port(sock, boot_server, bound, device, index)
        self._ports[sock.fileno()] = port
        self._poller.watch(sock.fileno(), READ)

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """See `fastboot.engine.Engine`; the port for DISCOVERs comes first."""
        return tuple((EVERYWHERE, port.number) for port in self._ports.values())

    @property
    def idle(self) -> bool:
        """Always: an answer is given at once, and nothing follows it."""
        return True

    def fileno(self) -> int:
        """See `fastboot.engine.Engine`."""
        return self._poller.fileno()

    def wake(self) -> None:
        """See `fastboot.engine.Engine`."""
        self._poller.wake()

    def stats(self) -> dict[str, int]:
        """Counters by name.

        Every message counts as one of offers, acks, ignored, dropped, unbootable,
        limited (asked too often), unsent (the network did not take the answer) and
        faults; `received` is their sum.
        """
        return dict(self._counters)

    def drain(self) -> None:
        """Take no more messages; see `fastboot.engine.Engine`."""
        for fd in tuple(self._ports):
            self._shut(fd)
        self._poller.set_deadline(None)

    def close(self) -> None:
        """See `fastboot.engine.Engine`."""
        if self._closed:
            return
        self._closed = True
        for port in self._ports.values():
            port.sock.close()
        self._ports.clear()
        self._poller.close()

    def _shut(self, fd: int) -> None:
        self._poller.forget(fd)
        self._ports.pop(fd).sock.close()

    def poll(self, timeout: float | None = 0.0) -> None:
        """See `fastboot.engine.Engine`."""
        ready = self._poller.wait(timeout)
        now = time.monotonic()
        for fd, _ in ready:
            port = self._ports.get(fd)
            if port is not None:
                self._receive(port, now)
        if now - self._followed_at >= FOLLOW:
            self._followed_at = now
            self._follow()
            self._set_timer()

    def _set_timer(self) -> None:
        if any(port.device is not None for port in self._ports.values()):
            self._poller.set_deadline(self._followed_at + FOLLOW)

    def _follow(self) -> None:
        """Open anew the sockets whose device went and came back as another one.

        A socket is bound to a device's index, which a new device of the same name does
        not have. The old socket stays until the new one is there.
        """
        for fd, port in tuple(self._ports.items()):
            if port.device is None or _index(port.device) in (0, port.index):
                continue
            try:
                self._open(port.number, port.device, boot_server=port.boot_server)
            except ListenError:
                continue  # not up yet, or gone again: looked at next time
            self._shut(fd)

    def _receive(self, port: _Port, now: float) -> None:
        for _ in range(BATCH):
            try:
                data, ancillary, flags, peer = port.sock.recvmsg(DATAGRAM_MAX, SPACE)
            except BlockingIOError:
                return
            except OSError:
                return  # the interface went down, or an ICMP error came in
            self._counters["received"] += 1
            try:
                if flags & socket.MSG_TRUNC:
                    self._drop(
                        events.Dropped("dhcp", peer[0], "the message is too long")
                    )
                else:
                    self._take(port, data, arrival(ancillary), peer, now)
            except Exception as error:  # noqa: BLE001 (one bad turn must not end all)
                self._counters["faults"] += 1
                self._emit(events.Fault("dhcp", error))

    def _take(
        self, port: _Port, data: bytes, came: Arrival, peer: tuple[str, int], now: float
    ) -> None:
        """Take one message to its end."""
        server = self._server(came)
        if server is None:
            self._counters["ignored"] += 1
            return
        try:
            frame = decode(data)
        except DecodeError as error:
            self._drop(events.Dropped("dhcp", peer[0], str(error)))
            return
        origin = Origin(server, port.boot_server, peer[0], peer[1])
        match self._proxy.receive(frame, origin, now):
            case Reply() as reply:
                self._answer(port, frame, reply, came, now)
            case Ignored():
                self._counters["ignored"] += 1
            case events.Dropped() as event:
                self._drop(event)
            case unbootable:
                self._counters["unbootable"] += 1
                self._emit(unbootable)

    def _drop(self, event: events.Dropped) -> None:
        self._counters["dropped"] += 1
        self._emit(event)

    def _server(self, came: Arrival) -> IPv4Address | None:
        """Our address to answer with; None where that interface is not served."""
        interface = self._interfaces.by_index(came.index)
        if interface is None:
            return None
        addresses: Sequence[IPv4Address] = interface.ipv4
        named = {
            place.address
            for place in self._places
            if place.device in (None, interface.name)
        }
        if EVERYWHERE not in named:
            addresses = [address for address in addresses if str(address) in named]
        # What the client asked, or what the kernel would answer a broadcast with.
        asked = [address for address in addresses if str(address) == came.local]
        return next(iter([*asked, *addresses]), None)

    def _answer(
        self, port: _Port, frame: Frame, reply: Reply, came: Arrival, now: float
    ) -> None:
        # A machine is known by its hardware address until it has another.
        machine = frame.chaddr if reply.to == BROADCAST else reply.to[0]
        relayed = reply.to != BROADCAST and not port.boot_server
        if not self._limits.allow(machine, now, relay=relayed):
            self._counters["limited"] += 1
            return
        # A broadcast leaves by the interface that the question came in by; the way to
        # any other address is the routing table's business.
        index = came.index if reply.to == BROADCAST else 0
        ancillary = sent_from(reply.event.server, index)
        try:
            port.sock.sendmsg([reply.data], ancillary, 0, reply.to)
        except OSError:
            # The interface went down, its address went, or its queue is full: the
            # client asks again.
            self._counters["unsent"] += 1
            return
        self._counters[f"{reply.event.message}s"] += 1
        self._emit(reply.event)


def _index(device: str) -> int:
    """The index of a device; 0 where there is none of that name."""
    try:
        return socket.if_nametoindex(device)
    except OSError:
        return 0

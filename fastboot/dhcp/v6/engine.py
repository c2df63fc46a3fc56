"""DHCPv6's I/O: messages from port 547 and 4011 go to the responder, answers go out.

As the server it also answers router solicitations, for machines ask DHCPv6 only where a
router advertisement tells them to.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from ipaddress import IPv6Address, IPv6Network

from fastboot import events
from fastboot.arrival import SPACE, Arrival, arrival, sent_from
from fastboot.config import DhcpConfig
from fastboot.dhcp.outcome import Ignored
from fastboot.dhcp.rate import Limits
from fastboot.errors import DecodeError, ListenError
from fastboot.interfaces import Changes, Interface, Interfaces
from fastboot.listen import Place
from fastboot.poller import READ, Poller
from fastboot.seen import Packet, View, ignore

from . import advert
from .decide import PREFERRED, VALID, Responder
from .links import Links
from .outcome import Origin, Relays, Reply
from .packet import decode, unwrap, wrap
from .sockets import (
    AGENTS,
    NODES,
    ROUTERS,
    SERVERS,
    Groups,
    advertiser,
    hop_limit,
    server_socket,
)
from .witness import Witness

SERVER_PORT = 547
CLIENT_PORT = 546
"""Where servers and relays, and clients take messages (RFC 8415, section 7.2)."""

CALLED = (SERVER_PORT, 4011)
"""What those are called that take messages: to all servers, and to a boot server."""

BATCH = 64
"""Datagrams taken from one socket before the others have their turn."""

DATAGRAM_MAX = 4096
"""Bytes of the longest message looked at."""

FOLLOW = 2.0
"""Seconds between two looks at the links, where the kernel does not tell of changes."""

COUNTERS = (
    *("received", "answers", "ignored", "dropped", "unbootable"),
    *("limited", "unsent", "faults", "advertised"),
)
"""What `Engine.stats` counts."""


class Engine:
    """Answers clients on the network; see `fastboot.engine.Engine`.

    Args:
        config: What is on, and the prefixes.
        responder: What decides about each message.
        emit: Told what happens.
        interfaces: The interfaces, followed as they change.
        places: Where to serve; those of IPv4 have no part in this.
        port: Where messages are taken.
        view: Told of messages as they are, and what they ask; see `fastboot.seen`.

    Raises:
        ListenError: A port cannot be opened, or no place is IPv6.
    """

    later = None
    """It asks no tree."""

    def __init__(
        self,
        config: DhcpConfig,
        responder: Responder,
        emit: events.Emit,
        interfaces: Interfaces,
        places: Sequence[Place],
        port: int = SERVER_PORT,
        view: View = ignore,
    ) -> None:
        self._view = view
        self._witness = Witness()
        self._responder = responder
        self._emit = emit
        places = tuple(p for p in places if p.family is socket.AF_INET6)
        if not places:
            raise ListenError("DHCPv6 needs an IPv6 address; use --no-dhcp-ipv6")
        self._links = Links(interfaces, places, config.prefixes())
        self._limits = Limits(relays_known=False)
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._poller = Poller()
        self._sockets: list[socket.socket] = []
        self._questions: set[int] = set()  # descriptors of port 4011
        self._advertiser: socket.socket | None = None
        self._advertised: dict[int, float] = {}  # when, by link
        self._look_at = 0.0
        self._closed = False
        # Before the sockets: what changes while they are opened is heard of.
        self._changes = Changes.open()
        try:
            if self._changes is not None:
                self._poller.watch(self._changes.fileno(), READ)
            self._groups = self._open(config, places, port)
        except BaseException:
            self.close()
            raise
        self._follow(time.monotonic())

    def _open(self, config: DhcpConfig, places: Sequence[Place], port: int) -> Groups:
        members = []
        for device in dict.fromkeys(place.device for place in places):
            place = Place("::", device)
            for number, groups in (
                (port, (AGENTS, SERVERS)),
                (config.pxe_port, (AGENTS,)),
            ):
                sock = server_socket(place, number)
                self._watch(sock)
                members += [(sock, group) for group in groups]
                if number == config.pxe_port:
                    self._questions.add(sock.fileno())
        if config.mode == "server" and config.advertise:
            self._advertiser = advertiser()
            self._watch(self._advertiser)
            members.append((self._advertiser, ROUTERS))
        return Groups(members)

    def _watch(self, sock: socket.socket) -> None:
        self._sockets.append(sock)
        self._poller.watch(sock.fileno(), READ)

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """See `fastboot.engine.Engine`."""
        taking = (sock for sock in self._sockets if sock is not self._advertiser)
        return tuple(sock.getsockname()[:2] for sock in taking)

    @property
    def prefixes(self) -> tuple[IPv6Network, ...]:
        """The networks that a server gives addresses of, as things are."""
        found = (p for link in self._links for p in self._links.prefixes(link))
        return tuple(dict.fromkeys(found))

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
        """Counters by name; `received` is the sum of those before "advertised"."""
        return dict(self._counters)

    def drain(self) -> None:
        """Take no more messages; see `fastboot.engine.Engine`."""
        for sock in self._sockets:
            self._poller.forget(sock.fileno())
            sock.close()
        self._sockets.clear()
        self._advertiser = None
        self._poller.set_deadline(None)

    def close(self) -> None:
        """See `fastboot.engine.Engine`."""
        if self._closed:
            return
        self._closed = True
        self.drain()
        if self._changes is not None:
            self._changes.close()
        self._poller.close()

    def poll(self, timeout: float | None = 0.0) -> None:
        """See `fastboot.engine.Engine`."""
        ready = {fd for fd, _ in self._poller.wait(timeout)}
        now = time.monotonic()
        changed = now >= self._look_at
        if self._changes is not None and self._changes.fileno() in ready:
            self._changes.take()
            self._links.expire()
            changed = True
        if changed and self._sockets:
            self._follow(now)
        for sock in tuple(self._sockets):
            if sock.fileno() not in ready:
                continue
            if sock is self._advertiser:
                self._solicited(sock, now)
            else:
                self._receive(sock, now)

    def _follow(self, now: float) -> None:
        """Join on links that are new, and advertise where it is time to."""
        links = tuple(self._links)
        self._groups.follow(link.index for link in links)
        due = [now + FOLLOW] if self._changes is None else []
        if self._advertiser is not None:
            for link in links:
                if (
                    now - self._advertised.get(link.index, -advert.INTERVAL)
                    >= advert.INTERVAL
                ):
                    self._advertise(self._advertiser, link, now)
                due.append(self._advertised[link.index] + advert.INTERVAL)
            known = {link.index for link in links}
            self._advertised = {
                index: at for index, at in self._advertised.items() if index in known
            }
        self._look_at = min(due, default=float("inf"))
        self._poller.set_deadline(None if not due else self._look_at)

    # Messages

    def _receive(self, sock: socket.socket, now: float) -> None:
        for _ in range(BATCH):
            try:
                data, ancillary, flags, peer = sock.recvmsg(DATAGRAM_MAX, SPACE)
            except OSError:
                return  # nothing more, or an ICMP error came in
            self._counters["received"] += 1
            try:
                if flags & socket.MSG_TRUNC:
                    self._drop(events.Dropped("dhcp", peer[0], "a message too long"))
                else:
                    self._take(sock, data, arrival(ancillary), peer, now)
            except Exception as error:  # noqa: BLE001 (one bad turn must not end all)
                self._counters["faults"] += 1
                self._emit(events.Fault("dhcp", error))

    def _take(
        self,
        sock: socket.socket,
        data: bytes,
        came: Arrival,
        peer: tuple[str, int, int, int],
        now: float,
    ) -> None:
        """Take one message to its end."""
        link = self._links.by_index(came.index)
        if link is None:
            self._counters["ignored"] += 1
            return
        sender = peer[0].partition("%")[0]
        try:
            message, relays = unwrap(decode(data))
        except DecodeError as error:
            self._drop(events.Dropped("dhcp", sender, str(error)))
            return
        asked = sock.fileno() in self._questions
        origin = self._origin(link, relays, sender, asked=asked)
        outcome = self._responder.receive(message, relays, origin)
        machine = self._witness.machine(message, relays, origin, now)
        places = peer[:2], (str(origin.server), CALLED[asked])
        if machine is not None:
            self._view(Packet(machine.mac, *places, inbound=True, data=data))
            for fact in self._witness.question(machine, message, origin, outcome):
                self._view(fact)
        match outcome:
            case Reply() as reply:
                if not self._limits.allow(sender, now, relay=bool(relays)):
                    self._counters["limited"] += 1
                    return
                port = SERVER_PORT if relays else CLIENT_PORT
                to = (sender, peer[1] if asked else port, 0, peer[3])
                answer = wrap(reply.message, relays)
                if self._send(sock, answer, came, to, reply) and machine is not None:
                    self._view(Packet(machine.mac, *places, inbound=False, data=answer))
            case Ignored():
                self._counters["ignored"] += 1
            case events.Dropped() as event:
                self._drop(event)
            case unbootable:
                self._counters["unbootable"] += 1
                self._emit(unbootable)

    def _origin(
        self,
        link: Interface,
        relays: Relays,
        sender: str,
        *,
        asked: bool,
    ) -> Origin:
        ours = self._links.ours(link)
        assert ours is not None  # else the link would not be served
        # The relay nearest to the client that knows tells the client's link.
        told = [
            relay.link for relay in reversed(relays) if not relay.link.is_unspecified
        ]
        prefixes = self._links.behind(told[0]) if told else self._links.prefixes(link)
        return Origin(ours, IPv6Address(sender), prefixes, asked)

    def _send(
        self,
        sock: socket.socket,
        data: bytes,
        came: Arrival,
        to: tuple[str, int, int, int],
        reply: Reply,
    ) -> bool:
        """Whether it left."""
        # From the address that was asked; to a group's the kernel picks one of the link.
        ancillary = sent_from(came.local if came.direct else "::", came.index)
        try:
            sock.sendmsg([data], ancillary, 0, to)
        except OSError:  # the interface went down, or its queue is full: it asks again
            self._counters["unsent"] += 1
            return False
        self._counters["answers"] += 1
        if reply.event is not None:
            self._emit(reply.event)
        return True

    def _drop(self, event: events.Dropped) -> None:
        self._counters["dropped"] += 1
        self._emit(event)

    # Router advertisements

    def _solicited(self, sock: socket.socket, now: float) -> None:
        for _ in range(BATCH):
            try:
                data, ancillary, _, _ = sock.recvmsg(DATAGRAM_MAX, 2 * SPACE)
            except OSError:
                return
            link = self._links.by_index(arrival(ancillary).index)
            if link is None or not advert.is_solicitation(data, hop_limit(ancillary)):
                continue
            if now - self._advertised.get(link.index, -advert.PAUSE) >= advert.PAUSE:
                self._advertise(sock, link, now)

    def _advertise(self, sock: socket.socket, link: Interface, now: float) -> None:
        """Tell all on a link what there is, if there is a prefix."""
        self._advertised[link.index] = now
        prefixes = self._links.prefixes(link)
        if not prefixes:
            return
        data = advert.advertisement(prefixes, VALID, PREFERRED)
        try:
            sock.sendto(data, (NODES, 0, 0, link.index))
        except OSError:
            return  # the link is down, or has no address of its own yet
        self._counters["advertised"] += 1

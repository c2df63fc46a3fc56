"""DHCP's I/O: messages from port 67 and 4011 go to a decider, its answers go out.

Sockets are bound to every address, for a broadcast reaches no other socket; the kernel
tells which interface a message came in by, and that decides whether it is answered and
which address of ours the answer names.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from fastboot import events
from fastboot.arrival import SPACE, Arrival, arrival, sent_from
from fastboot.config import DhcpConfig
from fastboot.errors import DecodeError, ListenError, StoreError
from fastboot.interfaces import Changes, Interfaces
from fastboot.listen import Place
from fastboot.poller import READ, Poller
from fastboot.seen import Sight, View, ignore

from .addresses import EVERYWHERE, Addresses
from .outcome import (
    BROADCAST,
    Decider,
    Ignored,
    Noted,
    Origin,
    Outcome,
    Reply,
    silence_of,
)
from .packet import UNSPECIFIED, Frame, decode
from .ports import Port, Ports, Role
from .rate import Limits
from .rivals import Rivals
from .waiting import Answer, Waiting
from .witness import Witness

BATCH = 256
"""Datagrams taken from one socket before the others have their turn. Leases that are
given in one turn share the disk's price: with 64, 4,000 clients that come at once wait
a tenth longer."""

DATAGRAM_MAX = 4096
"""Bytes of the longest message looked at; relays and clients send 1472 at the most."""

SERVER_PORT = 67
CLIENT_PORT = 68
"""Where servers and clients take messages (RFC 2131, section 4.1)."""

COUNTERS = (
    *("received", "offers", "acks", "naks", "noted", "ignored", "dropped"),
    *("unbootable", "limited", "unsent", "faults"),
)
"""What `Engine.stats` counts."""


class Engine:
    """Answers clients on the network; see `fastboot.engine.Engine`.

    Args:
        config: The ports, and how answers are given.
        decider: What decides about each message.
        emit: Told what happens.
        interfaces: The interfaces, followed as they change.
        places: Where to serve: an address of 0.0.0.0 stands for the interfaces of its
            device or for all, any other for the interface that has it. IPv6 has no
            part in this protocol.
        view: Told of messages as they are, and what they ask; see `fastboot.seen`.

    Raises:
        ListenError: A port cannot be opened, or no place is IPv4.
    """

    def __init__(
        self,
        config: DhcpConfig,
        decider: Decider,
        emit: events.Emit,
        interfaces: Interfaces,
        places: Sequence[Place],
        view: View = ignore,
    ) -> None:
        self._decider = decider
        self._emit = emit
        self._view = view
        places = tuple(p for p in places if p.family is socket.AF_INET)
        if not places:
            raise ListenError("DHCP needs an IPv4 address; add one or use --dhcp off")
        self._addresses = Addresses(interfaces, places)
        self._decided: list[Answer] = []
        # A server answers only relays in its subnets.
        known = bool(config.relay) or config.mode == "server"
        self._limits = Limits(relays_known=known)
        self._rivals = Rivals()
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._poller = Poller()
        self._ports = Ports(self._poller)
        probe = config.probe and config.mode == "server"
        self._waiting = Waiting(self._poller, config.delay, probe=probe)
        if probe and not self._waiting.can_probe:
            emit(events.LeaseTrouble("addresses are offered untried: ICMP needs root"))
        self._witness = Witness(hears=False)
        # Before the sockets: what changes while they are opened is heard of.
        self._changes = Changes.open()
        self._closed = False
        try:
            if self._changes is not None:
                self._poller.watch(self._changes.fileno(), READ)
            self._open(config, places)
        except BaseException:
            self.close()
            raise

    def _open(self, config: DhcpConfig, places: Sequence[Place]) -> None:
        # Distinct devices in the order named; a socket without device serves them all.
        named: dict[str | None, Place] = {}
        for place in places:
            named.setdefault(place.device, place)
        devices = [named[None]] if None in named else list(named.values())
        for place in devices:
            if config.mode != "boot-server":
                self._ports.open(Role.DISCOVERS, config.port, place)
            self._ports.open(Role.QUESTIONS, config.pxe_port, place)
        if config.mode == "proxy" and config.port == SERVER_PORT:
            for place in devices:
                try:
                    self._ports.open(Role.OFFERS, CLIENT_PORT, place)
                except ListenError:
                    pass  # a DHCP client that shares nothing: then without a diagnosis
        hears = any(port.role is Role.OFFERS for port in self._ports)
        self._witness = Witness(hears=hears)

    later = None
    """It asks no tree."""

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """See `fastboot.engine.Engine`; the port for DISCOVERs comes first."""
        taking = (port for port in self._ports if port.role is not Role.OFFERS)
        return tuple((EVERYWHERE, port.number) for port in taking)

    @property
    def idle(self) -> bool:
        """Always: an answer is given soon, and nothing follows it."""
        return True

    def fileno(self) -> int:
        """See `fastboot.engine.Engine`."""
        return self._poller.fileno()

    def wake(self) -> None:
        """See `fastboot.engine.Engine`."""
        self._poller.wake()

    def stats(self) -> dict[str, int]:
        """Counters by name.

        Every message counts as one of offers, acks, naks, noted (a message that wants
        no answer), ignored, dropped, unbootable, limited (asked too often), unsent (the
        network or the store did not take it) and faults; `received` is their sum, and
        of answers that wait.
        """
        return dict(self._counters)

    def drain(self) -> None:
        """Take no more messages; see `fastboot.engine.Engine`."""
        self._ports.close()
        self._waiting.clear()
        self._poller.set_deadline(None)

    def close(self) -> None:
        """See `fastboot.engine.Engine`."""
        if self._closed:
            return
        self._closed = True
        self._ports.close()
        self._waiting.close()
        if self._changes is not None:
            self._changes.close()
        self._poller.close()

    def poll(self, timeout: float | None = 0.0) -> None:
        """See `fastboot.engine.Engine`."""
        ready = [fd for fd, _ in self._poller.wait(timeout)]
        now = time.monotonic()
        if self._changes is not None and self._changes.fileno() in ready:
            self._changes.take()
            self._addresses.expire()
        for fd in ready:
            port = self._ports.get(fd)
            if port is not None:
                self._receive(port, now)
        try:
            self._retry(now)
            self._settle(now)
        except Exception as error:  # noqa: BLE001 (one bad turn must not end all)
            self._counters["faults"] += 1
            self._emit(events.Fault("dhcp", error))
        for answer in self._waiting.due(now):
            self._send(answer)
        self._arm()

    def _arm(self) -> None:
        settle = self._decider.deadline if len(self._ports) else None
        inf = float("inf")
        due = min(self._waiting.deadline, inf if settle is None else settle)
        self._poller.set_deadline(None if due == inf else due)

    def _receive(self, port: Port, now: float) -> None:
        for _ in range(BATCH):
            try:
                data, ancillary, flags, peer = port.sock.recvmsg(DATAGRAM_MAX, SPACE)
            except BlockingIOError:
                return
            except OSError:
                return  # the interface went down, or an ICMP error came in
            try:
                if port.role is Role.OFFERS:
                    self._overhear(data, arrival(ancillary), peer[0], now)
                    continue
                self._counters["received"] += 1
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
        self, port: Port, data: bytes, came: Arrival, peer: tuple[str, int], now: float
    ) -> None:
        """Take one message to its end."""
        server = self._addresses.to_answer(came)
        if server is None:
            self._counters["ignored"] += 1
            return
        try:
            frame = decode(data)
        except DecodeError as error:
            self._drop(events.Dropped("dhcp", peer[0], str(error)))
            return
        asked = port.role is Role.QUESTIONS
        origin = Origin(server, asked, peer[0], peer[1])
        outcome = self._decider.receive(frame, origin, now)
        silence = silence_of(outcome)
        self._tell(self._witness.question(frame, data, origin, now, silence))
        self._carry_out(outcome, port, frame, origin, came, now)

    def _tell(self, told: Iterable[Sight]) -> None:
        for event in told:
            self._view(event)

    def _carry_out(
        self,
        outcome: Outcome,
        port: Port,
        frame: Frame,
        origin: Origin,
        came: Arrival,
        now: float,
    ) -> None:
        match outcome:
            case Reply() as reply:
                self._answer(Answer(port, frame, origin, came, reply), now)
            case Ignored():
                self._counters["ignored"] += 1
            case events.Dropped() as event:
                self._drop(event)
            case Noted(event):
                self._counters["noted"] += 1
                self._emit(event)
            case unbootable:
                self._counters["unbootable"] += 1
                self._emit(unbootable)

    def _overhear(self, data: bytes, came: Arrival, peer: str, now: float) -> None:
        """Look at what another server says to a client."""
        server = self._addresses.to_answer(came)
        if server is None:
            return
        try:
            frame = decode(data)
        except DecodeError:
            return
        self._tell(self._witness.overheard(frame, data, server, peer))
        rival = self._rivals.receive(frame, server, now)
        if rival is not None:
            self._emit(rival)

    def _drop(self, event: events.Dropped) -> None:
        self._counters["dropped"] += 1
        self._emit(event)

    def _answer(self, answer: Answer, now: float) -> None:
        frame, to = answer.frame, answer.reply.to
        # A machine is known by its hardware address until it has another.
        machine = frame.chaddr if to == BROADCAST else to[0]
        relayed = frame.giaddr != UNSPECIFIED and answer.port.role is Role.DISCOVERS
        if not self._limits.allow(machine, now, relay=relayed):
            self._counters["limited"] += 1
        else:
            self._decided.append(answer)

    def _settle(self, now: float) -> None:
        """Let the answers of this turn leave, once what they promise is kept."""
        due = self._decider.deadline
        if not self._decided and (due is None or now < due):
            return
        decided, self._decided = self._decided, []
        try:
            for event in self._decider.settle(now, time.time() - now):
                self._emit(event)
        except StoreError as error:
            self._counters["unsent"] += len(decided)
            self._emit(events.LeaseTrouble(f"{error}; nobody gets an address"))
            return
        for answer in decided:
            if self._waiting.is_full:
                self._counters["limited"] += 1
            elif not self._waiting.hold(answer, now):
                self._send(answer)

    def _retry(self, now: float) -> None:
        """Decide anew where the address to be offered was somebody's."""
        for answer in self._waiting.refused():
            assert answer.reply.probe is not None
            self._emit(self._decider.conflict(answer.reply.probe, now))
            outcome = self._decider.receive(answer.frame, answer.origin, now)
            self._carry_out(
                outcome, answer.port, answer.frame, answer.origin, answer.came, now
            )

    def _send(self, answer: Answer) -> None:
        reply, origin = answer.reply, answer.origin
        # A broadcast leaves by the interface that the question came in by; the way to
        # any other address is the routing table's business.
        to, index = reply.to, 0
        if to == BROADCAST and IPv4Address(origin.address).is_loopback:
            # A program on this machine plays a client: no such address comes over a
            # network (RFC 1122, section 3.2.1.3), and loopback carries no broadcast.
            to = (origin.address, origin.port)
        elif to == BROADCAST:
            index = answer.came.index
        ancillary = sent_from(reply.event.server, index)
        try:
            answer.port.sock.sendmsg([reply.data], ancillary, 0, to)
        except OSError:
            # The interface went down, its address went, or its queue is full: the
            # client asks again.
            self._counters["unsent"] += 1
            return
        self._counters[f"{reply.event.message}s"] += 1
        self._tell(self._witness.answer(answer.frame, answer.origin, reply))
        self._emit(reply.event)

"""A DHCP server: gives addresses (RFC 2131, section 4.3), and names boot files with them.

What the RFC leaves open is decided so:

- A client that renews an address which nobody else has, and of which there is no record
  (the file was lost), keeps it: it is in use.
- A machine that an address is reserved for gets it whatever its client identifier is:
  firmware, iPXE and the operating system each have one of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from typing import ClassVar

from fastboot.boot.machine import Firmware
from fastboot.config import LeaseConfig
from fastboot.events import Dropped, Event, Leased, Released, Unbootable

from .book import Book
from .claims import choose, holds, is_known, may_have
from .grant import Boot, Terms, destination, grant, refuse, text
from .leases import Lease, State
from .options import MessageType
from .outcome import Ignored, Noted, Origin, Outcome, Reply
from .packet import UNSPECIFIED, Frame, mac_text
from .proxy import Plan, Proxy, no_machine, no_relay
from .question import Question, find_subnet, read_question
from .reply import Style
from .subnet import Subnet

OFFER_HOLD = 30.0
"""Seconds for which an address that was offered is not offered to others: EDK2 chooses
after four, and who asks for it later gets it still if it is free."""

STYLES = {
    Firmware.HTTP: Style.HTTP,
    Firmware.IPXE: Style.IPXE,
    Firmware.RASPBERRY_PI: Style.RASPBERRY_PI,
    Firmware.U_BOOT: None,
}
"""How boot clients are answered by the server that gives the address. Others directly:
an offer without option 43 would send them to port 4011 for nothing."""


class LeaseServer:
    """Answers clients of a few subnets; a `fastboot.dhcp.outcome.Decider`.

    Args:
        subnets: Whose addresses it gives.
        config: How long leases last.
        book: The leases.
        proxy: What boot clients are told, and who answers on port 4011.
        probe: Whether new addresses are to be tried before they are offered.

    Attributes:
        subnets: Those that it serves now.
        follow: Asked once a second, at its time, what is to be served from then on;
            None: as before.
    """

    def __init__(
        self,
        subnets: Sequence[Subnet],
        config: LeaseConfig,
        book: Book,
        proxy: Proxy,
        *,
        probe: bool = False,
    ) -> None:
        self.subnets: Sequence[Subnet] = subnets
        self.follow: Callable[[float], Sequence[Subnet] | None] = _as_it_is
        self._config = config
        self._book = book
        self._proxy = proxy
        self._probe = probe
        self._said: list[Event] = []

    @property
    def deadline(self) -> float | None:
        """See `fastboot.dhcp.outcome.Decider`."""
        return self._book.deadline

    def receive(self, frame: Frame, origin: Origin, now: float) -> Outcome:
        """Decide about one message; see `fastboot.dhcp.outcome.Decider`."""
        if origin.boot_server:
            return self._proxy.receive(frame, origin, now)
        silence = no_machine(frame, origin) or self._no_relay(frame, origin)
        if silence is not None:
            return silence
        handle = self._handlers.get(frame.message_type or 0)
        if handle is None:
            return Ignored("no message for a server")
        subnet = find_subnet(frame, origin, self.subnets)
        if subnet is not None:
            return handle(self, read_question(frame, origin, subnet, now))
        if frame.giaddr == UNSPECIFIED:
            return Ignored("no subnet of ours")
        reason = f"the network that {frame.giaddr} relays is in no [[dhcp.subnet]]"
        return Dropped("dhcp", mac_text(frame.chaddr), reason)

    def _no_relay(self, frame: Frame, origin: Origin) -> Dropped | None:
        """As `no_relay`; one that is not named must be in a network of ours.

        Whose network a message is about, others may say (see `find_subnet`): who is
        answered, they may not.
        """
        relay = frame.giaddr
        if relay == UNSPECIFIED or self._proxy.relays:
            return no_relay(frame, origin, self._proxy.relays)
        if any(relay in subnet.network for subnet in self.subnets):
            return no_relay(frame, origin, ())
        reason = f"the relay {relay} is in no [[dhcp.subnet]]"
        return Dropped("dhcp", mac_text(frame.chaddr), reason)

    def settle(self, now: float, epoch: float) -> Iterable[Event]:
        """See `fastboot.dhcp.outcome.Decider`."""
        if now >= self._book.deadline:
            changed = self.follow(now)
            if changed is not None:
                self.subnets = changed
                self._book.serve(changed)
        said, self._said = self._said, []
        return [*self._book.settle(now, epoch), *said]

    def conflict(self, address: IPv4Address, now: float) -> Event:
        """See `fastboot.dhcp.outcome.Decider`."""
        lease = self._book.at(address)
        mac = lease.mac if lease is not None else b""
        return self._book.set_aside(address, mac, "found it in use", now)

    # What each message asks for

    def _discover(self, question: Question) -> Outcome:
        """DISCOVER: RFC 2131, section 4.3.1."""
        address = choose(question, self._book)
        if address is None:
            reason = f"no address is free in {question.subnet.network}"
            return Dropped("dhcp", question.mac, reason)
        lease = self._book.at(address)
        bound = holds(question, address, self._book)
        bound = bound and lease is not None and lease.state is State.BOUND
        if not bound:
            self._write(question, address, State.OFFERED, OFFER_HOLD)
        answer = self._answer(question, MessageType.OFFER, address)
        if self._probe and not bound and isinstance(answer, Reply):
            return replace(answer, probe=address)
        return answer

    def _request(self, question: Question) -> Outcome:
        """REQUEST: RFC 2131, section 4.3.2, whose table 4 tells the cases apart."""
        frame, book, wish = question.frame, self._book, question.wish
        if question.server is not None and question.server != question.origin.server:
            self._forget_offer(question)
            return Ignored("it chose another server")
        reboots = False
        if question.server is None:
            reboots = frame.ciaddr == UNSPECIFIED  # INIT-REBOOT
            wish = wish if reboots else frame.ciaddr  # RENEWING or REBINDING
        if wish is None:
            return Dropped("dhcp", question.mac, "it asks for no address")
        allowed = may_have(question, wish, book)
        if reboots and wish in question.subnet.network:
            known = is_known(question, wish, book)
            if not known and next(book.of(question.client), None) is None:
                return Ignored("a client that was never here")
            allowed = allowed and known
        if not allowed:
            return self._refuse(question, wish)
        return self._answer(question, MessageType.ACK, wish)

    def _decline(self, question: Question) -> Outcome:
        """DECLINE: RFC 2131, section 4.3.3."""
        address = question.wish
        if question.server != question.origin.server or address is None:
            return Ignored("a message for another server")
        if not holds(question, address, self._book):
            return Ignored("it declines what it was not given")
        mac, now = question.frame.chaddr, question.now
        return Noted(self._book.set_aside(address, mac, "declined it", now))

    def _release(self, question: Question) -> Outcome:
        """RELEASE: RFC 2131, section 4.3.4.

        It must name its server (section 4.4.1, table 5), which systemd-networkd leaves
        out. It is sent to that server alone, and who has the address is checked.
        """
        address = question.frame.ciaddr
        if question.server not in (None, question.origin.server):
            return Ignored("a message for another server")
        if not holds(question, address, self._book):
            return Ignored("it releases what it has not")
        self._write(question, address, State.RELEASED, 0.0)
        return Noted(Released(question.mac, str(address)))

    def _inform(self, question: Question) -> Outcome:
        """INFORM: RFC 2131, section 4.3.5. The answer goes to ciaddr: it must be here."""
        if question.frame.ciaddr not in question.subnet.network:
            return Ignored("an INFORM from an address that is none of ours")
        return self._answer(question, MessageType.ACK, UNSPECIFIED)

    _handlers: ClassVar[dict[int, Callable[[LeaseServer, Question], Outcome]]] = {
        MessageType.DISCOVER: _discover,
        MessageType.REQUEST: _request,
        MessageType.DECLINE: _decline,
        MessageType.RELEASE: _release,
        MessageType.INFORM: _inform,
    }

    # Answers

    def _answer(
        self, question: Question, kind: MessageType, address: IPv4Address
    ) -> Outcome:
        """An OFFER, or an ACK with which the lease begins or goes on."""
        frame, origin = question.frame, question.origin
        given = address != UNSPECIFIED
        seconds = self._seconds(question) if given else None
        boot = self._boot(question, kind)
        terms = Terms(question.told, seconds, boot)
        data = grant(frame, origin, kind, address, terms)
        if data is None:
            return Dropped("dhcp", question.mac, "what it is to be told does not fit")
        if kind is MessageType.ACK and seconds is not None:
            self._write(question, address, State.BOUND, seconds)
        server = text(origin.server)
        event = Leased(
            mac=question.mac,
            address=text(address if given else frame.ciaddr),
            server=server,
            message=kind.name.lower(),
            seconds=seconds or 0,
            detail=boot.answer.location(server) if boot else "",
        )
        return Reply(data, destination(frame, kind), event)

    def _seconds(self, question: Question) -> int:
        if question.seconds is None:
            return question.subnet.lease_time
        return min(max(question.seconds, self._config.min_time), self._config.max_time)

    def _boot(self, question: Question, kind: MessageType) -> Boot | None:
        """What the client is to load; None where it does not boot from the network."""
        match self._proxy.plan(question.frame, question.now):
            case Plan(machine, answer):
                return Boot(answer, STYLES.get(machine.firmware, Style.DIRECT))
            case Unbootable() as event if kind is MessageType.OFFER:
                self._said.append(event)
        return None

    def _refuse(self, question: Question, wish: IPv4Address) -> Reply:
        here = wish in question.subnet.network
        reason = "is not free" if here else f"is not in {question.subnet.network}"
        data = refuse(question.frame, question.origin, f"{wish} {reason}")
        server = str(question.origin.server)
        event = Leased(question.mac, str(wish), server, "nak", 0, reason)
        return Reply(data, destination(question.frame, MessageType.NAK), event)

    # The book

    def _write(
        self, question: Question, address: IPv4Address, state: State, seconds: float
    ) -> None:
        """Write what becomes of an address, for so long."""
        now, before = question.now, self._book.at(address)
        began, name = now, question.hostname
        if before is not None and before.client == question.client:
            began, name = before.began, name or before.hostname
        lease = Lease(
            *(address, question.client, question.frame.chaddr, state),
            *(began, now + seconds, name),
        )
        self._book.put(lease)

    def _forget_offer(self, question: Question) -> None:
        for lease in tuple(self._book.of(question.client)):
            if lease.state is State.OFFERED and lease.expires > question.now:
                self._book.put(replace(lease, expires=question.now))


def _as_it_is(now: float) -> None:
    """Nothing is followed: somebody described the subnets."""

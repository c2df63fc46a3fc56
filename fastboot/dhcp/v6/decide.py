"""What a DHCPv6 message is answered with: beside another server, or as the server.

As a proxy it answers boot clients alone and never gives an address; EDK2 takes what has
no IA_NA for a proxy's. iPXE has no notion of one: an answer of ours would keep it from
the server that has an address for it.

As the server it answers everybody on a link that has a prefix (RFC 8415, section 18.3).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network

from fastboot.boot.choose import Answer, Missing, Site, choose
from fastboot.boot.machine import Firmware, Machine
from fastboot.dhcp import pxe
from fastboot.dhcp.allow import EVERYONE, Allowed
from fastboot.dhcp.outcome import Ignored
from fastboot.errors import DecodeError
from fastboot.events import Dropped, Leased, Offered, Unbootable

from . import options
from .addressing import Addressing
from .machine import check_duid, read_machine
from .options import Association, Code, Options, Status
from .outcome import Origin, Outcome, Relays, Reply
from .packet import Kind, Message

PREFERRED = 3600
VALID = 7200
"""Seconds that addresses last: a network that fastboot serves is one of machines that
come and go."""

ASSOCIATIONS_MAX = 8
"""Associations of one client that are answered: it has one for each interface."""

WITHDRAWN_MAX = 8
"""Addresses of one association that a client is told to use no more: it has that many
where its network was renumbered."""

TO_ANY = (Kind.SOLICIT, Kind.CONFIRM, Kind.REBIND)
"""Messages that name no server (RFC 8415, section 16)."""

TO_ONE = (Kind.REQUEST, Kind.RENEW, Kind.RELEASE, Kind.DECLINE)
"""Messages that name the server they are for."""


class Responder:
    """Answers DHCPv6 messages.

    Args:
        duid: The server's own identifier.
        site: What there is to boot.
        gives: Whether it gives addresses, as the server; else it is a proxy.
        allowed: The machines that may boot.
        dns: Name servers for clients that are given addresses.
    """

    def __init__(
        self,
        duid: bytes,
        site: Site,
        *,
        gives: bool,
        allowed: Allowed = EVERYONE,
        dns: tuple[IPv6Address, ...] = (),
    ) -> None:
        self._duid = duid
        self._site = site
        self._gives = gives
        self._allowed = allowed
        self._dns = dns
        self._addressing = Addressing()
        self._as_server: dict[int, Callable[[Message, Origin], Options | None]] = {
            Kind.SOLICIT: self._assign,
            Kind.REQUEST: self._assign,
            Kind.RENEW: self._assign,
            Kind.REBIND: self._assign,
            Kind.CONFIRM: self._confirm,
            Kind.RELEASE: self._release,
            Kind.DECLINE: self._decline,
            Kind.INFORMATION_REQUEST: lambda message, origin: (),
        }

    def receive(self, message: Message, relays: Relays, origin: Origin) -> Outcome:
        """Decide about one message."""
        peer = str(origin.peer)
        try:
            why = self._not_for_us(message, origin)
            machine = read_machine(message, relays, origin.peer)
        except DecodeError as error:
            return Dropped("dhcp", peer, str(error))
        if why:
            return Ignored(why)
        if machine is not None and not self._may_boot(machine):
            if not self._gives:
                return Ignored("not on the list of machines to boot", meant=True)
            machine = None
        if not self._gives:
            return self._as_proxy(message, machine, origin)
        answer = self._as_server.get(message.kind)
        if answer is None:
            return Ignored("a message of servers")
        if not origin.prefixes and message.kind != Kind.INFORMATION_REQUEST:
            return Ignored("there is no prefix on that link to give addresses from")
        try:
            given = answer(message, origin)
        except DecodeError as error:
            return Dropped("dhcp", peer, str(error))
        if given is None:
            return Ignored("there is nothing to say to it")
        return self._reply(message, machine, origin, given)

    def _not_for_us(self, message: Message, origin: Origin) -> str:
        """Why a message is for another server; empty where it may be for us.

        Raises:
            DecodeError: It does not say who it is from (RFC 8415, section 16).
        """
        server = message.option(Code.SERVER_ID)
        if message.kind in TO_ONE and server != self._duid:
            return "another server was asked"
        if message.kind in TO_ANY and server is not None:
            return "it names a server, and must not"
        if message.kind == Kind.INFORMATION_REQUEST:
            # It need not say who it is from (section 18.2.6).
            return (
                "another server was asked" if server not in (None, self._duid) else ""
            )
        if message.kind not in (*TO_ANY, *TO_ONE):
            return "a message of servers"
        check_duid(message.option(Code.CLIENT_ID))
        return ""

    def _may_boot(self, machine: Machine) -> bool:
        try:
            hardware = bytes.fromhex(machine.mac.replace(":", ""))
        except ValueError:
            hardware = b""
        return self._allowed.has(hardware, machine.number)

    # Beside another server

    def _as_proxy(
        self, message: Message, machine: Machine | None, origin: Origin
    ) -> Outcome:
        if machine is None:
            return Ignored("no boot client")
        asks_all = message.kind == Kind.INFORMATION_REQUEST
        if machine.firmware is Firmware.IPXE and not asks_all:
            return Ignored("iPXE heeds the server alone that gives it an address")
        if not (asks_all or message.kind == Kind.SOLICIT or origin.boot_server):
            return Ignored("another server's client")
        return self._reply(message, machine, origin, ())

    # As the server

    def _associations(self, message: Message) -> list[Association]:
        values = [value for code, value in message.options if code == Code.IA_NA]
        return [Association.decode(value) for value in values[:ASSOCIATIONS_MAX]]

    def _addresses(
        self, message: Message, association: Association, origin: Origin
    ) -> tuple[IPv6Address, ...]:
        """What an association of a client holds: one address of each prefix."""
        duid = message.option(Code.CLIENT_ID) or b""
        found = (
            self._addressing.address(prefix, duid, association.iaid, origin.server)
            for prefix in origin.prefixes
        )
        return tuple(address for address in found if address is not None)

    def _assign(self, message: Message, origin: Origin) -> Options:
        """SOLICIT, REQUEST, RENEW, REBIND (sections 18.3.1, 18.3.2, 18.3.4, 18.3.5).

        All are answered alike, for an address follows from who asks; who holds another
        is given its own, which RENEW and REBIND allow, and told to leave the other.
        """
        return tuple(
            self._given(message.kind, association, origin, given)
            for association in self._associations(message)
            for given in (self._addresses(message, association, origin),)
        )

    def _given(
        self,
        kind: int,
        asked: Association,
        origin: Origin,
        addresses: tuple[IPv6Address, ...],
    ) -> tuple[int, bytes]:
        if not addresses:
            return _problem(asked.iaid, Status.NO_ADDRESSES)
        foreign = [a for a in asked.addresses if _is_over(kind, a, addresses, origin)]
        holds = Association(
            asked.iaid,
            addresses,
            preferred=PREFERRED,
            valid=VALID,
            withdrawn=tuple(foreign[:WITHDRAWN_MAX]),
        )
        return (Code.IA_NA, holds.encode())

    def _confirm(self, message: Message, origin: Origin) -> Options | None:
        """CONFIRM (section 18.3.3): whether addresses fit the link."""
        held = [a for item in self._associations(message) for a in item.addresses]
        if not held:
            return None
        fits = all(_is_in(address, origin.prefixes) for address in held)
        return (options.status(Status.SUCCESS if fits else Status.NOT_ON_LINK),)

    def _release(self, message: Message, origin: Origin) -> Options:
        """RELEASE (section 18.3.7): there is nothing to take back."""
        self._associations(message)
        return (options.status(Status.SUCCESS),)

    def _decline(self, message: Message, origin: Origin) -> Options:
        """DECLINE (section 18.3.8): what it was given is somebody else's."""
        for association in self._associations(message):
            given = self._addresses(message, association, origin)
            for address in association.addresses:
                if address in given:  # nobody declines for others
                    self._addressing.decline(address)
        return (options.status(Status.SUCCESS),)

    # Either way

    def _reply(
        self,
        message: Message,
        machine: Machine | None,
        origin: Origin,
        given: Options,
    ) -> Outcome:
        rapid = message.option(Code.RAPID_COMMIT) is not None and self._gives
        solicited = message.kind == Kind.SOLICIT
        kind = Kind.ADVERTISE if solicited and not rapid else Kind.REPLY
        head: list[tuple[int, bytes]] = []
        client = message.option(Code.CLIENT_ID)
        if client is not None:
            head.append((Code.CLIENT_ID, client))
        head.append((Code.SERVER_ID, self._duid))
        if solicited and rapid:
            head.append((Code.RAPID_COMMIT, b""))
        if self._gives and self._dns and message.kind != Kind.CONFIRM:
            head.append((Code.DNS_SERVERS, b"".join(a.packed for a in self._dns)))
        boot: Options = ()
        event: Offered | Leased | None = None
        if machine is not None and message.kind not in _ENDS:
            answer = choose(machine, self._site)
            if isinstance(answer, Missing):
                if not given:
                    words = machine.arch.words
                    return Unbootable(machine.mac, words, answer.reason)
            else:
                boot = self._boot(machine, answer, origin)
                event = _offered(machine, answer, origin, kind)
        if event is None and given:
            event = _leased(given, machine, origin, kind)
        return Reply(Message(kind, message.xid, (*head, *given, *boot)), event)

    def _boot(self, machine: Machine, answer: Answer, origin: Origin) -> Options:
        """The options that name the boot file, as EDK2 and iPXE look for them."""
        url = (Code.BOOTFILE_URL, answer.url(str(origin.server)).encode())
        match machine.firmware:
            case Firmware.HTTP:
                return (_vendor_class(pxe.HTTP_CLIENT), url)
            case Firmware.PXE if not self._gives or origin.boot_server:
                # It makes EDK2 ask once more, on port 4011: a proxy it believes only
                # so, a server that gives the address needs it not.
                return (_vendor_class(pxe.PXE_CLIENT), url)
            case _:
                return (url,)


_ENDS = (Kind.CONFIRM, Kind.RELEASE, Kind.DECLINE)
"""Messages that ask for nothing."""


def _vendor_class(text: bytes) -> tuple[int, bytes]:
    return (Code.VENDOR_CLASS, options.encode_vendor_class(text))


def _problem(iaid: int, problem: Status) -> tuple[int, bytes]:
    return (Code.IA_NA, Association(iaid, problem=problem).encode())


def _is_over(
    kind: int, held: IPv6Address, own: tuple[IPv6Address, ...], origin: Origin
) -> bool:
    """Whether a client must leave an address that it holds: it comes back with times 0.

    RENEW asks us, as the server that gave it (RFC 8415, section 18.3.4). REBIND asks
    everybody: what fits the link may be another server's to prolong, so only what does
    not fit is withdrawn (section 18.3.5).
    """
    if kind == Kind.RENEW:
        return held not in own
    return kind == Kind.REBIND and not _is_in(held, origin.prefixes)


def _is_in(address: IPv6Address, prefixes: tuple[IPv6Network, ...]) -> bool:
    return any(address in prefix for prefix in prefixes)


def _offered(machine: Machine, answer: Answer, origin: Origin, kind: Kind) -> Offered:
    server = str(origin.server)
    words = "offer" if kind is Kind.ADVERTISE else "ack"
    return Offered(machine.mac, machine.arch.words, answer.url(server), server, words)


def _leased(
    given: Options, machine: Machine | None, origin: Origin, kind: Kind
) -> Leased | None:
    addresses = [
        str(address)
        for code, value in given
        if code == Code.IA_NA
        for address in Association.decode(value).addresses
    ]
    if not addresses:
        return None
    message = "offer" if kind is Kind.ADVERTISE else "ack"
    who = machine.mac if machine else str(origin.peer)
    return Leased(who, addresses[0], str(origin.server), message, VALID, "")

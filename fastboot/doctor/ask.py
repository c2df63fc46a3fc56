"""Asking a network as machines would: DISCOVERs, and questions on port 4011.

No address is taken: nothing is ever requested. All kinds of machines ask at the same
time, each by a hardware address of its own, and are asked again once.
"""

from __future__ import annotations

import secrets
import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import islice

from fastboot.dhcp.packet import BOOTREPLY, UNSPECIFIED, Frame, decode
from fastboot.dhcp.ports import CLIENTS
from fastboot.dhcp.pxe import PXE_CLIENT
from fastboot.errors import DecodeError, ListenError
from fastboot.firmware import offer
from fastboot.firmware.decision import BOOT_SERVER_PORT, Heard
from fastboot.interfaces import Interface
from fastboot.listen import Place, udp

from .facts import Segment
from .machines import Kind

WAIT = 4.0
"""Seconds to listen for offers, as EDK2 does (its first time-out); servers that try an
address before they offer it take up to three."""

ANSWER_WAIT = 2.0
"""Seconds to listen for answers from port 4011."""

HEARD_MAX = 64
"""Messages kept for each machine: whoever floods a network is not listened to for ever."""

TARGETS_MAX = 4
"""Servers asked on port 4011 for each machine, which itself would ask one: whoever makes
up offers chooses whom we write to, and must not have us write to many."""

_SERVER_PORT, _CLIENT_PORT = 67, 68
_BROADCAST = "255.255.255.255"


@dataclass(slots=True)
class Player:
    """A machine that is played.

    Attributes:
        kind: What it is.
        chaddr: Its hardware address.
        xid: Its transaction.
        heard: What came for it.
    """

    kind: Kind
    chaddr: bytes
    xid: int
    heard: list[Heard] = field(default_factory=list)

    def take(self, data: bytes, sender: tuple[str, int]) -> None:
        """Keep a datagram that is for this machine; whatever else it is, drop it."""
        if len(self.heard) >= HEARD_MAX:
            return
        try:
            frame = decode(data)
        except DecodeError:
            return
        mine = (BOOTREPLY, self.xid, self.chaddr)
        if (frame.op, frame.xid, frame.chaddr) != mine:
            return
        source, port = IPv4Address(sender[0]), sender[1]
        seen = ((item.packet.options, item.source, item.port) for item in self.heard)
        if (frame.options, source, port) in seen:
            return  # the answer to asking again
        order = len(self.heard)
        self.heard.append(Heard(frame, source, order, port, len(data)))


def players(kinds: Iterable[Kind]) -> list[Player]:
    """Machines of these kinds, with addresses and transactions of their own."""
    return [
        Player(kind, kind.mac(secrets.token_bytes(3)), secrets.randbits(32))
        for kind in kinds
    ]


def listen(interface: Interface, cast: Sequence[Player], wait: float = WAIT) -> Segment:
    """What servers on a network send to these machines.

    Args:
        interface: Where to ask.
        cast: The machines, which take what is heard.
        wait: Seconds to listen.
    """
    address, network = interface.ipv4[0], interface.networks[0]
    if not hasattr(socket, "SO_BINDTODEVICE"):
        problem = "only Linux can ask on one interface; run it on a machine with Linux"
        return Segment(interface.name, address, network, problem)
    try:
        sock = udp(Place(CLIENTS, interface.name), _CLIENT_PORT, "DHCP", reuse=True)
    except ListenError as error:
        what = str(error).partition("; ")[0]
        problem = f"{what}; stop what has that port, or ask from another machine"
        return Segment(interface.name, address, network, problem)
    with sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

        def ask() -> None:
            for player in cast:
                question = player.kind.discover(player.chaddr, player.xid).encode()
                sock.sendto(question, (_BROADCAST, _SERVER_PORT))

        try:
            _collect(sock, ask, cast, wait)
        except OSError as error:
            problem = (
                f"cannot ask on {interface.name}: {error.strerror}; "
                "see `ip link` whether it is up"
            )
            return Segment(interface.name, address, network, problem)
    return _segment(interface.name, address, network, cast, frozenset())


def question(
    segment: Segment,
    cast: Sequence[Player],
    wait: float = ANSWER_WAIT,
    port: int = BOOT_SERVER_PORT,
) -> Segment:
    """Ask the boot servers that these machines would ask, on port 4011.

    Args:
        segment: What was heard there before.
        cast: The machines, which take what is answered.
        wait: Seconds to listen.
        port: The boot servers' port.
    """
    asked = {player.xid: targets(player) for player in cast}
    if segment.address is None or not any(asked.values()):
        return segment
    own = segment.address
    # Not bound to the interface: an answer of our own server comes by the loopback.
    with udp(Place(str(own)), 0, "DHCP") as sock:

        def ask() -> None:
            for player in cast:
                frame = player.kind.question(player.chaddr, player.xid, own)
                for server in asked[player.xid]:
                    _send(sock, frame, (str(server), port))

        _collect(sock, ask, cast, wait)
    answered = {
        server
        for player in cast
        for server in asked[player.xid]
        if offer.answers(player.heard, server)
    }
    silent = frozenset(
        server for servers in asked.values() for server in servers
    ) - frozenset(answered)
    return _segment(segment.interface, own, segment.network, cast, silent)


def targets(player: Player) -> frozenset[IPv4Address]:
    """The servers that a machine may ask on port 4011, whichever it chooses."""
    if player.kind.http:
        return frozenset()
    found: dict[IPv4Address, None] = {}
    for item in offer.offers(player.heard):
        if offer.has_class(item.packet, PXE_CLIENT):
            # EDK2 asks siaddr, else option 54; iPXE the other way round.
            found |= dict.fromkeys((offer.who(item), item.packet.siaddr))
    found.pop(UNSPECIFIED, None)
    return frozenset(islice(found, TARGETS_MAX))


def _send(sock: socket.socket, frame: Frame, to: tuple[str, int]) -> None:
    try:
        sock.sendto(frame.encode(), to)
    except OSError:
        pass  # no route to it: then it is silent


def _collect(
    sock: socket.socket,
    ask: Callable[[], None],
    cast: Sequence[Player],
    wait: float,
) -> None:
    """Ask twice, and give what comes to the machines until the time is up."""
    began = time.monotonic()
    again = [began, began + wait / 3]
    while (left := began + wait - time.monotonic()) > 0:
        if again and time.monotonic() >= again[0]:
            del again[0]
            ask()
        if again:
            left = min(left, max(0.0, again[0] - time.monotonic()))
        if not select.select([sock], (), (), left)[0]:
            continue
        try:
            data, sender = sock.recvfrom(4096)
        except OSError:
            continue  # a port that is closed somewhere (ICMP), or the interface went
        for player in cast:
            player.take(data, sender)


def _segment(
    interface: str,
    address: IPv4Address,
    network: IPv4Network | None,
    cast: Sequence[Player],
    silent: frozenset[IPv4Address],
) -> Segment:
    heard = {player.kind.name: tuple(player.heard) for player in cast}
    return Segment(interface, address, network, "", heard, silent)

"""Looking for another DHCP server, as a client would, before one more begins.

Two servers on one network that do not know of each other give the same address twice.
"""

from __future__ import annotations

import secrets
import select
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv6Address

from fastboot.errors import DecodeError, ListenError
from fastboot.listen import Place, udp

from . import options
from .options import Code, MessageType
from .packet import BOOTREPLY, BOOTREQUEST, BROADCAST_FLAG, UNSPECIFIED, Frame, decode
from .ports import CLIENTS

WAIT = 4.0
"""Seconds to listen: servers that first try the address which they offer take up to
three."""

AGAIN = 1.5
"""Seconds after which it is asked once more: the first question may be lost."""

_SERVER_PORT, _CLIENT_PORT = 67, 68


@dataclass(frozen=True, slots=True)
class Foreign:
    """A server that answered.

    Attributes:
        device: The interface that it answers on.
        server: Its address.
        offered: The address that it offers.
    """

    device: str
    server: IPv4Address | IPv6Address
    offered: IPv4Address | IPv6Address


def discover(chaddr: bytes, xid: int) -> Frame:
    """A client's DISCOVER that any server may answer, by broadcast."""
    return Frame(
        op=BOOTREQUEST,
        xid=xid,
        chaddr=chaddr,
        flags=BROADCAST_FLAG,
        options=(
            (Code.MESSAGE_TYPE, bytes((MessageType.DISCOVER,))),
            (Code.PARAMETER_REQUEST_LIST, bytes((Code.SUBNET_MASK, Code.ROUTER))),
        ),
    )


def read_offer(data: bytes, xid: int, device: str) -> Foreign | None:
    """The server that made an offer; None if this is no offer of an address to us."""
    try:
        frame = decode(data)
    except DecodeError:
        return None
    if (frame.op, frame.xid, frame.message_type) != (BOOTREPLY, xid, MessageType.OFFER):
        return None
    server = options.address(frame.options, Code.SERVER_IDENTIFIER)
    if frame.yiaddr == UNSPECIFIED or server is None:
        return None  # a proxy, which gives no addresses
    return Foreign(device, server, frame.yiaddr)


def look(devices: Iterable[tuple[str, bytes]]) -> Foreign | None:
    """The first other server that answers on one of these interfaces, if any does.

    Nobody is asked where a socket cannot be bound to an interface (not Linux).

    Args:
        devices: Names and hardware addresses.

    Raises:
        ListenError: An interface cannot be asked.
    """
    if not hasattr(socket, "SO_BINDTODEVICE"):
        return None
    xid = secrets.randbits(32)
    asking: dict[socket.socket, tuple[str, bytes]] = {}
    try:
        for name, chaddr in devices:
            sock = udp(Place(CLIENTS, name), _CLIENT_PORT, "DHCP", reuse=True)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            asking[sock] = (name, discover(chaddr, xid).encode())

        def read(data: bytes, device: str, peer: str) -> Foreign | None:
            return read_offer(data, xid, device)

        names = {sock: name for sock, (name, _) in asking.items()}
        once = partial(_ask, asking)
        return hear(names, once, read, (WAIT, AGAIN)) if asking else None
    finally:
        for sock in asking:
            sock.close()


def hear(
    asking: Mapping[socket.socket, str],
    ask: Callable[[], None],
    read: Callable[[bytes, str, str], Foreign | None],
    times: tuple[float, float],
) -> Foreign | None:
    """Ask twice; the first server that answers in time.

    Args:
        asking: Sockets, each with the name of its interface.
        ask: Sends the question on all of them.
        read: Makes a server of a datagram, the interface's name and the sender's address.
        times: Seconds to listen, and those after which it is asked once more.
    """
    began = time.monotonic()
    until, again = began + times[0], [began, began + times[1]]
    while (left := until - time.monotonic()) > 0:
        if again and time.monotonic() >= again[0]:
            del again[0]
            ask()
        if again:
            left = min(left, max(0.0, again[0] - time.monotonic()))
        for sock in select.select(list(asking), (), (), left)[0]:
            try:
                data, peer = sock.recvfrom(4096)
            except OSError:
                continue  # the interface went down
            found = read(data, asking[sock], peer[0].partition("%")[0])
            if found is not None:
                return found
    return None


def _ask(asking: dict[socket.socket, tuple[str, bytes]]) -> None:
    for sock, (name, question) in asking.items():
        try:
            sock.sendto(question, ("255.255.255.255", _SERVER_PORT))
        except OSError as error:
            raise ListenError(
                f"cannot ask on {name} whether another DHCP server is there: "
                f"{error.strerror}; try again when it is up, or use --dhcp-force"
            ) from error

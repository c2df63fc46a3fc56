"""Opening ports, and one clear line when that fails."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import psutil

from .errors import ListenError

RECEIVE_BUFFER = 4 << 20
"""Bytes asked for as a UDP receive buffer: a boot storm sends hundreds of requests
within milliseconds, the usual 208 KiB hold about that many."""

IP_MTU_DISCOVER = 10
IP_PMTUDISC_DONT = 0
IP_PKTINFO = 8
"""From linux/in.h; Python's socket module names them only in later versions."""

_FREEBIND = {
    socket.AF_INET: (socket.IPPROTO_IP, 15),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 78),
}
"""IP_FREEBIND and IPV6_FREEBIND of linux/in.h and linux/in6.h: a socket may be bound to
an address that no interface has yet, as at start-up, before a network is configured."""

_OTHERWISE = {
    "DHCP": "choose another --dhcp-port or --dhcp-pxe-port, or use --dhcp off",
    "DHCPv6": "use --no-dhcp-ipv6",
}
"""What to do about a port that cannot be had, where it is not just another one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen: an address, and a device to be bound to or None for all.

    Attributes:
        address: "0.0.0.0" or "::" for every address of its family.
        device: The device's name.
        follow: Told of each socket that is to be bound to the device, as
            `follow.Follower.add` wants to be.
        shared: Whether the port for requests is for several engines of this program.
        port: The one that the first of them opened, for the others to `join`.
        ready: Sockets that are bound already, used in place of new ones.
    """

    address: str
    device: str | None = None
    follow: Callable[[socket.socket, str], None] | None = field(
        default=None, compare=False, repr=False
    )
    shared: bool = False
    port: int | None = None
    ready: tuple[socket.socket, ...] = ()

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET or AF_INET6."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    @property
    def is_one(self) -> bool:
        """Whether it is a single address: all that comes was sent to that."""
        return self.address not in ("", "0.0.0.0", "::")  # noqa: S104


def is_privileged() -> bool:
    """Whether the ports below 1024 are ours to open, and the system's folders."""
    return not hasattr(os, "geteuid") or os.geteuid() == 0


def everywhere(device: str | None = None) -> tuple[Place, ...]:
    """All addresses of each family that this machine has, on one device or on all."""
    places = (Place("0.0.0.0", device), Place("::", device))  # noqa: S104
    return tuple(place for place in places if _usable(place))


def is_here(address: str) -> bool:
    """Whether this machine has an address at this moment."""
    return _usable(Place(address))


def _usable(place: Place) -> bool:
    try:
        with socket.socket(place.family, socket.SOCK_DGRAM) as sock:
            sock.bind((place.address, 0))
    except OSError:
        return False
    return True


def join(
    places: Iterable[Place], ports: Iterable[tuple[str, int]]
) -> tuple[Place, ...]:
    """The same places for one more engine, which shares the ports that are open there.

    Args:
        places: Those that the first engine was given, `shared`.
        ports: What it opened at each: its `ports`.
    """
    pairs = zip(places, ports, strict=True)
    return tuple(replace(place, port=port) for place, (_, port) in pairs)


def udp(
    place: Place,
    port: int,
    protocol: str,
    *,
    reuse: bool = False,
    requests: bool = False,
    tells: bool = True,
) -> socket.socket:
    """A bound, non-blocking UDP socket that tells where datagrams were sent to.

    DF is cleared, as boot servers do, so that a block larger than the path's MTU is
    fragmented instead of lost.

    Args:
        place: The address and device.
        port: The port; 0 for any.
        protocol: "TFTP" or the like, for the error's text.
        reuse: Whether to share the port with programs that share it as well, as
            libvirt's dnsmasq does on its own interface. Each gets every broadcast.
        requests: Whether it is the port for requests, shared where the place is.
        tells: Whether it is to tell that: it costs a tenth of what a small datagram
            costs, and says nothing new where the place is one address.

    Raises:
        ListenError: It cannot be opened; the text is for a person.
    """
    given = _ready(place, socket.SOCK_DGRAM, None if requests else port)
    sock = given or _new(place, socket.SOCK_DGRAM, protocol)
    try:
        if reuse:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if place.family is socket.AF_INET:
            if sys.platform.startswith("linux"):
                sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, tells)
                sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        elif hasattr(socket, "IPV6_RECVPKTINFO"):
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, tells)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if given is None and requests:
            _bind(sock, place, port)
        elif given is None:
            sock.bind((place.address, port))
    except OSError as error:
        sock.close()
        raise _explain(error, place, port, protocol, "udp") from None
    return sock


def tcp(place: Place, port: int, protocol: str, backlog: int = 1024) -> socket.socket:
    """A listening, non-blocking TCP socket.

    Args:
        place: The address and device.
        port: The port; 0 for any.
        protocol: "HTTP" or the like, for the error's text.
        backlog: Connections that may wait to be accepted.

    Raises:
        ListenError: It cannot be opened; the text is for a person.
    """
    given = _ready(place, socket.SOCK_STREAM, None)
    sock = given or _new(place, socket.SOCK_STREAM, protocol)
    try:
        if given is None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(sock, place, port)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise _explain(error, place, port, protocol, "tcp") from None
    return sock


def _bind(sock: socket.socket, place: Place, port: int) -> None:
    """Bind a socket for requests: alone, or beside those of the engines before it.

    The kernel gives each datagram and each connection to one of the sockets that share
    a port, by the addresses and ports of both ends (socket(7), SO_REUSEPORT): what one
    client sends from one port always reaches the same engine, which so knows what is
    repeated, and gets the ACKs where files leave by that port as well.

    The first binds as if it were alone, and lets others share only afterwards: a port
    that another program has, a second fastboot too, is an error and is never split.
    """
    if place.port is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port = place.port
    sock.bind((place.address, port))
    if place.shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _ready(
    place: Place, kind: socket.SocketKind, port: int | None
) -> socket.socket | None:
    """A duplicate of the socket that was handed in, on this port or (None) on any."""
    for sock in place.ready:
        if sock.type is kind and port in (None, sock.getsockname()[1]):
            own = sock.dup()
            own.setblocking(False)
            return own
    return None


def _new(place: Place, kind: socket.SocketKind, protocol: str) -> socket.socket:
    try:
        sock = socket.socket(place.family, kind)
    except OSError as error:
        raise ListenError(
            f"{protocol} cannot listen on {place.address}: {error.strerror}"
        ) from error
    try:
        sock.setblocking(False)
        if sys.platform.startswith("linux"):
            sock.setsockopt(*_FREEBIND[place.family], 1)
        if place.family is socket.AF_INET6:
            # IPv4 clients have a socket of their own, so that replies to them carry
            # the IPv4 address they asked.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if place.device is not None:
            if place.follow is not None:
                place.follow(sock, place.device)
            device = place.device.encode()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
    except OSError as error:
        sock.close()
        raise ListenError(
            f"{protocol} cannot use interface {place.device}: {error.strerror}; "
            "check the name with `ip link`, and run as root"
        ) from error
    return sock


def _explain(
    error: OSError, place: Place, port: int, protocol: str, kind: str
) -> ListenError:
    where = f"{protocol} cannot listen on {place.address} port {port}"
    choose = f"choose another --{protocol.lower()}-port"
    otherwise = _OTHERWISE.get(protocol, choose)
    if error.errno == errno.EADDRINUSE:
        holder = _holder(port, kind)
        taken = f"{holder} has it" if holder else "another program has it"
        return ListenError(f"{where}: {taken}; stop it or {otherwise}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return ListenError(f"{where}: not permitted; run as root or {otherwise}")
    if error.errno == errno.EADDRNOTAVAIL:
        return ListenError(f"{where}: no interface has that address; see `ip address`")
    return ListenError(f"{where}: {error.strerror}")


def _holder(port: int, kind: str) -> str | None:
    """The program that holds a port, as "name (pid 123)"; None where it is hidden."""
    try:
        for connection in psutil.net_connections(kind):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                if connection.pid == os.getpid():
                    return "this program"
                name = psutil.Process(connection.pid).name()
                return f"{name} (pid {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return None

"""The client's engine: one socket, one exchange.

The socket is what a loop watches; there are no others, and the only timer is `deadline`,
which whoever watches keeps. So a client needs one descriptor, and runs where there is no
epoll. The port is its own, as RFC 1350, section 4, has it for each transfer.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable

from fastboot.listen import IP_MTU_DISCOVER

from .exchange import Exchange, Parcel
from .ports import BATCH, Peer

DATAGRAM_MAX = 65536
"""Longest datagram that there is."""

RECEIVE_BUFFER = 4 << 20
"""Bytes that may wait in the socket: some windows, each packet of which counts for more
than its bytes. Without root there are as many as the system allows."""

TURNS = 16
"""Batches taken before others have their turn."""

# linux/in.h, linux/in6.h, linux/socket.h; the socket module lacks them.
_IP_RECVERR, _IPV6_RECVERR, _IP_PMTUDISC_DONT, _SO_RCVBUFFORCE = 11, 25, 0, 33

_LINUX = sys.platform.startswith("linux")


class Call:
    """An exchange with its socket; close it in any case.

    Args:
        exchange: What is to be said.
        family: Of the server's address.
        clock: Seconds that only grow.

    Raises:
        OSError: There is no socket to be had.
    """

    def __init__(
        self,
        exchange: Exchange,
        family: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.exchange = exchange
        self._clock = clock
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            _prepare(self._sock, family)
        except BaseException:
            self._sock.close()
            raise
        self._send(exchange.start(clock()))

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do; `exchange` tells how it ended."""
        return self.exchange.finished

    @property
    def deadline(self) -> float | None:
        """When `poll` is to be called even if nothing has come; None: never."""
        return self.exchange.deadline

    def fileno(self) -> int:
        """The descriptor that is readable when something has come."""
        return self._sock.fileno()

    def poll(self) -> None:
        """Do what is due; never waits, and leaves a lot for the next time.

        Nothing that a peer sends makes it raise.
        """
        for _ in range(TURNS):
            if self.exchange.finished or not self._take():
                break
        self._send(self.exchange.tick(self._clock()))

    def close(self) -> None:
        """End it, and tell the server where it is not over; again, it does nothing."""
        if self._sock.fileno() >= 0:
            self._send(self.exchange.close())
            self._sock.close()

    def _take(self) -> bool:
        """Take some datagrams; whether there may be more."""
        machine = self.exchange.machine
        drain = getattr(machine, "drain", None)
        if drain is not None and self.exchange.carrying:
            others, packets, more, failed = drain(
                self._sock, self.exchange.peer, self._clock()
            )
            self._send(self.exchange.went_on(packets, self._clock()))
            for data, source in others:
                self._heard(data, source)
            if failed:
                self._errors(OSError(failed, os.strerror(failed)))
            return bool(more)
        for _ in range(BATCH):
            try:
                data, source = self._sock.recvfrom(DATAGRAM_MAX)
            except BlockingIOError:
                return False
            except OSError as error:
                self._errors(error)
                return False
            self._heard(data, source)
            if machine is not self.exchange.machine:
                break  # it may be one that takes datagrams itself
        return True

    def _heard(self, data: bytes, source: Peer) -> None:
        self._send(self.exchange.receive(data, source, self._clock()))

    def _send(self, parcels: list[Parcel]) -> None:
        for packet, to in parcels:
            try:
                self._sock.sendto(packet, to)
            except BlockingIOError:
                pass  # no room: as good as lost on the way
            except OSError as error:
                self._errors(error)

    def _errors(self, error: OSError) -> None:
        """The network says that something did not arrive, or cannot."""
        self.exchange.unreachable(error.strerror or str(error))
        while _LINUX:  # what it says stays in line, and the socket readable, until read
            try:
                self._sock.recvmsg(0, 0, socket.MSG_ERRQUEUE)
            except OSError:
                return


def _prepare(sock: socket.socket, family: int) -> None:
    if _LINUX:
        if family == socket.AF_INET:
            # Blocks longer than the MTU are fragmented instead of lost.
            sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except PermissionError:
            pass
        else:
            return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)

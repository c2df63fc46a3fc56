"""HTTPS's sockets: the engine of HTTP, with TLS between each socket and its machine."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import partial
from typing import cast

from fastboot.config import HttpConfig
from fastboot.events import Dropped, Emit
from fastboot.listen import Place
from fastboot.poller import READ
from fastboot.tls.sockets import TlsSocket
from fastboot.tree import Tree

from .engine import Engine
from .link import Link
from .peer import Peer
from .places import Places
from .secure import COPY, SHARE, SecureLink
from .secure_front import SecureFront


class SecureEngine(Engine):
    """Serves a tree over HTTPS; a `fastboot.engine.Engine`.

    A connection has a machine until its handshake is over, and is the front's from
    then on as over HTTP.

    Args:
        config: Ports, timeouts and limits, as for HTTP.
        tree: Asked for each path.
        emit: Told what happens, from the thread that polls.
        places: Where to listen.
        secure: The certificates, as `make_context` makes them.
        room: As for HTTP.

    Attributes:
        secure: As given; another one is for the connections that come from then on.

    Raises:
        ListenError: A port cannot be opened.
    """

    protocol = "https"
    share = SHARE

    def __init__(
        self,
        config: HttpConfig,
        tree: Tree,
        emit: Emit,
        places: Sequence[Place],
        secure: ssl.SSLContext,
        room: Places | None = None,
    ) -> None:
        super().__init__(config, tree, emit, places, SecureFront, room)
        self.secure = secure
        self._buffer = memoryview(bytearray(COPY))

    def _welcome(self, peer: Peer, now: float, *, told: bool) -> None:
        try:
            sock = self.secure.wrap_socket(
                peer.sock, server_side=True, do_handshake_on_connect=False
            )
        except OSError:  # the connection is gone already, and the socket closed
            self._places.leave(peer.client)
            return
        peer = self._peers[sock.fileno()] = Peer(sock, peer.client)
        link = self._linked(peer, now, 0, established=False)
        if told:
            self._guarded(link, link.machine.turn_away)
        else:
            self._timers.set(link.fd, link.machine.deadline)

    def _take_up(self, fd: int, now: float) -> Link:
        requests = self._front.take(fd)
        return self._linked(self._peers[fd], now, requests, established=True)

    def _give_back(self, link: Link) -> None:
        # It waits for room sometimes, in order to read.
        if cast("SecureLink", link).established and link.interest == READ:
            super()._give_back(link)
        else:
            self._timers.set(link.fd, link.machine.deadline)

    def _linked(
        self, peer: Peer, now: float, requests: int, *, established: bool
    ) -> Link:
        link = self._links[peer.sock.fileno()] = SecureLink(
            cast("TlsSocket", peer.sock),
            self._machine(peer, now, requests),
            partial(self._dropped, peer.client),
            self._buffer,
            established=established,
        )
        return link

    def _dropped(self, client: str, reason: str) -> None:
        self._emit(Dropped(self.protocol, client, reason))

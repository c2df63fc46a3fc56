"""HTTPS's sockets: the engine of HTTP, with TLS between each socket and its machine."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import partial

from fastboot.config import HttpConfig
from fastboot.events import Dropped, Emit
from fastboot.listen import Place
from fastboot.tree import Tree

from .engine import Engine
from .front import Front
from .link import Link
from .peer import Peer
from .places import Places
from .secure import COPY, SHARE, SecureLink


class SecureEngine(Engine):
    """Serves a tree over HTTPS; a `fastboot.engine.Engine`.

    A connection has its machine from the first byte to the last and is never the
    front's, which knows plain sockets alone.

    Args:
        config: Ports, timeouts and limits, as for HTTP.
        tree: Asked for each path.
        emit: Told what happens, from the thread that polls.
        places: Where to listen.
        secure: The certificates.
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
        super().__init__(config, tree, emit, places, Front, room)
        self.secure = secure
        self._buffer = memoryview(bytearray(COPY))

    def _welcome(self, peer: Peer, now: float, *, told: bool) -> None:
        machine = self._machine(peer, now, 0)
        try:
            dropped = partial(self._dropped, peer.client)
            link = SecureLink(peer.sock, machine, self.secure, dropped, self._buffer)
        except OSError:  # the connection is gone already, and the socket closed
            self._places.leave(peer.client)
            return
        self._peers[link.fd] = Peer(link.sock, peer.client)
        self._links[link.fd] = link
        if told:
            self._guarded(link, machine.turn_away)
        else:
            self._timers.set(link.fd, machine.deadline)

    def _give_back(self, link: Link) -> None:
        self._timers.set(link.fd, link.machine.deadline)

    def _dropped(self, client: str, reason: str) -> None:
        self._emit(Dropped(self.protocol, client, reason))

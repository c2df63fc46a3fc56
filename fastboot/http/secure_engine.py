"""HTTPS's sockets: the engine of HTTP, with TLS between each socket and its machine."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from socket import socket
from typing import cast

from fastboot.config import HttpConfig
from fastboot.events import Dropped, Emit
from fastboot.listen import Place
from fastboot.poller import READ
from fastboot.tls.sockets import TlsSocket
from fastboot.tree import Tree

from .engine import Engine
from .link import Link
from .places import Places
from .secure import COPY, SHARE, SecureLink
from .secure_front import SecureFront


class SecureEngine(Engine):
    """Serves a tree over HTTPS; a `fastboot.engine.Engine`.

    A connection is the front's as over HTTP, from its handshake on.

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
        self._door.wrap = self._wrap
        cast("SecureFront", self._front).dropped = self._dropped
        self._buffer = memoryview(bytearray(COPY))

    def _wrap(self, sock: socket) -> socket:
        return self.secure.wrap_socket(
            sock, server_side=True, do_handshake_on_connect=False
        )

    def _take_up(self, fd: int, now: float) -> Link:
        sock, client, requests = self._front.take(fd)
        machine = self._machine(sock, client, now, requests)
        tls = cast("TlsSocket", sock)
        link = self._links[fd] = SecureLink(tls, machine, self._buffer)
        return link

    def _give_back(self, link: Link) -> None:
        if link.interest == READ:
            super()._give_back(link)
        else:  # it waits for room, in order to read
            self._timers.set(link.fd, link.machine.deadline)

    def _dropped(self, client: str, reason: str) -> None:
        self._emit(Dropped(self.protocol, client, reason))

"""HTTP's sockets: accepts, reads heads, sends files with sendfile(2).

One turn of `poll` gives each ready connection a share of bytes, so that a client on a
fast link does not keep the others waiting.
"""

from __future__ import annotations

import errno
import math
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import monotonic, time

from fastboot.config import HttpConfig
from fastboot.errors import ConfigError, ContentChanged
from fastboot.events import Emit, Event, Fault
from fastboot.later import Later
from fastboot.listen import Place, tcp
from fastboot.poller import READ, WRITE, Poller
from fastboot.timers import Timers
from fastboot.tree import Blob, Client, Tree

from .connection import Action, Await, Connection, Send, SendFile, Shutdown
from .link import Link
from .places import Places, Seat

TURN = 64 << 20
"""Bytes sent in one turn at the most, in equal shares."""

SHARE_MOST = 1 << 20
SHARE_LEAST = 256 << 10
"""A connection's share of a turn, bytes. From a cold disk the larger takes up to a
tenth of a second; with the smaller sendfile is still several times as fast as a copy."""

ANSWER_COST = 16 << 10
"""Bytes that an answer counts for besides its own: small ones cost time as well."""

RECEIVE = 16 << 10
"""Bytes read at once; so much is kept of requests that wait for an answer."""

ACCEPTS = 64
"""Connections accepted from one port in one turn."""

PAUSE = 0.5
"""Seconds until the next accept after one failed for want of descriptors or memory."""

_SHORTAGE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_TCP_NOTSENT_LOWAT = 25  # linux/tcp.h; Python's socket module names it since 3.12
_RESET = struct.pack("ii", 1, 0)  # struct linger: close at once, with a reset


class Engine:
    """Serves a tree over HTTP; a `fastboot.engine.Engine`.

    Args:
        config: Ports, timeouts and limits.
        tree: Asked for each path.
        emit: Told what happens, from the thread that polls.
        places: Where to listen.

    Raises:
        ListenError: A port cannot be opened.
    """

    def __init__(
        self, config: HttpConfig, tree: Tree, emit: Emit, places: Sequence[Place]
    ) -> None:
        if config.port is None:
            raise ConfigError("the HTTP port is not set; see Config.resolved")
        self._config = config
        self._tree = tree
        self._emit = emit
        self._poller = Poller()
        self._listeners: dict[int, socket.socket] = {}
        self._links: dict[int, Link] = {}
        self._places = Places(config.max_connections, config.max_per_client)
        self._timers: Timers[int] = Timers()
        self._accept_at = math.inf  # set while accepting pauses
        self.later: Later[int] = Later(self.wake, config.answer_timeout)
        self._closed = False
        self._busy = 0  # links that were busy when they were last looked at
        self._counts = dict.fromkeys(
            ("accepted", "turned_away", "requests", "sent_bytes", "faults"), 0
        )
        try:
            for place in places:
                sock = tcp(place, config.port, "HTTP")
                self._listeners[sock.fileno()] = sock
                self._poller.watch(sock.fileno(), READ)
        except BaseException:
            self.close()
            raise

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that are open."""
        return tuple(sock.getsockname()[:2] for sock in self._listeners.values())

    @property
    def idle(self) -> bool:
        """Whether no request is being read or answered."""
        return not self._busy  # not `_links`: other threads ask, too

    def fileno(self) -> int:
        """The descriptor that is readable when `poll` has something to do."""
        return self._poller.fileno()

    def wake(self) -> None:
        """End a `poll` that is waiting, from any thread."""
        self._poller.wake()

    def stats(self) -> dict[str, int]:
        """Counters since the start, and how many connections there are.

        `requests` are names asked for; `sent_bytes` counts heads and bodies.
        """
        return {**self._counts, "connections": len(self._links)}

    def poll(self, timeout: float | None = 0.0) -> None:
        """Do what is due; wait for it `timeout` seconds at most (None: for ever)."""
        ready = self._poller.wait(timeout)
        now = monotonic()
        share = TURN // max(1, len(ready))
        share = max(SHARE_LEAST, min(share, SHARE_MOST))
        for fd, _ in ready:
            link = self._links.get(fd)
            if link:
                self._guarded(link, share, partial(self._read, link))
            elif fd in self._listeners:
                self._accept(self._listeners[fd], now)
        if now >= self._accept_at:
            self._set_accepting(READ)
            self._accept_at = math.inf
        for fd, answer in self.later.answers():
            link = self._links[fd]
            self._guarded(link, share, partial(link.machine.answered, answer))
        for fd in self._timers.due(now):
            link = self._links.get(fd)
            if link:
                self._guarded(link, SHARE_LEAST, link.machine.tick)
        self._arm()

    def drain(self) -> None:
        """Accept no more; close connections as soon as nothing is under way there."""
        self._close_listeners()
        for link in list(self._links.values()):
            self._guarded(link, SHARE_LEAST, link.machine.drain)
        self._arm()

    def close(self) -> None:
        """End what is under way and give the sockets back."""
        if self._closed:
            return
        self._closed = True
        self._close_listeners()
        now = monotonic()
        for link in list(self._links.values()):
            if link.machine.answering or link.machine.asking:
                link.machine.fail("the server was stopped", now)
                self._discard(link, reset=True)
            else:
                link.machine.end()
                self._discard(link, reset=False)
        self.later.close()
        self._poller.close()

    def _close_listeners(self) -> None:
        for fd, sock in self._listeners.items():
            self._poller.forget(fd)
            sock.close()
        self._listeners.clear()
        self._accept_at = math.inf

    def _set_accepting(self, interest: int) -> None:
        for fd in self._listeners:
            self._poller.change(fd, interest)

    def _open(self, name: str, client: Client) -> Blob | Awaitable[Blob]:
        self._counts["requests"] += 1
        return self._tree.open(name, client)

    def _tell(self, event: Event) -> None:
        self._counts["faults"] += isinstance(event, Fault)
        self._emit(event)

    def _accept(self, listener: socket.socket, now: float) -> None:
        for _ in range(ACCEPTS):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _SHORTAGE:
                    # The port would stay readable: look away, or this spins.
                    self._set_accepting(0)
                    self._accept_at = now + PAUSE
                    return
                continue  # that client has gone already (accept(2), "Error handling")
            self._counts["accepted"] += 1
            try:
                self._admit(sock, address[0], now)
            except OSError:
                sock.close()  # reset before we came to it, or epoll has no room

    def _admit(self, sock: socket.socket, client: str, now: float) -> None:
        seat = self._places.take(client)
        if seat is not Seat.SERVED:
            self._counts["turned_away"] += 1
        if seat is Seat.NONE:
            sock.close()
            return
        try:
            link = self._link(sock, client, now)
        except OSError:
            self._places.leave(client)
            raise
        self._links[link.fd] = link
        if seat is Seat.TOLD:
            self._guarded(link, SHARE_LEAST, link.machine.turn_away)
        else:
            self._timers.set(link.fd, link.machine.deadline)

    def _link(self, sock: socket.socket, client: str, now: float) -> Link:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform.startswith("linux"):
            unsent = _unsent(len(self._links))
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, unsent)
        server = sock.getsockname()[0]
        machine = Connection(
            self._config,
            self._open,
            self._tell,
            time,
            client=client,
            server=server,
            now=now,
        )
        link = Link(sock, machine)
        self._poller.watch(link.fd, READ)
        return link

    def _guarded(
        self, link: Link, share: int, ask: Callable[[float], list[Action]]
    ) -> None:
        """Do what `ask` says, one of the machine's methods or what the socket has.

        A mistake of ours or of the tree's costs this connection only.
        """
        now = monotonic()
        try:
            self._advance(link, share, ask(now))
        except Exception as error:  # noqa: BLE001
            self._tell(Fault("http", error))
            link.machine.fail("a fault of the server", now)
            self._discard(link, reset=True)

    def _read(self, link: Link, now: float) -> list[Action]:
        if link.queue or link.machine.answering:
            return []  # it became writable
        if link.machine.asking:  # nothing is heeded but the end of the connection
            return link.machine.fail("the client is gone", now)
        try:
            data = link.sock.recv(RECEIVE)
        except BlockingIOError:
            return []
        except OSError as error:
            return link.machine.fail(_text(error), now)
        return link.machine.receive(data, now) if data else link.machine.end()

    def _advance(self, link: Link, share: int, actions: list[Action]) -> None:
        """Do what the machine asks for until it or the peer has to be waited for."""
        queue, machine = link.queue, link.machine
        queue.extend(actions)
        self._count_busy(link)
        while share > 0 and (queue or machine.answering):
            if not queue:
                share -= ANSWER_COST
                queue.extend(machine.sent(monotonic()))
                continue
            try:
                share -= self._do(link, queue[0], share)
            except BlockingIOError:
                break
            except ContentChanged as error:
                queue.clear()
                queue.extend(machine.fail(str(error), monotonic()))
            except OSError as error:
                queue.clear()
                queue.extend(machine.fail(_text(error), monotonic()))
            if machine.finished and not queue:
                return
        interest = WRITE if queue or machine.answering else READ
        if machine.asking:
            interest = 0
        if interest != link.interest:
            self._poller.change(link.fd, interest)
            link.interest = interest
        self._timers.set(link.fd, link.machine.deadline)
        self._count_busy(link)

    def _do(self, link: Link, action: Action, share: int) -> int:
        """Do one action, or a part of it; the number of bytes that it took."""
        if isinstance(action, SendFile):
            count = link.send_file(action, share)
        elif isinstance(action, Send):
            count = link.send(action)
        elif isinstance(action, Await):
            link.queue.popleft()
            self.later.ask(link.fd, action.answer)
            return 0
        else:
            link.queue.popleft()
            if isinstance(action, Shutdown):
                link.sock.shutdown(socket.SHUT_WR)
            else:
                self._discard(link, reset=action.reset)
            return 0
        link.machine.taken(count, monotonic(), content=isinstance(action, SendFile))
        self._counts["sent_bytes"] += count
        return count

    def _discard(self, link: Link, *, reset: bool) -> None:
        if self._links.pop(link.fd, None) is None:
            return
        self._places.leave(link.machine.client)
        self._count_busy(link)
        self._poller.forget(link.fd)
        self._timers.forget(link.fd)
        self.later.forget(link.fd)
        if reset:
            link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        link.sock.close()

    def _count_busy(self, link: Link) -> None:
        busy = link.machine.busy
        self._busy += busy - link.busy
        link.busy = busy

    def _arm(self) -> None:
        due = min(self._timers.next or math.inf, self._accept_at)
        self._poller.set_deadline(None if due == math.inf else due)


def _unsent(connections: int) -> int:
    """Bytes that the kernel may hold unsent for each of so many connections.

    By default a client that takes nothing pins two megabytes, and a thousand of them
    all the memory that TCP may have. A tighter bound means more wake-ups, but the bytes
    are still in the cache when they leave.
    """
    return 256 << 10 if connections < 1024 else 128 << 10


def _text(error: OSError) -> str:
    return error.strerror or str(error)

"""Sockets that are bound to a device follow it when it is replaced.

A socket is bound to a device's index, which a new device of the same name does not have:
a card that is plugged in again, a bridge that is made anew. Binding the same socket once
more to the name is enough; whoever uses it notices nothing.
"""

from __future__ import annotations

import socket
import threading
import time
import weakref

from .interfaces import Changes
from .poller import READ, Poller

LOOK = 2.0
"""Seconds between two looks, where the kernel does not tell of changes."""

COUNTERS: tuple[str, ...] = ("looks", "bound")
"""What `Follower.stats` counts."""


class Follower:
    """Binds sockets anew; see `fastboot.engine.Engine`.

    `add` may be called from any thread. A socket that is closed is forgotten.
    """

    later = None
    """It asks no tree."""

    ports: tuple[tuple[str, int], ...] = ()
    """It has none of its own."""

    idle = True
    """Always: it has nothing to finish."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bound: list[tuple[weakref.ref[socket.socket], str, int]] = []
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._poller = Poller()
        # Before any socket: what changes while they are opened is heard of.
        self._changes = Changes.open()
        if self._changes is not None:
            self._poller.watch(self._changes.fileno(), READ)
        self._closed = False
        self._set_timer()

    def add(self, sock: socket.socket, device: str) -> None:
        """Follow `device` with a socket that is about to be bound to it."""
        # The index from before: a device that is replaced in between is found out.
        with self._lock:
            self._bound.append((weakref.ref(sock), device, _index(device)))

    def fileno(self) -> int:
        """See `fastboot.engine.Engine`."""
        return self._poller.fileno()

    def wake(self) -> None:
        """See `fastboot.engine.Engine`."""
        self._poller.wake()

    def stats(self) -> dict[str, int]:
        """How often it looked, and how many sockets it bound anew."""
        return dict(self._counters)

    def poll(self, timeout: float | None = 0.0) -> None:
        """See `fastboot.engine.Engine`."""
        ready = self._poller.wait(timeout)
        if self._changes is None:
            self._look()  # the timer went off, or somebody asked
        elif ready:
            self._changes.take()
            self._look()
        self._set_timer()

    def drain(self) -> None:
        """See `fastboot.engine.Engine`; transfers go on, and so does it."""

    def close(self) -> None:
        """See `fastboot.engine.Engine`."""
        if self._closed:
            return
        self._closed = True
        if self._changes is not None:
            self._changes.close()
        self._poller.close()

    def _set_timer(self) -> None:
        if self._changes is None:
            self._poller.set_deadline(time.monotonic() + LOOK)

    def _look(self) -> None:
        self._counters["looks"] += 1
        with self._lock:
            kept = []
            for reference, device, index in self._bound:
                sock = reference()
                if sock is not None and sock.fileno() >= 0:
                    kept.append((reference, device, self._follow(sock, device, index)))
            self._bound = kept

    def _follow(self, sock: socket.socket, device: str, index: int) -> int:
        """Bind a socket anew if its device is another; the index it is bound to now."""
        now = _index(device)
        if now in (0, index):
            return index
        try:
            name = device.encode()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        except OSError:
            return index  # gone again: the next change is told as well
        self._counters["bound"] += 1
        return now


def _index(device: str) -> int:
    """The index of a device; 0 where there is none of that name."""
    try:
        return socket.if_nametoindex(device)
    except OSError:
        return 0

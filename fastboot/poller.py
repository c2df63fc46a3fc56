"""One descriptor that is readable when any of an engine's sockets or its timer is due.

An event loop, of whatever make, watches `Poller.fileno()` and nothing else. Linux has
epoll and timerfd for it, the BSDs and macOS have both in kqueue.
"""

from __future__ import annotations

import os
import select
import sys
import threading

READ = 1
"""There is something to read, or the peer is gone."""

WRITE = 2
"""There is room to write, or the peer is gone."""

LATER = 4
"""There is room to write, which need not be told at once, but with others that have some;
reported as WRITE."""

BATCH = 256
"""Descriptors reported by one `wait`: enough to share the call's price, few enough
that the timer is looked at in between."""


class _Waker:
    """A pipe that makes a poller readable from any thread."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        self._lock = threading.Lock()
        self._open = True

    def wake(self) -> None:
        with self._lock:
            if self._open:
                try:
                    os.write(self._write, b"\0")
                except BlockingIOError:
                    pass  # full: readable already

    def drain(self) -> None:
        try:
            os.read(self.fd, 4096)
        except BlockingIOError:
            pass

    def close(self) -> None:
        with self._lock:
            self._open = False
            os.close(self.fd)
            os.close(self._write)


if sys.platform == "linux":
    from .alarm import Alarm
    from .patient import Patient

    class Poller:
        """Sockets, one timer and a wake-up behind one epoll descriptor.

        Descriptors are level-triggered: `wait` reports them as long as they are
        ready.

        Attributes:
            own: The descriptors of the wake-up, of the timer, and of who waits LATER.
            called: Whether one of the first two ended the last `wait`.
        """

        def __init__(self) -> None:
            self.called = False
            self._epoll = select.epoll()
            self._waker = _Waker()
            self._alarm = Alarm()
            self._patient: Patient | None = None  # until somebody waits LATER
            self.own: tuple[int, ...] = (self._waker.fd, self._alarm.fd)
            self._deadline: float | None = None
            for fd in self.own:
                self._epoll.register(fd, select.EPOLLIN)

        def fileno(self) -> int:
            """The descriptor to watch for reading."""
            return self._epoll.fileno()

        def watch(self, fd: int, interest: int) -> None:
            """Begin to watch `fd` for READ, WRITE, both, or (0) for its peer's end."""
            self._epoll.register(fd, _mask(interest))

        def change(self, fd: int, interest: int) -> None:
            """Watch `fd`, watched already, for something else, or LATER."""
            if self._patient and fd in self._patient:
                if interest == LATER:
                    return
                self._patient.remove(fd)
            elif interest == LATER and not self._wait_later(fd):
                interest = WRITE
            self._epoll.modify(fd, _mask(interest))

        def forget(self, fd: int) -> None:
            """Watch `fd` no more; call it before the descriptor is closed."""
            if self._patient and fd in self._patient:
                self._patient.remove(fd)
            self._epoll.unregister(fd)

        def set_deadline(self, deadline: float | None) -> None:
            """Become readable at `deadline` on time.monotonic's clock; None: never."""
            if deadline == self._deadline:
                return
            self._deadline = deadline
            self._alarm.set(deadline)

        def wait(self, timeout: float | None) -> list[tuple[int, int]]:
            """Wait until something is due, `timeout` seconds at most; None: for ever.

            Returns:
                The descriptors that are ready, each with READ, WRITE or both. The
                timer and a wake-up end the wait but are not among them.
            """
            ready: list[tuple[int, int]] = []
            own, self.called = self.own, False
            for fd, mask in self._epoll.poll(timeout, BATCH):
                if fd in own:
                    if self.heed(fd) and self._patient:
                        ready.extend((fd, WRITE) for fd in self._patient.ready())
                else:
                    ready.append(
                        (fd, READ if mask == select.EPOLLIN else _interest(mask))
                    )
            return ready

        def heed(self, fd: int) -> bool:
            """Take note that one of `own` is ready, for who waits by epoll itself.

            Returns:
                Whether it is time to look who of those that wait LATER has room.
            """
            if fd == self._waker.fd:
                self.called = True
                self._waker.drain()
            elif fd == self._alarm.fd:
                self.called = True
                self._deadline = None
                self._alarm.hear()
            elif self._patient:
                return self._patient.heed(fd)
            return False

        def patient(self) -> Patient:
            """Where those are watched that wait LATER."""
            if self._patient is None:
                self._patient = Patient(self._epoll)
                self.own += self._patient.fds
            return self._patient

        def _wait_later(self, fd: int) -> bool:
            """Watch `fd` with others; False: there is no descriptor left for that."""
            try:
                self.patient().add(fd)
            except OSError:
                return False
            return True

        def wake(self) -> None:
            """End a `wait` that is under way or the next one; from any thread."""
            self._waker.wake()

        def close(self) -> None:
            """Give the descriptors back."""
            self._epoll.close()
            self._alarm.close()
            if self._patient:
                self._patient.close()
            self._waker.close()

    def _mask(interest: int) -> int:
        mask = 0
        if interest & READ:
            mask |= select.EPOLLIN
        if interest & WRITE:
            mask |= select.EPOLLOUT
        return mask

    def _interest(mask: int) -> int:
        gone = mask & (select.EPOLLERR | select.EPOLLHUP)
        interest = READ if gone or mask & select.EPOLLIN else 0
        return interest | (WRITE if gone or mask & select.EPOLLOUT else 0)

else:  # pragma: no cover (macOS and the BSDs)

    class Poller:
        """Sockets, one timer and a wake-up behind one kqueue; see the epoll one."""

        def __init__(self) -> None:
            self.called = False
            self._queue = select.kqueue()
            self._waker = _Waker()
            self._deadline: float | None = None
            self._interest: dict[int, int] = {}
            self.watch(self._waker.fd, READ)

        def fileno(self) -> int:
            """The descriptor to watch for reading."""
            return self._queue.fileno()

        def watch(self, fd: int, interest: int) -> None:
            """Begin to watch `fd` for READ, WRITE or both."""
            self._interest[fd] = 0
            self.change(fd, interest)

        def change(self, fd: int, interest: int) -> None:
            """Watch `fd`, watched already, for something else; LATER is WRITE here."""
            before = self._interest[fd]
            interest = WRITE if interest == LATER else interest
            changes = []
            for bit, which in (
                (READ, select.KQ_FILTER_READ),
                (WRITE, select.KQ_FILTER_WRITE),
            ):
                if (before ^ interest) & bit:
                    add = interest & bit
                    flags = select.KQ_EV_ADD if add else select.KQ_EV_DELETE
                    changes.append(select.kevent(fd, which, flags))
            if changes:
                self._queue.control(changes, 0)
            self._interest[fd] = interest

        def forget(self, fd: int) -> None:
            """Watch `fd` no more; call it before the descriptor is closed."""
            self.change(fd, 0)
            del self._interest[fd]

        def set_deadline(self, deadline: float | None) -> None:
            """Become readable at `deadline` on time.monotonic's clock; None: never."""
            if deadline == self._deadline:
                return
            import time

            if deadline is None:
                flags, delay = select.KQ_EV_DELETE, 0
            else:
                flags = select.KQ_EV_ADD | select.KQ_EV_ONESHOT
                delay = max(0, int((deadline - time.monotonic()) * 1000) + 1)
            timer = select.kevent(0, select.KQ_FILTER_TIMER, flags, 0, delay)
            try:
                self._queue.control([timer], 0)
            except FileNotFoundError:
                pass  # it went off already
            self._deadline = deadline

        def wait(self, timeout: float | None) -> list[tuple[int, int]]:
            """Wait until something is due; see the epoll one."""
            ready: dict[int, int] = {}
            self.called = False
            for event in self._queue.control(None, BATCH, timeout):
                if event.filter == select.KQ_FILTER_TIMER:
                    self._deadline, self.called = None, True
                elif event.ident == self._waker.fd:
                    self._waker.drain()
                    self.called = True
                else:
                    bit = READ if event.filter == select.KQ_FILTER_READ else WRITE
                    ready[event.ident] = ready.get(event.ident, 0) | bit
            return list(ready.items())

        def wake(self) -> None:
            """End a `wait` that is under way or the next one; from any thread."""
            self._waker.wake()

        def close(self) -> None:
            """Give the descriptors back."""
            self._queue.close()
            self._waker.close()

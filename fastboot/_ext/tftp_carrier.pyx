# cython: language_level=3
"""Twin of `fastboot.tftp.carrier.Carrier`: the data path in C.

What happens for each packet happens here without Python objects and without the GIL:
datagrams come in by the dozen (`tftp_inlet`), move the machines of their transfers
(`tftp_running`), and what those send leaves in one call for all clients of a turn
(`tftp_outlet`).

Requests, strangers' datagrams and transfers that are over are handed up as Python
objects (`tftp_told`).
"""

import time

from fastboot.cold import Reads
from fastboot.poller import Poller
from fastboot.tftp.ports import POOL, Ports
from fastboot.tftp.recall import GOOD_FOR

from libc.math cimport ceil
from libc.stdint cimport uint32_t

from fastboot._ext.clock cimport monotonic
from fastboot._ext.datagrams cimport IN_MAX, Address, address_init, origin_of
from fastboot._ext.epoll cimport EPOLLERR, EPOLLIN, EPOLLOUT, epoll_event
from fastboot._ext.tftp_entry cimport Entry
from fastboot._ext.tftp_inlet cimport Inlet
from fastboot._ext.tftp_running cimport DOUBTED_FOR, Running
from fastboot._ext.tftp_transfer cimport machine_acknowledged
from fastboot._ext.vigil cimport Vigil

cdef enum:
    EVENTS = 64
    BATCHES = 4  # of datagrams from one socket before the others have their turn
    AGAIN_MAX = 256  # datagrams from busy sockets before the others have their turn
    REST_MAX = 64  # turns until it is tried again whether sockets are busy

cdef double _good_for = GOOD_FOR


cdef class Carrier:
    """The data path in C; see `fastboot.tftp.carrier.Carrier`.

    Args:
        clock: Seconds that only grow.
        cache_bytes: What framed files may take; 0: every window is framed anew.
    """

    cdef object _clock
    cdef bint _own_clock
    cdef bint _woken
    cdef bint _closed
    cdef bint _waits     # whoever polls waits inside `poll`, which needs no timer
    cdef object _poller
    cdef object _ports
    cdef object _reads   # of what is not in memory
    cdef int _epoll
    cdef int _waker
    cdef int _timer
    cdef int _busy[EVENTS]  # sockets that brought something in this turn
    cdef int _busy_count
    cdef int _again      # datagrams of theirs since all sockets were looked at
    cdef int _rest       # turns in which they are not tried
    cdef int _rest_next  # and how many it will be if they are tried in vain
    cdef Running _running
    cdef Inlet _inlet
    cdef Vigil _answers   # waits while a transfer runs
    cdef Vigil _requests  # and while none does: with more workers it comes to any

    def __init__(self, clock, cache_bytes):
        self._clock = clock
        self._own_clock = clock is time.monotonic
        self._poller = Poller()
        self._ports = Ports(self._poller)
        self._reads = Reads(self.wake)
        self._rest_next = 1
        self._epoll = self._poller.fileno()
        self._waker, self._timer = self._poller.own[:2]
        self._running = Running(
            self._poller, self._ports, self._reads, cache_bytes, clock()
        )
        self._inlet = Inlet(self._running, self._ports)
        self._answers, self._requests = Vigil(), Vigil()

    # Python's interface

    def open(self, place, int port, data="pool", int most=POOL):
        """See `fastboot.tftp.carrier.Carrier`, here and below."""
        self._ports.open(place, port, data, most)
        self._running.callers.open(self._ports.pools)
        self._inlet.know_bare(self._ports.settled)

    @property
    def listening(self):
        return self._ports.listening

    @property
    def active(self):
        return len(self._running.entries) + self._running.told.fresh_count

    @property
    def unconfirmed(self):
        return self._running.unconfirmed

    def fileno(self):
        return self._epoll

    def wake(self):
        self._poller.wake()

    def port(self, int fd):
        return self._ports.number(fd)

    def stop_listening(self):
        self._running.callers.open({})
        self._ports.stop_listening(line[0] for line in self._running.entries)

    def release(self, line):
        self._ports.release(line)

    def send(self, line, came, bytes packet):
        self._ports.send(line, self._ports.answering(line, came), [packet])

    def is_confirmed(self, line):
        cdef Entry entry = self._running.entries[line]
        if entry.sender is not None:
            return entry.sender.confirmed
        return bool(entry.transfer.machine.confirmed)

    def acknowledged(self, line):
        cdef Entry entry = self._running.entries[line]
        if entry.sender is not None:
            return entry.sender.acknowledged
        return machine_acknowledged(&entry.transfer.machine)

    def moved(self, line):
        return (<Entry>self._running.entries[line]).transfer.moved

    def bound(self, int unconfirmed, int transfers, int of_one):
        self._running.callers.bound(unconfirmed, transfers, of_one)

    def keep(self, line, known):
        cdef Entry entry = self._running.entries.get(line)
        ancillary = self._inlet.ancillary(known.came)
        if entry is not None and entry.sender is None and ancillary is not None:
            key = origin_of(line[1], ancillary) + known.request
            self._running.recipes.keep(
                key, known, entry, self._running.now + _good_for
            )

    def doubt(self, peer):
        cdef Address address
        address_init(&address, peer, [])
        self._running.callers.doubt(
            &address.name, self._running.now + DOUBTED_FOR
        )

    def reserve(self, line):
        cdef Address address
        address_init(&address, line[1], [])
        self._running.callers.ask(&address.name, 1)

    def unreserve(self, line):
        cdef Address address
        address_init(&address, line[1], [])
        self._running.callers.ask(&address.name, -1)

    def catch_up(self):
        self._running.told.tell_all()
        return self._hand_up()

    def close(self):
        if not self._closed:
            self._closed = True
            self._reads.close()
            self._running.recipes.forget()
            self._ports.close()
            self._poller.close()

    def poll(self, timeout):
        cdef double patience = -1.0 if timeout is None else timeout
        self._waits = timeout is None
        self._look_at_clock()
        with nogil:
            self._run(patience)
        if self._woken:
            self._woken = False
            for line, part in self._reads.ready():
                self._running.resume(self._running.entries[line], part)
        return self._hand_up()

    def begin(self, line, job):
        self._look_at_clock()
        self._running.begin(line, job)
        return self._hand_up()

    def repeat(self, line):
        self._look_at_clock()
        self._running.repeat(self._running.entries[line])
        return self._hand_up()

    def end(self, line, str reason, *, bint tell):
        self._running.end(self._running.entries[line], reason, tell)
        return self._hand_up()

    # A turn

    cdef int _look_at_clock(self) except -1:
        self._running.now = monotonic() if self._own_clock else self._clock()
        return 0

    cdef list _hand_up(self):
        """What happened, once all that is over is forgotten; set the timer."""
        cdef double due
        happened = self._running.told.hand_up(self._running.now)
        if not self._waits:
            due = self._running.due()
            self._poller.set_deadline(None if due < 0 else due)
        self._inlet.asked = False
        return happened

    cdef void _run(self, double patience) noexcept nogil:
        """Turn until something is to be handed up or `patience` ends (< 0: never)."""
        cdef double until = self._running.now + patience
        cdef bint woken = False
        self._busy_count = 0
        while True:
            if not self._take_again():
                woken = self._take_ready(self._wait(patience, until))
            self._running.expire()
            self._running.outlet.flush()
            if woken or self._running.told.is_news(self._running.now):
                return
            if patience == 0 or (patience > 0 and self._running.now >= until):
                return

    cdef bint _take_ready(self, int wait) noexcept nogil:
        """Serve the descriptors that are ready; True: somebody wants `poll` to end."""
        cdef epoll_event[EVENTS] events
        cdef int n, count, live = self._running.callers.live
        cdef bint woken = False
        if live:  # many are waited for asleep
            count = self._answers.wait(self._epoll, events, EVENTS, wait, live == 1)
        else:
            count = self._requests.wait(self._epoll, events, EVENTS, wait, True)
        self._busy_count = 0
        self._again = 0
        if self._own_clock:
            self._running.now = monotonic()
        for n in range(count):
            if self._serve(events[n].data.fd, events[n].events):
                woken = True
        return woken

    cdef bint _take_again(self) noexcept nogil:
        """Take from the sockets that just brought something, without asking which.

        Clients that answer faster than we go round have their next ACK there, and
        epoll would cost as much as taking it. False: all descriptors have their turn.
        """
        cdef int n, count = self._busy_count, got, found = 0
        if count == 0 or self._again >= AGAIN_MAX or not self._waits:
            return False
        if self._rest:
            self._rest -= 1
            return False
        if self._own_clock:
            self._running.now = monotonic()
        for n in range(count):
            got = self._inlet.receive(self._busy[n], True)
            self._again += got
            found += got > 0
        if 2 * found >= count:
            self._rest_next = 1
            return True
        self._rest = self._rest_next
        self._rest_next = min(self._rest_next * 2, <int>REST_MAX)
        self._busy_count = 0
        return found > 0

    cdef int _wait(self, double patience, double until) noexcept nogil:
        """Milliseconds that epoll may wait; below 0: for ever."""
        cdef double due = self._running.due()
        if patience == 0:
            return 0
        if patience > 0 and (due < 0 or until < due):
            due = until
        if due < 0:
            return -1
        return <int>ceil(min(max(due - self._running.now, 0.0), 3600.0) * 1000)

    cdef bint _serve(self, int fd, uint32_t what) noexcept nogil:
        """Do what a descriptor is ready for; True: somebody wants `poll` to end."""
        cdef int _
        if fd == self._timer or fd == self._waker:
            with gil:
                self._poller.heed(fd)
            self._woken = self._woken or fd == self._waker
            return fd == self._waker
        if what & EPOLLOUT:
            with gil:
                self._ports.flush(fd)  # ends the wait for room if that was all
            if self._running.outlet.stuck != NULL:
                self._running.outlet.unstick(fd)
        if what & (EPOLLIN | EPOLLERR):
            self._busy[self._busy_count] = fd
            self._busy_count += 1
            for _ in range(BATCHES):
                if self._inlet.receive(fd, self._waits) < IN_MAX:
                    break
        return False

# cython: language_level=3
"""Twin of `fastboot.tftp.carrier.Carrier`: the data path in C.

What happens for each packet happens here without Python objects and without the GIL:
datagrams come in by the dozen, find their transfer in a hash table, move its machine,
and what it sends leaves in one call for all clients of a turn.

Requests, strangers' datagrams and transfers that are over are handed up as Python
objects. What the machine in C does not know, netascii and files to receive for example,
runs on one in Python, through the same sockets.

A request that was answered before, in the same words and with the same file, begins a
transfer without Python (`tftp_recall`, `tftp_callers`). Python learns of such transfers
by the dozen: when they are over, and of those that run when it is asked for anything
else, or after a moment.
"""

import os
import time
from functools import partial

from fastboot.arrival import arrival
from fastboot.cold import Cold, Reads
from fastboot.poller import Poller
from fastboot.tftp.carrier import Begun, Broken, Request, Served, Stray
from fastboot.tftp.packet import Error, ErrorCode
from fastboot.tftp.ports import POOL, Ports, answering, is_request
from fastboot.tftp.recall import GOOD_FOR
from fastboot.tftp.transfer import Outcome

from cpython.bytes cimport PyBytes_AS_STRING
from libc.math cimport ceil
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from fastboot._ext.datagrams cimport (
    IN_MAX, Address, Inbox, address_init, inbox_ancillary, inbox_bytes, inbox_free,
    inbox_init, inbox_peer, inbox_receive, name_peer, origin_of, sockaddr_storage,
)
from fastboot._ext.tftp_callers cimport Callers
from fastboot._ext.tftp_entry cimport Entry
from fastboot._ext.tftp_frames cimport COLD
from fastboot._ext.tftp_outlet cimport Outlet
from fastboot._ext.tftp_pictures cimport Pictures
from fastboot._ext.tftp_recall cimport Recipe, Recipes
from fastboot._ext.tftp_table cimport (
    Table, Transfer, table_add, table_find, table_free, table_init, table_remove,
)
from fastboot._ext.tftp_transfer cimport (
    CLOSED, DONE, PROBED, STALLED, UNREADABLE, Burst, Machine, aborted,
    machine_aborted, machine_acknowledge, machine_acknowledged,
    machine_finish, machine_repeat, machine_resumed, machine_sent, machine_start,
    machine_tick,
)
from fastboot._ext.wheel cimport (
    Wheel, wheel_init, wheel_next, wheel_pop, wheel_remove, wheel_set,
)

cdef extern from "<sys/epoll.h>" nogil:
    union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_wait(int epfd, epoll_event* events, int maxevents, int timeout)
    int EPOLLIN
    int EPOLLOUT
    int EPOLLERR

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec* now)

cdef enum:
    EVENTS = 64
    ARRIVALS_MAX = 1024
    BATCHES = 4  # of datagrams from one socket before the others have their turn
    FRESH_MAX = 256  # transfers under way that Python does not know of
    UNTOLD_MAX = 64  # and such that are over

cdef double UNTOLD_FOR = 0.05  # seconds
cdef double DOUBTED_FOR = 60.0  # seconds, after a request in vain
cdef double _good_for = GOOD_FOR

cdef bytes _UNREADABLE = Error(
    ErrorCode.NOT_DEFINED, b"the file changed or cannot be read"
).encode()
cdef const char* _unreadable = PyBytes_AS_STRING(_UNREADABLE)
cdef size_t _unreadable_size = len(_UNREADABLE)


OUTCOMES = (None, *Outcome)


cdef double _monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef class Carrier:
    """The data path in C; see `fastboot.tftp.carrier.Carrier`.

    Args:
        clock: Seconds that only grow.
        cache_bytes: What framed files may take; 0: every window is framed anew.
    """

    cdef object _clock
    cdef bint _own_clock
    cdef bint _news      # something for Python has happened
    cdef bint _asked     # it is to decide on a datagram
    cdef bint _woken
    cdef object _poller
    cdef object _ports
    cdef dict _entries   # by line
    cdef dict _arrivals  # by the control messages that tell of them
    cdef dict _origins   # the other way round
    cdef list _happened
    cdef object _reads   # of what is not in memory
    cdef int _epoll
    cdef int _waker
    cdef int _timer
    cdef int _unconfirmed
    cdef bint _closed
    cdef bint _waits     # whoever polls waits inside `poll`, which needs no timer
    cdef double _now
    cdef Wheel _wheel
    cdef Table _table
    cdef Transfer* _over
    cdef Inbox _inbox
    cdef Pictures _pictures
    cdef Outlet _outlet
    cdef Callers _callers
    cdef Recipes _recipes
    cdef Transfer* _fresh[FRESH_MAX]  # that Python does not know of
    cdef int _fresh_count
    cdef int _untold     # transfers that are over, and it knows of none
    cdef double _tell_at  # when it is told at the latest; below 0: there is nothing

    def __cinit__(self):
        table_init(&self._table, int.from_bytes(os.urandom(8)))
        inbox_init(&self._inbox)

    def __dealloc__(self):
        table_free(&self._table)
        inbox_free(&self._inbox)

    def __init__(self, clock, cache_bytes):
        self._clock = clock
        self._own_clock = clock is time.monotonic
        self._poller = Poller()
        self._ports = Ports(self._poller)
        self._entries = {}
        self._pictures = Pictures(cache_bytes)
        self._outlet = Outlet(self._poller, self._pictures)
        self._callers = Callers()
        self._recipes = Recipes()
        self._tell_at = -1.0
        self._arrivals = {}
        self._reads = Reads(self.wake)
        self._origins = {}
        self._happened = []
        self._epoll = self._poller.fileno()
        self._waker, self._timer = self._poller.own
        self._look_at_clock()
        wheel_init(&self._wheel, self._now)

    # Python's interface

    def open(self, place, int port, data="pool", int most=POOL):
        """See `fastboot.tftp.carrier.Carrier`, here and below."""
        self._ports.open(place, port, data, most)
        self._callers.open(self._ports.pools)

    @property
    def listening(self):
        return self._ports.listening

    @property
    def active(self):
        return len(self._entries) + self._fresh_count

    @property
    def unconfirmed(self):
        return self._unconfirmed

    def fileno(self):
        return self._epoll

    def wake(self):
        self._poller.wake()

    def port(self, int fd):
        return self._ports.number(fd)

    def stop_listening(self):
        self._callers.open({})
        self._ports.stop_listening(line[0] for line in self._entries)

    def release(self, line):
        self._ports.release(line)

    def send(self, line, came, bytes packet):
        self._ports.send(line, answering(line[1], came), [packet])

    def is_confirmed(self, line):
        cdef Entry entry = self._entries[line]
        if entry.sender is not None:
            return entry.sender.confirmed
        return bool(entry.transfer.machine.confirmed)

    def acknowledged(self, line):
        cdef Entry entry = self._entries[line]
        if entry.sender is not None:
            return entry.sender.acknowledged
        return machine_acknowledged(&entry.transfer.machine)

    def moved(self, line):
        return (<Entry>self._entries[line]).transfer.moved

    def bound(self, int unconfirmed, int transfers, int of_one):
        self._callers.bound(unconfirmed, transfers, of_one)

    def keep(self, line, known):
        cdef Entry entry = self._entries.get(line)
        ancillary = self._origins.get(known.came)
        if entry is not None and entry.sender is None and ancillary is not None:
            key = origin_of(line[1], ancillary) + known.request
            self._recipes.keep(key, known, entry, self._now + _good_for)

    def doubt(self, peer):
        cdef Address address
        address_init(&address, peer, [])
        self._callers.doubt(&address.name, self._now + DOUBTED_FOR)

    def reserve(self, line):
        cdef Address address
        address_init(&address, line[1], [])
        self._callers.ask(&address.name, 1)

    def unreserve(self, line):
        cdef Address address
        address_init(&address, line[1], [])
        self._callers.ask(&address.name, -1)

    def catch_up(self):
        self._tell_all()
        return self._hand_up()

    def close(self):
        if not self._closed:
            self._closed = True
            self._reads.close()
            self._recipes.forget()
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
                self._resume(self._entries[line], part)
        return self._hand_up()

    def begin(self, line, job):
        cdef Entry entry = Entry(line, job, self._pictures)
        cdef Transfer* transfer = entry.transfer
        cdef Burst burst
        self._look_at_clock()
        self._entries[line] = entry
        self._unconfirmed += 1
        transfer.moved = self._now
        table_add(&self._table, transfer)
        self._callers.came(&transfer.address.name)
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.start, self._now))
        else:
            burst = machine_start(&transfer.machine, self._now)
            self._emit(transfer, burst)
        self._outlet.flush()
        if entry.sender is None:
            entry.let_go()
        else:
            job.wait()
        return self._hand_up()

    def repeat(self, line):
        cdef Entry entry = self._entries[line]
        self._look_at_clock()
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.repeat, self._now))
        else:
            self._emit(entry.transfer, machine_repeat(&entry.transfer.machine))
        self._outlet.flush()
        return self._hand_up()

    def end(self, line, str reason, *, bint tell):
        cdef Entry entry = self._entries[line]
        goodbye = [Error(ErrorCode.NOT_DEFINED, reason.encode()).encode()]
        entry.reason = reason
        if entry.sender is not None:
            goodbye = entry.sender.close(reason)
        machine_finish(&entry.transfer.machine, CLOSED)
        if tell:
            self._ports.send(line, entry.ancillary, goodbye)
        self._retire(entry.transfer)
        return self._hand_up()

    # A turn

    cdef int _look_at_clock(self) except -1:
        self._now = _monotonic() if self._own_clock else self._clock()
        return 0

    cdef list _hand_up(self):
        """What happened, once all that is over is forgotten; set the timer."""
        cdef double due
        self._reap_all()
        if self._fresh_count and (self._news or self._is_time()):
            self._tell_all()
        if not self._fresh_count:
            self._tell_at = -1.0
        self._recipes.tidy()
        if not self._waits:
            due = self._due()
            self._poller.set_deadline(None if due < 0 else due)
        happened, self._happened, self._news = self._happened, [], False
        self._asked = False
        return happened

    cdef int _report(self, item) except -1:
        self._happened.append(item)
        self._news = True
        return 0

    cdef void _run(self, double patience) noexcept nogil:
        """Turn until something is to be handed up or `patience` ends (< 0: never)."""
        cdef epoll_event[EVENTS] events
        cdef double until = self._now + patience
        cdef int n, count
        cdef bint woken = False
        while True:
            count = epoll_wait(self._epoll, events, EVENTS, self._wait(patience, until))
            if self._own_clock:
                self._now = _monotonic()
            for n in range(count):
                if self._serve(events[n].data.fd, events[n].events):
                    woken = True
            self._expire()
            self._outlet.flush()
            if woken or self._news or self._is_time():
                return
            if patience == 0 or (patience > 0 and self._now >= until):
                return

    cdef double _due(self) noexcept nogil:
        """When there is something to do though nothing comes in; below 0: never."""
        cdef double due = wheel_next(&self._wheel)
        if self._tell_at >= 0 and (due < 0 or self._tell_at < due):
            return self._tell_at
        return due

    cdef bint _is_time(self) noexcept nogil:
        """Whether Python is to be told of transfers that it does not know of."""
        if self._untold >= UNTOLD_MAX or self._fresh_count == FRESH_MAX:
            return True
        return self._tell_at >= 0 and self._now >= self._tell_at

    cdef int _wait(self, double patience, double until) noexcept nogil:
        """Milliseconds that epoll may wait; below 0: for ever."""
        cdef double due = self._due()
        if patience == 0:
            return 0
        if patience > 0 and (due < 0 or until < due):
            due = until
        if due < 0:
            return -1
        return <int>ceil(min(max(due - self._now, 0.0), 3600.0) * 1000)

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
            if self._outlet.stuck != NULL:
                self._outlet.unstick(fd)
        if what & (EPOLLIN | EPOLLERR):
            for _ in range(BATCHES):
                if self._receive(fd) < IN_MAX:
                    break
        return False

    cdef int _receive(self, int fd) noexcept nogil:
        cdef int n, count = inbox_receive(&self._inbox, fd, self._waits)
        for n in range(count):
            if not (self._take_ack(fd, n) or self._take_known(fd, n)):
                with gil:
                    self._take_other(fd, n)
        return count

    cdef bint _take_ack(self, int fd, int n) noexcept nogil:
        """Take an ACK for a machine in C; False: the datagram is something else."""
        cdef const uint8_t* data = <uint8_t*>self._inbox.pieces[n].iov_base
        cdef Transfer* transfer
        cdef int64_t acked
        cdef bint confirmed
        cdef Burst burst
        if self._inbox.messages[n].msg_len < 4 or data[0] != 0 or data[1] != 4:
            return False
        transfer = table_find(&self._table, fd, &self._inbox.names[n])
        if transfer == NULL or transfer.in_python:
            return False
        confirmed = transfer.machine.confirmed
        acked = transfer.machine.acked
        burst = machine_acknowledge(
            &transfer.machine, data[2] << 8 | data[3], self._now
        )
        if transfer.machine.acked != acked:
            transfer.moved = self._now
        if transfer.machine.confirmed and not confirmed:
            self._unconfirmed -= 1
        self._emit(transfer, burst)
        return True

    cdef bint _take_known(self, int fd, int n) noexcept nogil:
        """Begin a transfer without Python; False: the datagram is to be looked at."""
        cdef const uint8_t* data = <uint8_t*>self._inbox.pieces[n].iov_base
        cdef sockaddr_storage* name = &self._inbox.names[n]
        cdef Transfer* transfer
        cdef Recipe* recipe
        cdef int port
        if self._inbox.messages[n].msg_len < 4 or data[0] != 0 or data[1] != 1:
            return False
        port = self._callers.port(fd, name)
        if (
            port < 0 or self._asked or self._fresh_count == FRESH_MAX
            or not self._callers.welcome(name, self._unconfirmed, self._now)
            or table_find(&self._table, port, name) != NULL
        ):
            return False
        recipe = self._recipes.find(&self._inbox, n, self._now)
        transfer = _by(recipe, name, port, self._now) if recipe != NULL else NULL
        if transfer == NULL:
            return False
        transfer.fresh = self._fresh_count
        self._fresh[self._fresh_count] = transfer
        self._fresh_count += 1
        if self._tell_at < 0:
            self._tell_at = self._now + UNTOLD_FOR
        self._unconfirmed += 1
        table_add(&self._table, transfer)
        self._callers.came(name)
        self._emit(transfer, machine_start(&transfer.machine, self._now))
        return True

    cdef void _take_other(self, int fd, int n) noexcept:
        """Take a request, an ERROR, anything for a Python sender, or a stranger's."""
        cdef Entry entry
        cdef int door = self._callers.port(fd, &self._inbox.names[n])
        try:
            data = inbox_bytes(&self._inbox, n)
            peer = inbox_peer(&self._inbox, n)
            port = door if door >= 0 else self._ports.data_port(fd, peer)
            self._tell_all()
            if port is None or not is_request(data):
                entry = self._entries.get((fd, peer))
                if entry is not None and not entry.transfer.is_over:
                    self._take_for(entry, data)
                    return
            came = self._arrival(n)
            self._asked = True
            if port is None:
                self._report(Stray((fd, peer), data, came))
            else:
                self._report(Request((port, peer), data, came, fd))
        except Exception as error:
            self._report(Broken(error))

    cdef object _arrival(self, int n):
        """Where a datagram came to; one of few objects."""
        ancillary = tuple(inbox_ancillary(&self._inbox, n))
        came = self._arrivals.get(ancillary)
        if came is None:
            if len(self._arrivals) >= ARRIVALS_MAX:
                self._arrivals.clear()
                self._origins.clear()
            came = self._arrivals[ancillary] = arrival(ancillary)
            self._origins[came] = ancillary
        return came

    cdef int _take_for(self, Entry entry, bytes data) except -1:
        cdef Machine* machine = &entry.transfer.machine
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.receive, data, self._now))
        elif len(data) >= 4 and data[0] == 0 and data[1] == 5:
            code = data[2] << 8 | data[3]
            machine_aborted(machine, code)
            entry.reason = aborted(machine, code, data)
            self._retire(entry.transfer)
        return 0

    cdef void _expire(self) noexcept nogil:
        cdef Transfer* transfer
        while True:
            transfer = <Transfer*>wheel_pop(&self._wheel, self._now)
            if transfer == NULL:
                return
            if transfer.in_python:
                with gil:
                    self._tick_python(transfer)
            else:
                self._emit(transfer, machine_tick(&transfer.machine, self._now))

    # Transfers on the Python sender

    cdef void _tick_python(self, Transfer* transfer) noexcept:
        cdef Entry entry = <Entry>transfer.entry
        try:
            self._step(entry, partial(entry.sender.tick, self._now))
        except Exception as error:
            self._report(Broken(error))

    cdef int _step(self, Entry entry, step) except -1:
        """Send what a step of a Python sender returns, and set its timer or end it."""
        cdef Transfer* transfer = entry.transfer
        sender = entry.sender
        acknowledged = sender.acknowledged
        try:
            packets = step()
        except Cold as cold:
            self._reads.wait(entry.line, cold)
            packets = []
        except Exception as error:
            self._report(Broken(error))
            packets = sender.close("a mistake of the server")
        if packets:
            self._ports.send(entry.line, entry.ancillary, packets)
        if sender.confirmed and not transfer.machine.confirmed:
            transfer.machine.confirmed = True
            self._unconfirmed -= 1
        if sender.acknowledged != acknowledged:
            transfer.moved = self._now
        if sender.deadline is None:
            self._retire(transfer)
        else:
            wheel_set(&self._wheel, &transfer.timer, sender.deadline)
        return 0

    cdef void _emit(self, Transfer* transfer, Burst burst) noexcept nogil:
        """Send what a machine wants sent, set its timer, or end it."""
        if transfer.machine.outcome:
            if transfer.machine.outcome == STALLED and transfer.is_cold:
                self._give_up(transfer)  # it was not the client who kept us waiting
            self._retire(transfer)
            return
        if burst.count == 0:
            return
        if transfer.is_cold:
            transfer.unsent = min(transfer.unsent, burst.first)
            if burst.first + burst.count - 1 <= transfer.machine.sent:
                return
        elif self._outlet.stuck != NULL:  # behind those that wait already
            self._outlet.stick(transfer, burst.first)
        elif not self._outlet.queue(transfer, burst):
            if transfer.failure != COLD:
                self._give_up(transfer)
                self._retire(transfer)
                return
            transfer.is_cold = True
            with gil:
                self._wait_for_file(transfer)
        machine_sent(&transfer.machine, burst, self._now)
        if transfer.is_cold:
            transfer.machine.deadline = transfer.machine.give_up
        wheel_set(&self._wheel, &transfer.timer, transfer.machine.deadline)

    cdef void _give_up(self, Transfer* transfer) noexcept nogil:
        """Tell the client that the file cannot be read."""
        machine_finish(&transfer.machine, UNREADABLE)
        self._outlet.queue_bytes(
            transfer, <uint8_t*>_unreadable, _unreadable_size, NULL
        )

    cdef void _wait_for_file(self, Transfer* transfer) noexcept:
        """Have the part of a file read that is not in memory; see `fastboot.cold`."""
        cdef Entry entry = <Entry>transfer.entry
        try:
            self._reads.wait(entry.line, Cold(
                transfer.source.fd, transfer.source.wanted_at, transfer.source.wanted,
                of=entry.job.blob.place,
            ))
        except Exception as error:
            self._report(Broken(error))

    cdef int _resume(self, Entry entry, part) except -1:
        """Go on with what was read, or end where it cannot be."""
        cdef Transfer* transfer = entry.transfer
        cdef Burst burst
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.resume, part, self._now))
            return 0
        transfer.is_cold = False
        if transfer.is_over:
            return 0
        try:
            entry.warm(part)
        except Exception as error:
            entry.reason = str(error)
            self._give_up(transfer)
            self._retire(transfer)
            self._outlet.flush()
            return 0
        burst.first = max(transfer.unsent, transfer.machine.acked + 1)
        burst.count = transfer.machine.sent - burst.first + 1
        burst.last_alone = False
        if self._outlet.queue(transfer, burst):
            machine_resumed(&transfer.machine, self._now)
        elif transfer.failure == COLD:  # the window goes on beyond what was read
            transfer.is_cold = True
            self._wait_for_file(transfer)
        else:
            self._give_up(transfer)
            self._retire(transfer)
        if not transfer.is_over:
            wheel_set(&self._wheel, &transfer.timer, transfer.machine.deadline)
        self._outlet.flush()
        entry.warm(None)
        return 0

    cdef void _retire(self, Transfer* transfer) noexcept nogil:
        """A transfer is over: no datagram or timer finds it any more."""
        if transfer.is_over:
            return
        transfer.is_over = True
        transfer.is_cold = False
        transfer.moved = self._now
        wheel_remove(&self._wheel, &transfer.timer)
        table_remove(&self._table, transfer)
        if not transfer.machine.confirmed:
            self._unconfirmed -= 1
        transfer.over = self._over
        self._over = transfer
        self._callers.left(&transfer.address.name)
        if transfer.recipe != NULL and transfer.machine.outcome not in (DONE, PROBED):
            self._callers.doubt(&transfer.address.name, self._now + DOUBTED_FOR)
        if transfer.entry == NULL:
            self._untold += 1
            self._forget_fresh(transfer)
        else:
            self._news = True

    cdef int _reap_all(self) except -1:
        """Report what is over, and forget it; all that was sent is out."""
        if self._untold:
            served = []
            self._happened.append(Served(served))
        while self._over != NULL:
            if self._over.entry == NULL:
                served.append(self._reap_untold())
            else:
                self._reap()
        return 0

    cdef object _reap_untold(self):
        """Forget the transfer that ended last, of which Python never knew."""
        cdef Transfer* transfer = self._over
        cdef Recipe* recipe = <Recipe*>transfer.recipe
        cdef Machine* machine = &transfer.machine
        self._over = transfer.over
        self._untold -= 1
        if transfer.is_stuck:
            self._outlet.forget(transfer)
        outcome = OUTCOMES[machine.outcome]
        account = (
            (transfer.fd, name_peer(&transfer.address.name)), outcome, outcome.value,
            machine_acknowledged(machine), machine.retransmissions,
            transfer.moved - transfer.began,
        )
        known = (<tuple>recipe.keeps)[0]
        recipe.image_users[0] -= 1
        free(transfer)
        self._recipes.release(recipe)
        return (account, known)

    cdef int _reap(self) except -1:
        """Report the transfer that ended last and forget it; all it sent is out."""
        cdef Transfer* transfer = self._over
        cdef Entry entry = <Entry>transfer.entry
        self._over = transfer.over
        if transfer.is_stuck:
            self._outlet.forget(transfer)
        self._reads.forget(entry.line)
        self._pictures.give_back(entry.picture)
        if transfer.recipe != NULL:
            self._recipes.release(<Recipe*>transfer.recipe)
        del self._entries[entry.line]
        self._report(entry.ended())
        return 0

    # Transfers that Python does not know of

    cdef void _forget_fresh(self, Transfer* transfer) noexcept nogil:
        self._fresh_count -= 1
        self._fresh[transfer.fresh] = self._fresh[self._fresh_count]
        self._fresh[transfer.fresh].fresh = transfer.fresh

    cdef int _tell_all(self) except -1:
        """Tell Python of all transfers that it does not know of."""
        cdef Transfer* transfer
        cdef Entry entry
        if not (self._fresh_count or self._untold):
            return 0
        self._outlet.flush()
        self._reap_all()  # before those that run where others ran
        while self._fresh_count:
            transfer = self._fresh[self._fresh_count - 1]
            known, picture, oack = <object>(<Recipe*>transfer.recipe).keeps
            line = (transfer.fd, name_peer(&transfer.address.name))
            entry = Entry.__new__(Entry)
            entry.adopt(line, transfer, known.came, picture, oack)
            self._entries[line] = entry
            self._forget_fresh(transfer)
            self._report(Begun(line, known, transfer.began))
        return 0


cdef Transfer* _by(
    Recipe* recipe, sockaddr_storage* name, int port, double now
) noexcept nogil:
    """A transfer by a recipe; NULL where memory has run out."""
    cdef Transfer* transfer = <Transfer*>calloc(1, sizeof(Transfer))
    if transfer == NULL:
        return NULL
    transfer.timer.tick = -1
    transfer.fd = port
    transfer.machine = recipe.machine
    transfer.source = recipe.source
    transfer.image = recipe.image[0]
    transfer.address = recipe.address
    transfer.address.name = name[0]
    transfer.segments = recipe.segments
    transfer.oack, transfer.oack_size = recipe.oack, recipe.oack_size
    transfer.began = transfer.moved = now
    transfer.recipe = recipe
    recipe.users += 1
    recipe.image_users[0] += 1
    return transfer

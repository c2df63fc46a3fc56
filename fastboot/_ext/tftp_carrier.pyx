# cython: language_level=3
"""Twin of `fastboot.tftp.carrier.Carrier`: the data path in C.

What happens for each packet happens here without Python objects and without the GIL:
datagrams come in by the dozen, find their transfer in a hash table, move its machine,
and what it sends leaves in one call for all clients of a turn.

Requests, strangers' datagrams and transfers that are over are handed up as Python
objects. Transfers in netascii run on the Python sender, through the same sockets.
"""

import os
import time
from functools import partial

from fastboot.arrival import arrival
from fastboot.poller import READ, WRITE, Poller
from fastboot.tftp.carrier import Broken, Ended, Request, Stray
from fastboot.tftp.packet import Error, ErrorCode, OptionAck
from fastboot.tftp.ports import Ports, answering
from fastboot.tftp.transfer import Outcome

from cpython.bytes cimport PyBytes_AS_STRING
from libc.math cimport ceil
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from fastboot._ext.datagrams cimport (
    IN_MAX, MESSAGE_MAX, SEGMENTS_MAX, Address, Inbox, Outbox, address_init,
    sockaddr_storage,
    inbox_ancillary, inbox_bytes, inbox_free, inbox_init, inbox_peer, inbox_receive,
    name_equal, name_hash,
    outbox_begin, outbox_flush, outbox_free, outbox_has_room, outbox_init,
    outbox_piece,
)
from fastboot._ext.tftp_frames cimport (
    CUT_SHORT, REWRITTEN, Budget, Image, Source, frame, image_find, image_free,
    image_new, verify,
)
from fastboot._ext.tftp_transfer cimport (
    CLOSED, UNREADABLE, Burst, Machine, aborted, machine_aborted,
    machine_acknowledge, machine_acknowledged, machine_finish, machine_init,
    machine_repeat, machine_sent, machine_start, machine_tick,
)
from fastboot._ext.wheel cimport (
    Node, Wheel, wheel_init, wheel_next, wheel_pop, wheel_remove, wheel_set,
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
    BUCKETS = 8192
    SCRATCH = 8 << 20  # bytes framed outside of any image before they are sent
    IMAGES_MAX = 256
    HEADER = 4
    HEADERS_IPV4 = 28  # IPv4 and UDP
    HEADERS_IPV6 = 48
    BATCHES = 4        # of datagrams from one socket before the others have their turn

_REASONS = {
    CUT_SHORT: "the file was cut short while it was read",
    REWRITTEN: "the file was rewritten while it was read",
}
_OUTCOMES = (None, *Outcome)
cdef bytes _UNREADABLE = Error(
    ErrorCode.NOT_DEFINED, b"the file changed or cannot be read"
).encode()
cdef const char* _unreadable = PyBytes_AS_STRING(_UNREADABLE)
cdef size_t _unreadable_size = len(_UNREADABLE)


cdef struct Transfer:
    Node timer  # first, so that a timer's node is its transfer
    Machine machine
    Source source
    Image* image
    Address address
    Transfer* chain  # of the hash table
    Transfer* over   # of the list of those that have ended
    bint is_over
    Transfer* stuck  # of the list of those whose packets the socket had no room for
    bint is_stuck
    int64_t unsent   # the first block that it had no room for
    int fd
    bint in_python   # a Python sender does what the machine would
    uint64_t hash
    const uint8_t* oack
    size_t oack_size
    int segments     # packets in one message; 1: nothing is to be cut
    int failure
    double moved
    void* entry      # its _Entry; touched with the GIL only


cdef class _Picture:
    """An image, and how many transfers use it."""

    cdef Image* image
    cdef int users

    def __dealloc__(self):
        if self.image != NULL:
            image_free(self.image)


cdef class _Entry:
    """What Python keeps of a transfer."""

    cdef Transfer* transfer
    cdef object line
    cdef object job
    cdef object ancillary
    cdef object sender  # a Python sender, or None where the machine is in C
    cdef _Picture picture
    cdef bytes oack
    cdef bytes data
    cdef str reason

    def __dealloc__(self):
        free(self.transfer)


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
    cdef bint _news      # something is in _happened
    cdef object _poller
    cdef object _ports
    cdef dict _entries   # by line
    cdef dict _pictures  # by file and block size, the one longest unused first
    cdef list _happened
    cdef int _epoll
    cdef int _waker
    cdef int _timer
    cdef int _unconfirmed
    cdef bint _closed
    cdef bint _waits     # whoever polls waits inside `poll`, which needs no timer
    cdef double _now
    cdef uint64_t _seed
    cdef Wheel _wheel
    cdef Budget _budget
    cdef Transfer** _table
    cdef Transfer* _over
    cdef Transfer* _stuck       # who waits for room, the one that waits longest first
    cdef Transfer* _stuck_last
    cdef uint8_t* _scratch
    cdef int64_t _scratch_used
    cdef Inbox _inbox
    cdef Outbox _outbox

    def __cinit__(self):
        self._table = <Transfer**>calloc(BUCKETS, sizeof(void*))
        self._scratch = <uint8_t*>malloc(SCRATCH)
        if not (self._table and self._scratch):
            raise MemoryError
        inbox_init(&self._inbox)
        outbox_init(&self._outbox)

    def __dealloc__(self):
        free(self._table)
        free(self._scratch)
        inbox_free(&self._inbox)
        outbox_free(&self._outbox)

    def __init__(self, clock, cache_bytes):
        self._clock = clock
        self._own_clock = clock is time.monotonic
        self._poller = Poller()
        self._ports = Ports(self._poller)
        self._entries = {}
        self._pictures = {}
        self._happened = []
        self._epoll = self._poller.fileno()
        self._waker, self._timer = self._poller.own
        self._seed = int.from_bytes(os.urandom(8))
        self._budget.limit = cache_bytes
        self._look_at_clock()
        wheel_init(&self._wheel, self._now)

    # Python's interface

    def open(self, place, int port):
        """See `fastboot.tftp.carrier.Carrier`, here and below."""
        self._ports.open(place, port)

    @property
    def listening(self):
        return self._ports.listening

    @property
    def active(self):
        return len(self._entries)

    @property
    def unconfirmed(self):
        return self._unconfirmed

    def fileno(self):
        return self._epoll

    def wake(self):
        self._poller.wake()

    def stop_listening(self):
        self._ports.stop_listening()

    def send(self, line, came, bytes packet):
        self._ports.send(line, answering(line[1], came), [packet])

    def is_confirmed(self, line):
        cdef _Entry entry = self._entries[line]
        if entry.sender is not None:
            return entry.sender.confirmed
        return bool(entry.transfer.machine.confirmed)

    def acknowledged(self, line):
        cdef _Entry entry = self._entries[line]
        if entry.sender is not None:
            return entry.sender.acknowledged
        return machine_acknowledged(&entry.transfer.machine)

    def moved(self, line):
        return (<_Entry>self._entries[line]).transfer.moved

    def close(self):
        if not self._closed:
            self._closed = True
            self._ports.close()
            self._poller.close()

    def poll(self, timeout):
        cdef double patience = -1.0 if timeout is None else timeout
        self._waits = timeout is None
        self._look_at_clock()
        with nogil:
            self._run(patience)
        return self._hand_up()

    def begin(self, line, job):
        cdef _Entry entry = self._new_entry(line, job)
        cdef Transfer* transfer = entry.transfer
        cdef Burst burst
        self._look_at_clock()
        self._entries[line] = entry
        self._unconfirmed += 1
        transfer.moved = self._now
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.start, self._now))
        else:
            self._link(transfer)
            burst = machine_start(&transfer.machine, self._now)
            self._emit(transfer, burst)
        self._flush()
        return self._hand_up()

    def repeat(self, line):
        cdef _Entry entry = self._entries[line]
        self._look_at_clock()
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.repeat, self._now))
        else:
            self._emit(entry.transfer, machine_repeat(&entry.transfer.machine))
        self._flush()
        return self._hand_up()

    def end(self, line, str reason, *, bint tell):
        cdef _Entry entry = self._entries[line]
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
        while self._over != NULL:
            self._reap()
        if not self._waits:
            due = wheel_next(&self._wheel)
            self._poller.set_deadline(None if due < 0 else due)
        happened, self._happened, self._news = self._happened, [], False
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
            self._flush()
            if woken or self._news or self._over != NULL:
                return
            if patience == 0 or (patience > 0 and self._now >= until):
                return

    cdef int _wait(self, double patience, double until) noexcept nogil:
        """Milliseconds that epoll may wait; below 0: for ever."""
        cdef double due = wheel_next(&self._wheel)
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
            return fd == self._waker
        if what & EPOLLOUT and self._stuck != NULL:
            self._unstick(fd)
        elif what & EPOLLOUT:
            with gil:
                self._ports.flush(fd)
        if what & (EPOLLIN | EPOLLERR):
            for _ in range(BATCHES):
                if self._receive(fd) < IN_MAX:
                    break
        return False

    cdef int _receive(self, int fd) noexcept nogil:
        cdef int n, count = inbox_receive(&self._inbox, fd)
        for n in range(count):
            if not self._take_ack(fd, n):
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
        transfer = self._find(fd, n)
        if transfer == NULL:
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

    cdef void _take_other(self, int fd, int n) noexcept:
        """Take a request, an ERROR, anything for a Python sender, or a stranger's."""
        cdef _Entry entry
        try:
            data = inbox_bytes(&self._inbox, n)
            peer = inbox_peer(&self._inbox, n)
            port = self._ports.data_port(fd, peer)
            if port is None:
                entry = self._entries.get((fd, peer))
                if entry is not None and not entry.transfer.is_over:
                    self._take_for(entry, data)
                    return
            came = arrival(inbox_ancillary(&self._inbox, n))
            if port is None:
                self._report(Stray((fd, peer), data, came))
            else:
                self._report(Request((port, peer), data, came))
        except Exception as error:
            self._report(Broken(error))

    cdef int _take_for(self, _Entry entry, bytes data) except -1:
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
        cdef _Entry entry = <_Entry>transfer.entry
        try:
            self._step(entry, partial(entry.sender.tick, self._now))
        except Exception as error:
            self._report(Broken(error))

    cdef int _step(self, _Entry entry, step) except -1:
        """Send what a step of a Python sender returns, and set its timer or end it."""
        cdef Transfer* transfer = entry.transfer
        sender = entry.sender
        acknowledged = sender.acknowledged
        try:
            packets = step()
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

    # Sending

    cdef void _emit(self, Transfer* transfer, Burst burst) noexcept nogil:
        """Send what a machine wants sent, set its timer, or end it."""
        if transfer.machine.outcome:
            self._retire(transfer)
            return
        if burst.count == 0:
            return
        if self._stuck != NULL:  # behind those that wait already
            self._stick(transfer, burst.first)
        elif not self._queue(transfer, burst):
            machine_finish(&transfer.machine, UNREADABLE)
            self._queue_bytes(
                transfer, <uint8_t*>_unreadable, _unreadable_size, NULL
            )
            self._retire(transfer)
            return
        machine_sent(&transfer.machine, burst, self._now)
        wheel_set(&self._wheel, &transfer.timer, transfer.machine.deadline)

    cdef void _queue_bytes(
        self, Transfer* transfer, const uint8_t* data, size_t size, void* owner
    ) noexcept nogil:
        if not outbox_has_room(&self._outbox, transfer.fd, 1):
            self._flush()
        outbox_begin(&self._outbox, transfer.fd, &transfer.address, 0, owner, 0)
        outbox_piece(&self._outbox, data, size)

    cdef bint _queue(self, Transfer* transfer, Burst burst) noexcept nogil:
        """Put packets into the outbox; False: the file cannot be read as it was."""
        cdef int64_t first = burst.first, left = burst.count, there
        cdef int blksize = transfer.machine.blksize
        cdef uint8_t* packets
        if first == 0:
            self._queue_bytes(transfer, transfer.oack, transfer.oack_size, transfer)
            return True
        if first + left - 1 == transfer.machine.last:
            transfer.failure = verify(&transfer.source)
            if transfer.failure:
                return False
        while left > 0:
            packets = NULL
            if transfer.image != NULL:
                packets = image_find(
                    transfer.image, &transfer.source, first, &there, &self._budget,
                    &transfer.failure,
                )
            if packets == NULL and not transfer.failure:
                there = min(left, <int64_t>SCRATCH // (blksize + HEADER))
                packets = self._frame(transfer, first, there)
            if packets == NULL:
                return False
            there = min(left, there)
            self._queue_packets(transfer, first, there, packets)
            first += there
            left -= there
        return True

    cdef uint8_t* _frame(
        self, Transfer* transfer, int64_t first, int64_t count
    ) noexcept nogil:
        """Packets in memory that is free again after the next flush."""
        cdef int64_t most = count * (transfer.machine.blksize + HEADER), written
        cdef uint8_t* place
        if self._scratch_used + most > SCRATCH:
            self._flush()
        place = self._scratch + self._scratch_used
        written = frame(
            &transfer.source, transfer.machine.blksize, first, count, place
        )
        if written < 0:
            transfer.failure = written
            return NULL
        self._scratch_used += written
        return place

    cdef void _queue_packets(
        self, Transfer* transfer, int64_t first, int64_t count, uint8_t* packets
    ) noexcept nogil:
        cdef Machine* machine = &transfer.machine
        cdef int64_t n, size, packet = machine.blksize + HEADER
        while count > 0:
            n = min(count, <int64_t>transfer.segments)
            size = n * packet
            if first + n - 1 == machine.last:
                size -= machine.last * machine.blksize - machine.size
            if not outbox_has_room(&self._outbox, transfer.fd, 1):
                self._flush()
            outbox_begin(
                &self._outbox, transfer.fd, &transfer.address,
                packet if n > 1 else 0, transfer, first,
            )
            outbox_piece(&self._outbox, packets, size)
            packets += n * packet
            first += n
            count -= n

    cdef void _flush(self) noexcept nogil:
        cdef int n, count = self._outbox.count, sent
        cdef Transfer* transfer
        if count:
            sent = outbox_flush(&self._outbox)
            if self._outbox.cut_failed:
                self._outbox.cut_failed = False
                for n in range(sent):
                    if self._outbox.failed[n]:
                        (<Transfer*>self._outbox.owners[n]).segments = 1
            for n in range(sent, count):
                transfer = <Transfer*>self._outbox.owners[n]
                if transfer != NULL and not transfer.is_over:
                    self._stick(transfer, self._outbox.firsts[n])
        self._scratch_used = 0

    cdef void _stick(self, Transfer* transfer, int64_t first) noexcept nogil:
        """Remember packets that the socket had no room for."""
        if transfer.is_stuck:
            transfer.unsent = min(transfer.unsent, first)
            return
        transfer.is_stuck = True
        transfer.unsent = first
        transfer.stuck = NULL
        if self._stuck == NULL:
            self._stuck = transfer
        else:
            self._stuck_last.stuck = transfer
        self._stuck_last = transfer
        with gil:
            self._poller.change(transfer.fd, READ | WRITE)

    cdef void _unstick(self, int fd) noexcept nogil:
        """A socket has room again: send what it had none for."""
        cdef Transfer* waiting = self._stuck
        cdef Transfer* transfer
        cdef Burst burst
        with gil:
            self._poller.change(fd, READ)
            self._ports.flush(fd)
        self._stuck = NULL
        while waiting != NULL:
            transfer = waiting
            waiting = transfer.stuck
            transfer.is_stuck = False
            if transfer.fd != fd:
                self._stick(transfer, transfer.unsent)
                continue
            burst.first = max(transfer.unsent, transfer.machine.acked + 1)
            burst.count = transfer.machine.sent - burst.first + 1
            if burst.count > 0 and not transfer.is_over:
                self._queue(transfer, burst)  # what fails here is found by the timer
        self._flush()

    # The table

    cdef Transfer* _find(self, int fd, int n) noexcept nogil:
        """The transfer in C that the n-th datagram belongs to."""
        cdef sockaddr_storage* name = &self._inbox.names[n]
        cdef uint64_t hashed = name_hash(name, self._seed ^ fd)
        cdef Transfer* transfer = self._table[hashed & (BUCKETS - 1)]
        while transfer != NULL:
            if (
                transfer.hash == hashed and transfer.fd == fd
                and name_equal(&transfer.address.name, name)
            ):
                return transfer
            transfer = transfer.chain
        return NULL

    cdef void _link(self, Transfer* transfer) noexcept nogil:
        cdef Transfer** bucket
        transfer.hash = name_hash(&transfer.address.name, self._seed ^ transfer.fd)
        bucket = &self._table[transfer.hash & (BUCKETS - 1)]
        transfer.chain = bucket[0]
        bucket[0] = transfer

    cdef void _unlink(self, Transfer* transfer) noexcept nogil:
        cdef Transfer** place = &self._table[transfer.hash & (BUCKETS - 1)]
        while place[0] != NULL:
            if place[0] == transfer:
                place[0] = transfer.chain
                return
            place = &place[0].chain

    cdef void _retire(self, Transfer* transfer) noexcept nogil:
        """A transfer is over: no datagram or timer finds it any more."""
        if transfer.is_over:
            return
        transfer.is_over = True
        wheel_remove(&self._wheel, &transfer.timer)
        self._unlink(transfer)
        if not transfer.machine.confirmed:
            self._unconfirmed -= 1
        transfer.over = self._over
        self._over = transfer

    cdef int _reap(self) except -1:
        """Report the transfer that ended last and forget it; all it sent is out."""
        cdef Transfer* transfer = self._over
        cdef _Entry entry = <_Entry>transfer.entry
        self._over = transfer.over
        if transfer.is_stuck:
            self._forget_stuck(transfer)
        if entry.picture is not None:
            entry.picture.users -= 1
        del self._entries[entry.line]
        self._report(_ended(entry))
        return 0

    cdef void _forget_stuck(self, Transfer* transfer) noexcept nogil:
        cdef Transfer* waiting = self._stuck
        cdef Transfer* kept
        self._stuck = NULL
        while waiting != NULL:
            kept = waiting
            waiting = waiting.stuck
            if kept != transfer:
                kept.is_stuck = False
                self._stick(kept, kept.unsent)

    # Making a transfer

    cdef _Entry _new_entry(self, line, job):
        cdef _Entry entry = _Entry()
        cdef Transfer* transfer = <Transfer*>calloc(1, sizeof(Transfer))
        cdef object negotiated = job.terms.negotiated
        cdef object blob = job.blob
        if transfer == NULL:
            raise MemoryError
        entry.transfer = transfer
        entry.line = line
        entry.job = job
        entry.reason = ""
        entry.ancillary = answering(line[1], job.came)
        transfer.entry = <void*>entry
        transfer.timer.tick = -1
        transfer.fd = line[0]
        address_init(&transfer.address, line[1], entry.ancillary)
        if job.is_unusual:
            transfer.in_python = True
            entry.sender = job.sender()
            return entry
        machine_init(
            &transfer.machine, blob.size, blob.size // negotiated.blksize + 1,
            negotiated.blksize, negotiated.windowsize, bool(negotiated.answer),
            negotiated.probe, negotiated.timeout or 0.0, job.terms.patience,
        )
        entry.oack = OptionAck(negotiated.answer).encode()
        transfer.oack = <const uint8_t*>PyBytes_AS_STRING(entry.oack)
        transfer.oack_size = len(entry.oack)
        transfer.segments = _segments(negotiated, line[1], job.mtu)
        transfer.source.size = blob.size
        if blob.fd is None:
            entry.data = blob.read(0, blob.size)
            transfer.source.fd = -1
            transfer.source.data = <const uint8_t*>PyBytes_AS_STRING(entry.data)
        else:
            transfer.source.fd = blob.fd
            transfer.source.offset = blob.offset
            transfer.source.mtime_ns = blob.mtime_ns
            self._give_picture(entry)
        return entry

    cdef int _give_picture(self, _Entry entry) except -1:
        """Let a transfer use the image of its file, shared with all that send it."""
        cdef Transfer* transfer = entry.transfer
        cdef _Picture picture
        if self._budget.limit == 0:
            return 0
        status = os.fstat(transfer.source.fd)
        key = (
            status.st_dev, status.st_ino, transfer.source.mtime_ns,
            transfer.source.offset, transfer.source.size, transfer.machine.blksize,
        )
        picture = self._pictures.pop(key, None)
        if picture is None:
            self._make_room(transfer.source.size)
            picture = _Picture()
            picture.image = image_new(&transfer.source, transfer.machine.blksize)
            if picture.image == NULL:
                return 0
        picture.users += 1
        self._pictures[key] = picture
        entry.picture = picture
        transfer.image = picture.image
        return 0

    cdef int _make_room(self, int64_t wanted) except -1:
        """Forget images that nobody uses, the one longest unused first."""
        cdef _Picture picture
        cdef int64_t room = min(wanted * 2, self._budget.limit)
        for key in list(self._pictures):
            if (
                self._budget.used + room <= self._budget.limit
                and len(self._pictures) < IMAGES_MAX
            ):
                return 0
            picture = self._pictures[key]
            if picture.users == 0:
                del self._pictures[key]
                self._budget.used -= image_free(picture.image)
                picture.image = NULL
        return 0


cdef int _segments(negotiated, peer, int mtu) except -1:
    """Packets that one message may hold, so that each fits the MTU after it is cut."""
    cdef int packet = negotiated.blksize + HEADER
    cdef int headers = HEADERS_IPV6 if len(peer) == 4 else HEADERS_IPV4
    if negotiated.windowsize == 1 or packet + headers > mtu:
        return 1
    return max(1, min(<int>SEGMENTS_MAX, <int>MESSAGE_MAX // packet))


cdef _ended(_Entry entry):
    cdef Machine* machine = &entry.transfer.machine
    if entry.sender is not None:
        sender = entry.sender
        return Ended(
            entry.line, sender.outcome, sender.reason, sender.acknowledged,
            sender.retransmissions,
        )
    outcome = _OUTCOMES[machine.outcome]
    reason = entry.reason or outcome.value
    if machine.outcome == UNREADABLE:
        reason = _REASONS.get(entry.transfer.failure, "the file cannot be read")
    return Ended(
        entry.line, outcome, reason, machine_acknowledged(machine),
        machine.retransmissions,
    )

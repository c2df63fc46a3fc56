# cython: language_level=3
"""The transfers under way: what they send, what they wait for, and their end.

Machines in C run without Python objects and without the GIL. What they do not know,
netascii and files to receive for example, runs on one in Python.
"""

import os
from functools import partial

from fastboot.cold import Cold
from fastboot.tftp.carrier import Broken
from fastboot.tftp.packet import Error, ErrorCode

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc

from fastboot._ext.datagrams cimport sockaddr_storage
from fastboot._ext.tftp_callers cimport Callers
from fastboot._ext.tftp_entry cimport Entry
from fastboot._ext.tftp_frames cimport COLD
from fastboot._ext.tftp_outlet cimport Outlet
from fastboot._ext.tftp_pictures cimport Pictures
from fastboot._ext.tftp_recall cimport Recipe, Recipes
from fastboot._ext.tftp_table cimport (
    Transfer, table_add, table_free, table_init, table_remove,
)
from fastboot._ext.tftp_told cimport FRESH_MAX, Told
from fastboot._ext.tftp_transfer cimport (
    CLOSED, DONE, PROBED, STALLED, UNREADABLE, Burst, Machine, aborted,
    machine_aborted, machine_acknowledge, machine_finish,
    machine_repeat, machine_resumed, machine_sent, machine_start, machine_tick,
)
from fastboot._ext.wheel cimport (
    wheel_init, wheel_next, wheel_pop, wheel_remove, wheel_set,
)

cdef bytes _UNREADABLE = Error(
    ErrorCode.NOT_DEFINED, b"the file changed or cannot be read"
).encode()
cdef const char* _unreadable = PyBytes_AS_STRING(_UNREADABLE)
cdef size_t _unreadable_size = len(_UNREADABLE)


cdef class Running:
    """The transfers of one carrier.

    Args:
        poller: Told which sockets are waited for until they have room.
        ports: The sockets.
        reads: Threads that read what is not in memory.
        cache_bytes: What framed files may take.
        now: The time.
    """

    def __cinit__(self):
        table_init(&self.table, int.from_bytes(os.urandom(8)))

    def __dealloc__(self):
        table_free(&self.table)

    def __init__(self, poller, ports, reads, cache_bytes, double now):
        self.now = now
        self._ports = ports
        self._reads = reads
        self.entries = {}
        self._pictures = Pictures(cache_bytes)
        self.outlet = Outlet(poller, self._pictures)
        self.callers = Callers()
        self.recipes = Recipes()
        self.told = Told(
            self.entries, self.outlet, self._pictures, self.recipes, reads
        )
        wheel_init(&self._wheel, now)

    cdef double due(self) noexcept nogil:
        """When there is something to do though nothing comes in; below 0: never."""
        cdef double due = wheel_next(&self._wheel), tell_at = self.told.tell_at
        if tell_at >= 0 and (due < 0 or tell_at < due):
            return tell_at
        return due

    cdef int begin(self, line, job) except -1:
        """Let a transfer that Python allowed send its first packet."""
        cdef Entry entry = Entry(
            line, job, self._pictures, self._ports.answering(line, job.came)
        )
        cdef Transfer* transfer = entry.transfer
        self.entries[line] = entry
        self.unconfirmed += 1
        transfer.moved = self.now
        table_add(&self.table, transfer)
        self.callers.came(&transfer.address.name)
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.start, self.now))
        else:
            self._emit(transfer, machine_start(&transfer.machine, self.now))
        self.outlet.flush()
        if entry.sender is None:
            entry.let_go()
        else:
            job.wait()
        return 0

    cdef bint is_welcome(self, sockaddr_storage* name) noexcept nogil:
        """Whether a transfer may begin without Python, as things are."""
        return self.callers.welcome(name, self.unconfirmed, self.now)

    cdef bint begin_by(
        self, Recipe* recipe, sockaddr_storage* name, int port
    ) noexcept nogil:
        """Begin one without Python; False: memory has run out, or room for such."""
        cdef Transfer* transfer = NULL
        if self.told.fresh_count < FRESH_MAX:
            transfer = _by(recipe, name, port, self.now)
        if transfer == NULL:
            return False
        self.told.began(transfer)
        self.unconfirmed += 1
        table_add(&self.table, transfer)
        self.callers.came(name)
        self._emit(transfer, machine_start(&transfer.machine, self.now))
        return True

    cdef int repeat(self, Entry entry) except -1:
        """Send the first packet again: the request came again."""
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.repeat, self.now))
        else:
            self._emit(entry.transfer, machine_repeat(&entry.transfer.machine))
        self.outlet.flush()
        return 0

    cdef int end(self, Entry entry, str reason, bint tell) except -1:
        """Break a transfer off, and `tell` its client why."""
        goodbye = [Error(ErrorCode.NOT_DEFINED, reason.encode()).encode()]
        entry.reason = reason
        if entry.sender is not None:
            goodbye = entry.sender.close(reason)
        machine_finish(&entry.transfer.machine, CLOSED)
        if tell:
            self._ports.send(entry.line, entry.ancillary, goodbye)
        self._retire(entry.transfer)
        return 0

    cdef void acknowledge(self, Transfer* transfer, int wire) noexcept nogil:
        """Take an ACK for a machine in C."""
        cdef bint confirmed = transfer.machine.confirmed
        cdef int64_t acked = transfer.machine.acked
        cdef Burst burst = machine_acknowledge(&transfer.machine, wire, self.now)
        if transfer.machine.acked != acked:
            transfer.moved = self.now
        if transfer.machine.confirmed and not confirmed:
            self.unconfirmed -= 1
        self._emit(transfer, burst)

    cdef int take_for(self, Entry entry, bytes data) except -1:
        """Take a datagram that is no ACK, or is for a Python sender."""
        cdef Machine* machine = &entry.transfer.machine
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.receive, data, self.now))
        elif len(data) >= 4 and data[0] == 0 and data[1] == 5:
            code = data[2] << 8 | data[3]
            machine_aborted(machine, code)
            entry.reason = aborted(machine, code, data)
            self._retire(entry.transfer)
        return 0

    cdef void expire(self) noexcept nogil:
        cdef Transfer* transfer
        while True:
            transfer = <Transfer*>wheel_pop(&self._wheel, self.now)
            if transfer == NULL:
                return
            if transfer.in_python:
                with gil:
                    self._tick_python(transfer)
            else:
                self._emit(transfer, machine_tick(&transfer.machine, self.now))

    # Transfers on the Python sender

    cdef void _tick_python(self, Transfer* transfer) noexcept:
        cdef Entry entry = <Entry>transfer.entry
        try:
            self._step(entry, partial(entry.sender.tick, self.now))
        except Exception as error:
            self.told.report(Broken(error))

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
            self.told.report(Broken(error))
            packets = sender.close("a mistake of the server")
        if packets:
            self._ports.send(entry.line, entry.ancillary, packets)
        if sender.confirmed and not transfer.machine.confirmed:
            transfer.machine.confirmed = True
            self.unconfirmed -= 1
        if sender.acknowledged != acknowledged:
            transfer.moved = self.now
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
        elif self.outlet.stuck != NULL:  # behind those that wait already
            self.outlet.stick(transfer, burst.first)
        elif not self.outlet.queue(transfer, burst):
            if transfer.failure != COLD:
                self._give_up(transfer)
                self._retire(transfer)
                return
            transfer.is_cold = True
            with gil:
                self._wait_for_file(transfer)
        machine_sent(&transfer.machine, burst, self.now)
        if transfer.is_cold:
            transfer.machine.deadline = transfer.machine.give_up
        wheel_set(&self._wheel, &transfer.timer, transfer.machine.deadline)

    cdef void _give_up(self, Transfer* transfer) noexcept nogil:
        """Tell the client that the file cannot be read."""
        machine_finish(&transfer.machine, UNREADABLE)
        self.outlet.queue_bytes(
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
            self.told.report(Broken(error))

    cdef int resume(self, Entry entry, part) except -1:
        """Go on with what was read, or end where it cannot be."""
        cdef Transfer* transfer = entry.transfer
        cdef Burst burst
        if entry.sender is not None:
            self._step(entry, partial(entry.sender.resume, part, self.now))
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
            self.outlet.flush()
            return 0
        burst.first = max(transfer.unsent, transfer.machine.acked + 1)
        burst.count = transfer.machine.sent - burst.first + 1
        burst.last_alone = False
        if self.outlet.queue(transfer, burst):
            machine_resumed(&transfer.machine, self.now)
        elif transfer.failure == COLD:  # the window goes on beyond what was read
            transfer.is_cold = True
            self._wait_for_file(transfer)
        else:
            self._give_up(transfer)
            self._retire(transfer)
        if not transfer.is_over:
            wheel_set(&self._wheel, &transfer.timer, transfer.machine.deadline)
        self.outlet.flush()
        entry.warm(None)
        return 0

    cdef void _retire(self, Transfer* transfer) noexcept nogil:
        """A transfer is over: no datagram or timer finds it any more."""
        if transfer.is_over:
            return
        transfer.is_over = True
        transfer.is_cold = False
        transfer.moved = self.now
        wheel_remove(&self._wheel, &transfer.timer)
        table_remove(&self.table, transfer)
        if not transfer.machine.confirmed:
            self.unconfirmed -= 1
        self.told.ended(transfer)
        self.callers.left(&transfer.address.name)
        if transfer.machine.outcome == DONE:
            self.callers.prove(&transfer.address.name, self.now + PROVED_FOR)
        if transfer.recipe != NULL and transfer.machine.outcome not in (DONE, PROBED):
            self.callers.doubt(&transfer.address.name, self.now + DOUBTED_FOR)


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

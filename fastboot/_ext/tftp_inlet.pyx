# cython: language_level=3
"""What comes in: datagrams by the dozen, most of which are ACKs of transfers in C.

Those find their transfer in a hash table and move its machine without Python, and a
request that was answered before begins one (`tftp_recall`, `tftp_callers`). The others,
requests, ERRORs, what is for a Python sender and strangers' datagrams, become Python
objects.
"""

from fastboot.arrival import arrival
from fastboot.tftp.carrier import Broken, Request, Stray
from fastboot.tftp.ports import is_request

from libc.stdint cimport uint8_t

from fastboot._ext.datagrams cimport (
    inbox_ancillary, inbox_bytes, inbox_free, inbox_init, inbox_know_bare, inbox_peer,
    inbox_receive, sockaddr_storage,
)
from fastboot._ext.tftp_entry cimport Entry
from fastboot._ext.tftp_recall cimport Recipe
from fastboot._ext.tftp_running cimport Running
from fastboot._ext.tftp_table cimport Transfer, table_find

cdef enum:
    ARRIVALS_MAX = 1024


cdef class Inlet:
    """Takes what comes to one carrier's sockets.

    Args:
        running: The transfers.
        ports: The sockets.
    """

    def __cinit__(self):
        inbox_init(&self._inbox)

    def __dealloc__(self):
        inbox_free(&self._inbox)

    def __init__(self, Running running, ports):
        self._running = running
        self._ports = ports
        self._arrivals = {}
        self._origins = {}

    cdef int receive(self, int fd, bint returns) noexcept nogil:
        """Take datagrams from a socket; how many. See `inbox_receive`."""
        cdef int n, count = inbox_receive(&self._inbox, fd, returns)
        for n in range(count):
            if not (self._take_ack(fd, n) or self._take_known(fd, n)):
                with gil:
                    self._take_other(fd, n)
        return count

    cdef int know_bare(self, fds) except -1:
        """Sockets, open as long as we are, tell nothing but who sent a datagram."""
        for fd in fds:
            inbox_know_bare(&self._inbox, fd)
        return 0

    cdef object ancillary(self, came):
        """The control messages that told of an arrival, or None."""
        return self._origins.get(came)

    cdef bint _take_ack(self, int fd, int n) noexcept nogil:
        """Take an ACK for a machine in C; False: the datagram is something else."""
        cdef const uint8_t* data = <uint8_t*>self._inbox.pieces[n].iov_base
        cdef Transfer* transfer
        if self._inbox.messages[n].msg_len < 4 or data[0] != 0 or data[1] != 4:
            return False
        transfer = table_find(&self._running.table, fd, &self._inbox.names[n])
        if transfer == NULL or transfer.in_python:
            return False
        self._running.acknowledge(transfer, data[2] << 8 | data[3])
        return True

    cdef bint _take_known(self, int fd, int n) noexcept nogil:
        """Begin a transfer without Python; False: the datagram is to be looked at."""
        cdef const uint8_t* data = <uint8_t*>self._inbox.pieces[n].iov_base
        cdef sockaddr_storage* name = &self._inbox.names[n]
        cdef Recipe* recipe
        cdef int port
        if self._inbox.messages[n].msg_len < 4 or data[0] != 0 or data[1] != 1:
            return False
        port = self._running.callers.port(fd, name, self._running.now)
        if (
            port < 0 or self.asked
            or not self._running.is_welcome(name)
            or table_find(&self._running.table, port, name) != NULL
        ):
            return False
        recipe = self._running.recipes.find(
            &self._inbox, n, self._running.now
        )
        return recipe != NULL and self._running.begin_by(recipe, name, port)

    cdef void _take_other(self, int fd, int n) noexcept:
        """Take a request, an ERROR, anything for a Python sender, or a stranger's."""
        cdef Entry entry
        cdef int door = self._running.callers.port(
            fd, &self._inbox.names[n], self._running.now
        )
        try:
            data = inbox_bytes(&self._inbox, n)
            peer = inbox_peer(&self._inbox, n)
            port = door if door >= 0 else self._ports.data_port(fd, peer)
            self._running.told.tell_all()
            if port is None or not is_request(data):
                entry = self._running.entries.get((fd, peer))
                if entry is not None and not entry.transfer.is_over:
                    self._running.take_for(entry, data)
                    return
            came = self._arrival(n)
            self.asked = True
            if port is None:
                self._running.told.report(Stray((fd, peer), data, came))
            else:
                self._running.told.report(Request((port, peer), data, came, fd))
        except Exception as error:
            self._running.told.report(Broken(error))

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
